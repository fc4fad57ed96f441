package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orch-build/orch/runner"
)

func TestGitHubPath(t *testing.T) {
	top := t.TempDir()
	t.Chdir(top)
	tests := []struct{ workspace, file, want string }{
		{"", "Dockerfile", "Dockerfile"},
		{top, "Dockerfile", "Dockerfile"},
		{filepath.Dir(top), "app/Dockerfile", filepath.Base(top) + "/app/Dockerfile"},
		{filepath.Join(top, "app"), "app/Dockerfile", "Dockerfile"},
		{filepath.Join(top, "app"), "../Dockerfile", "../Dockerfile"},
		{top, filepath.Join(top, "app", "Dockerfile"), "app/Dockerfile"},
	}
	for _, tt := range tests {
		e := &env{lookup: func(string) (string, bool) { return tt.workspace, true }}
		if got := e.githubPath(tt.file); got != tt.want {
			t.Errorf("%s in %q: got %s, want %s", tt.file, tt.workspace, got, tt.want)
		}
	}
}

// What a step prints is no command to the system that shows it.
func TestFailureNoCommands(t *testing.T) {
	g := &runner.FailureGroup{Failure: &runner.Failure{Log: []string{"::stop-commands::x", "  ::add-path::/x", "##[group]x", "a::b"}}, Targets: []string{"app"}}
	for _, github := range []string{"", "true"} {
		e := &env{lookup: func(string) (string, bool) { return github, true }}
		var out bytes.Buffer
		printFailure(&out, g, style{}, e.quoting(func(s string) string { return s }))
		bare := 0
		for line := range strings.Lines(out.String()) {
			if l := strings.TrimSpace(line); strings.HasPrefix(l, "::") || strings.HasPrefix(l, "##[") {
				bare++
			}
		}
		if want := map[string]int{"": 3, "true": 0}[github]; bare != want {
			t.Errorf("GITHUB_ACTIONS=%s: %d commands, want %d:\n%s", github, bare, want, out.String())
		}
	}
}
