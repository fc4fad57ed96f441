//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkPlan runs the whole of orch plan on 200 targets with a shared base,
// as a process: reading the definition, planning, printing.
func BenchmarkPlan(b *testing.B) {
	dir := b.TempDir()
	var file, def strings.Builder
	file.WriteString("FROM golang:1-alpine AS base\nWORKDIR /src\nCOPY go.mod go.sum ./\nRUN go mod download\n")
	for i := range 200 {
		fmt.Fprintf(&file, "FROM base AS build-%d\nCOPY svc-%d svc-%d\nRUN go build -o /out ./svc-%d\nFROM scratch AS svc-%d\nCOPY --from=build-%d /out /bin/svc\n", i, i, i, i, i, i)
	}
	def.WriteString("group \"default\" { targets = [\"svc\"] }\ntarget \"svc\" {\n  matrix = { n = range(200) }\n  name = \"svc-${n}\"\n  target = \"svc-${n}\"\n  tags = [\"example.com/svc-${n}\"]\n}\n")
	for name, text := range map[string]string{"Dockerfile": file.String(), "build.hcl": def.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	plan := func(args ...string) func(b *testing.B) {
		return func(b *testing.B) {
			cmd := exec.Command(filepath.Join(shared.bin, "orch"), append([]string{"plan"}, args...)...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+shared.state)
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
		}
	}
	compare(b, contender{name: "plan-200", run: plan()},
		contender{name: "json", run: plan("--format", "json")},
		contender{name: "html", run: plan("--format", "html")},
		contender{name: "version", run: func(b *testing.B) {
			if err := exec.Command(filepath.Join(shared.bin, "orch"), "version").Run(); err != nil {
				b.Fatal(err)
			}
		}})
}
