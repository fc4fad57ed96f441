//go:build linux

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestParityCall holds what call prints against what bake prints, by the
// attribute of the targets and by the flag.
func TestParityCall(t *testing.T) {
	t.Parallel()
	peer := os.Getenv(peerEnv)
	parts := startParityParts(t)
	runs := map[string][]string{
		"attribute":    {"bake"},
		"outline":      {"bake", "--call", "outline", "outline"},
		"outline-json": {"bake", "--call", "outline,format=json", "outline"},
		"targets":      {"bake", "--call", "targets", "list"},
		"targets-json": {"bake", "--call", "targets,format=json", "list"},
		"check":        {"bake", "--check", "check"},
		"check-json":   {"bake", "--call", "check,format=json", "check"},
	}
	for name, args := range runs {
		t.Run(name, func(t *testing.T) {
			golden := filepath.Join("testdata/parity-call", name+".txt")
			if peer != "" {
				made := parts.call(t, "peer", peer, args)
				if *update {
					if err := os.WriteFile(golden, []byte(made), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				compareText(t, "bake and its golden", readText(t, golden), made)
			}
			made := parts.call(t, "orch", filepath.Join(shared.bin, "orch"), args)
			compareText(t, "orch and bake", readText(t, golden), made)
		})
	}
}

// call returns what a program prints, without the ends of lines that are
// filled with spaces.
func (p *parityParts) call(t *testing.T, program, binary string, args []string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), program)
	copyProject(t, "testdata/parity-call", dir)
	args = append(args, "--allow", "fs=*", "--progress", "quiet")
	if program == "peer" {
		args = append(args, "--builder", p.peerBuilder(t, "call", binary))
	}
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), p.env...), "PWD="+dir)
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		t.Fatalf("%s %v: %v", program, args, err)
	}
	out = withoutDefinitions(out)
	var lines []string
	for line := range strings.Lines(strings.ReplaceAll(string(out), dir, "DIR")) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return strings.Join(lines, "\n") + "\n"
}

// withoutDefinitions takes the definitions out of an answer in JSON: they say
// how the Dockerfile came to the builder.
func withoutDefinitions(data []byte) []byte {
	var answer any
	if json.Unmarshal(data, &answer) != nil {
		return data
	}
	var clean func(any)
	clean = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			delete(v, "definition")
			for _, inner := range v {
				clean(inner)
			}
		case []any:
			for _, inner := range v {
				clean(inner)
			}
		}
	}
	clean(answer)
	out, err := json.MarshalIndent(answer, "", "  ")
	if err != nil {
		return data
	}
	return out
}
