//go:build !windows

package docker

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// fakeDocker puts a docker command on PATH, whose engine is the current one and
// keeps one platform; that of the context "whole" has containerd's image store, and
// that of "gone" does not answer.
func fakeDocker(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	script := `#!/bin/sh
context=
if [ "$1" = --context ]; then context=$2; shift 2; fi
[ "$context" = gone ] && { echo "Cannot connect to the Docker daemon" >&2; exit 1; }
case $1 in
version) echo 29.0.0 ;;
info) [ "$context" = whole ] && echo '[["driver-type","io.containerd.snapshotter.v1"]]' || echo '[["Backing Filesystem","extfs"]]' ;;
esac
`
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestAsk(t *testing.T) {
	fakeDocker(t)
	one, two := []string{"linux/amd64"}, []string{"linux/amd64", "linux/arm64"}
	tests := []struct {
		name      string
		platforms []string
		attest    []config.Attest
		engine    string
		whole     bool
		err       []string
	}{
		{name: "one platform", platforms: one},
		{name: "default attestation", platforms: one, attest: []config.Attest{{Entry: config.Entry{Type: "provenance"}, InlineOnly: true}}},
		{name: "no attestation", platforms: one, attest: []config.Attest{{Entry: config.Entry{Type: "provenance"}, Disabled: true}}},
		{name: "containerd's store", platforms: two, engine: "whole", whole: true},
		{
			name: "two platforms", platforms: two,
			err: []string{"target app: it has 2 platforms (linux/amd64, linux/arm64), and the Docker engine keeps images of one\n", "containerd-snapshotter", "-o type=oci,dest=image.tar"},
		},
		{
			name: "an attestation", platforms: one, attest: []config.Attest{{Entry: config.Entry{Type: "sbom"}}}, engine: "plain",
			err: []string{`target app: it has an attestation (sbom), and the Docker engine keeps none (docker context "plain")`},
		},
		{name: "no answer", platforms: one, engine: "gone", err: []string{`no Docker engine answers (docker context "gone")`, "Cannot connect"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := config.Entry{Type: "docker", Attrs: map[string]string{}}
			if tt.engine != "" {
				out.Attrs["context"] = tt.engine
			}
			target := &config.Target{Name: "app", Attest: tt.attest, Outputs: []config.Output{config.NewOutput(out)}}
			plan := &planner.Plan{Builds: []*planner.Build{{Target: target, Platforms: tt.platforms}}}
			engines, err := Ask(context.Background(), plan)
			if len(tt.err) == 0 && err != nil || len(tt.err) > 0 && err == nil {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			for _, want := range tt.err {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q, want %q in it", err, want)
				}
			}
			if err == nil && engines.KeepsIndex(tt.engine) != tt.whole {
				t.Errorf("keeps images whole: %v, want %v", !tt.whole, tt.whole)
			}
		})
	}
}

func TestAskNobody(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	archive := config.NewOutput(config.Entry{Type: "docker", Attrs: map[string]string{"dest": "a.tar"}})
	target := &config.Target{Name: "app", Outputs: []config.Output{archive}}
	engines, err := Ask(context.Background(), &planner.Plan{Builds: []*planner.Build{{Target: target}}})
	if err != nil || engines.KeepsIndex("") {
		t.Errorf("got %v, %v without an image to load", engines, err)
	}
}
