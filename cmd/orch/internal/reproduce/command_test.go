package reproduce

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/orch-build/orch/config"
)

// TestApart has targets be built into layouts, in the form of their outputs, and
// nothing else be done.
func TestApart(t *testing.T) {
	output := config.NewOutput(config.Entry{Type: "registry", Attrs: map[string]string{
		"compression": "zstd", "push": "true", "name": "x", "annotation.a": "b", "annotation-index.c": "d", "oci-mediatypes": "false",
	}})
	app := &config.Target{
		Name: "a/b", Tags: []string{"x"}, Call: "check", Outputs: []config.Output{config.NewOutput(config.Entry{Type: "local"}), output},
		Annotations: []string{"k=v", "index:k=v", "manifest,index:k=v", "index-descriptor:k=v", "manifest[linux/amd64]:k=v"},
	}
	linked := &config.Target{Name: "base", Reproducible: true, Outputs: []config.Output{output}}
	names := apart(&config.Config{Chosen: []string{"a/b"}, Targets: []*config.Target{app, linked}}, func(name string) string { return place("d", "first", name) })
	if !slices.Equal(names, []string{"a/b"}) || len(linked.Outputs) != 0 || !*linked.NoCache || !linked.Attest[0].Disabled {
		t.Errorf("%v, %+v", names, linked)
	}
	want := map[string]string{"compression": "zstd", "annotation.a": "b", "tar": "false", "dest": "d/first/a_b"}
	if got := app.Outputs; len(got) != 1 || got[0].Type != "oci" || !maps.Equal(got[0].Attrs, want) || app.Tags != nil || app.Call != "" {
		t.Errorf("%+v", app)
	}
	if got := app.Annotations; !slices.Equal(got, []string{"k=v", "manifest:k=v", "manifest[linux/amd64]:k=v"}) {
		t.Errorf("annotations %q", got)
	}
	if got := form(&config.Target{Reproducible: true}); got["rewrite-timestamp"] != "true" {
		t.Errorf("a reproducible target without an output: %v", got)
	}
}

// A run that fails leaves the folder of --keep as it was.
func TestUnmake(t *testing.T) {
	for _, there := range []bool{false, true} {
		c := &command{keep: filepath.Join(t.TempDir(), "kept")}
		if there {
			if err := os.Mkdir(c.keep, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		dir, _, err := c.folder()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(place(dir, "first", "web"), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.folder(); err == nil {
			t.Error("a folder that is not empty is taken")
		}
		c.unmake()
		if _, err := os.Stat(c.keep); (err == nil) != there {
			t.Errorf("there before: %v, after: %v", there, err)
		}
		if list, _ := os.ReadDir(c.keep); len(list) > 0 {
			t.Error("left: ", list)
		}
	}
}
