package pipeline

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestActionScript runs the script of the action with an orch that writes down how
// it was called, and demands that inputs are arguments and never commands.
func TestActionScript(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	for _, tt := range []struct {
		name string
		env  []string
		want []string // --metadata-file and its value are left out
		code int
	}{
		{"nothing", nil, []string{"bake"}, 0},
		{"lists", []string{"INPUT_FILES=a.hcl,b.hcl\n c.hcl ", "INPUT_TARGETS=api, web\ndocs", "INPUT_SET=*.platform=linux/amd64,linux/arm64\n\n  web.tags=x  ", "INPUT_VARS=TAG=1 2", "INPUT_ALLOW=fs.read=..,network.host"},
			[]string{"bake", "--file", "a.hcl", "--file", "b.hcl", "--file", "c.hcl", "--allow", "fs.read=..", "--allow", "network.host",
				"--set", "*.platform=linux/amd64,linux/arm64", "--set", "web.tags=x", "--var", "TAG=1 2", "api", "web", "docs"}, 0},
		{"switches", []string{"INPUT_PUSH=true", "INPUT_LOAD=false", "INPUT_PULL=true", "INPUT_NO_CACHE=true", "INPUT_PROVENANCE=mode=max", "INPUT_SBOM=true", "INPUT_BUILDER=b", "INPUT_SOURCE=https://example.com/r.git"},
			[]string{"bake", "--no-cache", "--pull", "--push", "--provenance", "mode=max", "--sbom", "true", "--builder", "b", "https://example.com/r.git"}, 0},
		{"shard", []string{"INPUT_SHARD=2/7", "INPUT_PLAN=shards.json"}, []string{"bake", "--shard", "2/7", "--plan", "shards.json"}, 0},
		{"call", []string{"INPUT_CALL=check"}, []string{"bake", "--call", "check"}, 0},
		{"hostile", []string{"INPUT_TARGETS=$(touch evil)\n`touch evil`\n; touch evil\n*", "INPUT_SET=a.args.X=$(touch evil)"},
			[]string{"bake", "--set", "a.args.X=$(touch evil)", "$(touch evil)", "`touch evil`", "; touch evil", "*"}, 0},
		{"failure", []string{"FAKE_CODE=1"}, []string{"bake"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			fake := "#!/bin/sh\nfor a; do printf '%s\\n' \"$a\" >>\"$FAKE_LOG\"; case $last in --metadata-file) echo '{\"api\":{}}' >\"$a\";; esac; last=$a; done\nexit ${FAKE_CODE:-0}\n"
			if err := os.WriteFile(filepath.Join(dir, "orch"), []byte(fake), 0o755); err != nil {
				t.Fatal(err)
			}
			log, output := filepath.Join(dir, "log"), filepath.Join(dir, "output")
			script, err := filepath.Abs("../../scripts/action.sh")
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(bash, script)
			cmd.Dir = dir
			cmd.Env = append([]string{"PATH=" + dir + ":" + os.Getenv("PATH"), "FAKE_LOG=" + log, "GITHUB_OUTPUT=" + output, "TMPDIR=" + dir}, tt.env...)
			text, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != tt.code {
				t.Fatalf("exit code %d, want %d: %v\n%s", code, tt.code, err, text)
			}
			data, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
			metadata := slices.Index(got, "--metadata-file")
			if alone := strings.HasPrefix(tt.name, "shard") || tt.name == "call"; alone != (metadata < 0) {
				t.Errorf("--metadata-file is in the arguments: %v", metadata >= 0)
			}
			if metadata >= 0 {
				got = slices.Delete(got, metadata, metadata+2)
				data, _ := os.ReadFile(output)
				if lines := strings.Split(string(data), "\n"); len(lines) < 3 || !strings.HasPrefix(lines[0], "metadata<<") || lines[1] != `{"api":{}}` {
					t.Errorf("the output is %q", data)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("called with\n%q, want\n%q", got, tt.want)
			}
			if _, err := os.Stat(filepath.Join(dir, "evil")); err == nil {
				t.Error("an input was run")
			}
		})
	}
}
