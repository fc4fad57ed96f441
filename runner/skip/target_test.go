package skip

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/inputs"
)

func exporter(typ string, attrs ...string) config.Output {
	e := config.Entry{Type: typ, Attrs: map[string]string{}}
	for _, a := range attrs {
		k, v, _ := strings.Cut(a, "=")
		e.Attrs[k] = v
	}
	return config.NewOutput(e)
}

// TestAlways lists what is built whatever records there are.
func TestAlways(t *testing.T) {
	yes := true
	pushed := exporter("registry")
	for _, tt := range []struct {
		name    string
		outputs []config.Output
		change  func(*planner.Build, *digest.Target, *Run)
		want    string // "" may be skipped
	}{
		{"pushed", []config.Output{pushed}, nil, ""},
		{"image pushed", []config.Output{exporter("image", "push=true")}, nil, ""},
		{"a file", []config.Output{exporter("oci", "dest=x.tar")}, nil, ""},
		{"pushed and a file", []config.Output{pushed, exporter("tar", "dest=x.tar")}, nil, ""},
		{"pull", []config.Output{pushed}, func(b *planner.Build, _ *digest.Target, _ *Run) { b.Target.Pull = &yes }, ""},
		{"nothing", nil, nil, "no output"},
		{"by digest", []config.Output{exporter("image", "push=true", "push-by-digest=true")}, nil, "digest alone"},
		{"two forms", []config.Output{pushed, exporter("registry", "compression=zstd")}, nil, "several forms"},
		{"two names of one form", []config.Output{pushed, exporter("image", "push=true", "name=x")}, nil, ""},
		{"not pushed", []config.Output{exporter("image")}, nil, "neither"},
		{"a folder", []config.Output{exporter("local", "dest=out")}, nil, ""},
		{"the project's folder", []config.Output{exporter("local", "dest=.")}, nil, "holds the project"},
		{"a folder around it", []config.Output{exporter("local", "dest=../..")}, nil, "holds the project"},
		{"a folder that is emptied", []config.Output{exporter("local", "dest=out", "mode=delete")}, nil, "deletes"},
		{"standard output", []config.Output{exporter("tar", "dest=-")}, nil, "standard output"},
		{"loaded", []config.Output{exporter("docker")}, nil, "an engine"},
		{"cache only", []config.Output{exporter("cacheonly")}, nil, "neither"},
		{"no-cache", []config.Output{pushed}, func(b *planner.Build, _ *digest.Target, _ *Run) { b.Target.NoCache = &yes }, "no-cache"},
		{"no-cache-filter", []config.Output{pushed}, func(b *planner.Build, _ *digest.Target, _ *Run) { b.Target.NoCacheFilter = []string{"a"} }, "no-cache"},
		{"open", []config.Output{pushed}, func(_ *planner.Build, d *digest.Target, _ *Run) { d.Open = []inputs.Unpinned{{Text: "alpine moves"}} }, "open: alpine moves"},
		{"frontend", []config.Output{pushed}, func(_ *planner.Build, _ *digest.Target, r *Run) { r.Frontend = "another frontend" }, "another frontend"},
		{"a tag with a digest", []config.Output{pushed}, func(b *planner.Build, _ *digest.Target, _ *Run) {
			b.Target.Tags = []string{"r/a@sha256:" + strings.Repeat("0", 64)}
		}, "a digest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := &planner.Build{Wanted: true, Target: &config.Target{Name: "a", Tags: []string{"r/a:1"}, Outputs: tt.outputs, Skip: &config.Skip{Lane: "main", Main: "main"}}}
			d, r := &digest.Target{Publication: "orch3:1"}, &Run{BuildPlatform: "linux/amd64"}
			if tt.change != nil {
				tt.change(b, d, r)
			}
			got, reason, err := r.Target(b, d)
			if got != nil {
				reason = got.Always // and it is recorded
			}
			if err != nil || (got == nil || reason != "") != (tt.want != "") || !strings.Contains(reason, tt.want) {
				t.Errorf("got %v, %q, %v; want %q", got, reason, err, tt.want)
			}
		})
	}
}

// TestInput wants another key for whatever a run changes in an image.
func TestInput(t *testing.T) {
	target := func(r Run, caches ...planner.Cache) string {
		b := &planner.Build{Target: &config.Target{Name: "a", Tags: []string{"r/a:1"}, Outputs: []config.Output{exporter("registry")}, Skip: &config.Skip{}}, CacheTo: caches}
		got, reason, err := r.Target(b, &digest.Target{Publication: "orch3:1"})
		if err != nil || got == nil {
			t.Fatal(reason, err)
		}
		return got.Input
	}
	inline := planner.Cache{CacheEntry: config.NewCacheEntry(config.Entry{Type: "inline"})}
	base := target(Run{})
	for name, other := range map[string]string{
		"inline cache": target(Run{}, inline), "settings": target(Run{Settings: []string{"true"}}), "digest": Input("orch1:1"),
	} {
		if other == base {
			t.Errorf("%s: the same key", name)
		}
	}
}

// TestFileTarget skips a target that writes nothing but a file, on the machine
// that has written it.
func TestFileTarget(t *testing.T) {
	s := newScene(t)
	dest := filepath.Join(t.TempDir(), "x.tar")
	one := s.target("orch3:a")
	one.Files = []Output{{Kind: "oci", Dest: dest}}
	write := func(text string) {
		if err := os.WriteFile(dest, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.builds(one, "recorded here")
	write("1")
	s.Write(t.Context(), About{}, []Built{{Target: one}})
	s.skips(one, 0)
	if asked := s.Asked(); len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
	write("2")
	s.builds(one, "not as that build wrote it")
	write("1")
	s.Write(t.Context(), About{}, []Built{{Target: one}})
	s.must(os.Remove(dest))
	s.builds(one, "is not there")
}
