package exports

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/runner"
)

func TestAnnotate(t *testing.T) {
	tests := map[string]map[string]string{
		"a=1":                             {"annotation.a": "1"},
		"manifest:a=1":                    {"annotation.a": "1"},
		"index:org.example.a=x=y":         {"annotation-index.org.example.a": "x=y"},
		"manifest,manifest-descriptor:a=": {"annotation.a": "", "annotation-manifest-descriptor.a": ""},
		"manifest[linux/arm64]:a=1":       {"annotation-manifest[linux/arm64].a": "1"},
		"index-descriptor:a=b:c":          {"annotation-index-descriptor.a": "b:c"},
	}
	for text, want := range tests {
		e := &Entry{ExportEntry: client.ExportEntry{Attrs: map[string]string{}}}
		annotate(e, text)
		if !maps.Equal(e.Attrs, want) {
			t.Errorf("%s: %v, want %v", text, e.Attrs, want)
		}
	}
}

func TestMetadata(t *testing.T) {
	got := Metadata(map[string]string{
		"containerimage.digest":     "sha256:1",
		"containerimage.descriptor": "eyJkaWdlc3QiOiJzaGEyNTY6MSJ9", // {"digest":"sha256:1"}
		"number":                    "MTIz",                         // 123, which is not an object
	})
	if got["containerimage.digest"] != "sha256:1" || got["number"] != "MTIz" {
		t.Errorf("plain values: %v", got)
	}
	if raw, ok := got["containerimage.descriptor"].(json.RawMessage); !ok || string(raw) != `{"digest":"sha256:1"}` {
		t.Errorf("the descriptor is %v", got["containerimage.descriptor"])
	}
}

func TestFields(t *testing.T) {
	got := fields(map[string]string{"type": "local", "dest": "a,b", "x": `say "hi"`})
	if want := `"dest=a,b",type=local,"x=say ""hi"""`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// pusher makes the exports of a target in a run whose tags move together.
func pusher(together bool) *Maker {
	m := &Maker{Target: &config.Target{Name: "app"}}
	if together {
		m.ByDigest = func(domain string) bool { return domain != "far.io" }
	}
	return m
}

func TestByDigest(t *testing.T) {
	tests := []struct {
		name     string
		together bool
		kind     string
		attrs    map[string]string
		repos    string // "" is as it was
		tags     string
		others   string // names of a second export
		err      string
	}{
		{name: "each", kind: "image", attrs: map[string]string{"push": "true", "name": "r.io/a:v1"}},
		{name: "not pushed", together: true, kind: "image", attrs: map[string]string{"name": "r.io/a:v1"}},
		{name: "a file", together: true, kind: "oci", attrs: map[string]string{"name": "r.io/a:v1"}},
		{name: "by digest already", together: true, kind: "image", attrs: map[string]string{"push": "true", "push-by-digest": "T", "name": "r.io/a"}},
		{name: "tags", together: true, kind: "image", attrs: map[string]string{"push": "true", "name": "r.io/a:v1,r.io/a:v2, r.io/b"},
			repos: "r.io/a,r.io/b", tags: "r.io/a:v1,r.io/a:v2,r.io/b:latest"},
		{name: "short", together: true, kind: "image", attrs: map[string]string{"push": "1", "name": "app"},
			repos: "docker.io/library/app", tags: "docker.io/library/app:latest"},
		{name: "not reached", together: true, kind: "image", attrs: map[string]string{"push": "true", "name": "far.io/a:v1,far.io/b"}},
		{name: "one not reached", together: true, kind: "image", attrs: map[string]string{"push": "true", "name": "far.io/a,r.io/a:v1,far.io/a:v2"},
			repos: "r.io/a", tags: "r.io/a:v1", others: "far.io/a:latest,far.io/a:v2"},
		{name: "digest", together: true, kind: "image", attrs: map[string]string{"push": "true", "name": "r.io/a@sha256:" + strings.Repeat("0", 64)}, err: "must have no digest"},
		{name: "no name", together: true, kind: "image", attrs: map[string]string{"push": "true", "name": "Bad Name"}, err: "Bad Name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := exporterOf(tt.kind, maps.Clone(tt.attrs))
			twin, err := pusher(tt.together).byDigest(e)
			if names := twinNames(twin); names != tt.others {
				t.Errorf("the builder moves %q, want %q", names, tt.others)
			}
			switch {
			case tt.err != "":
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
			case err != nil:
				t.Error(err)
			case tt.repos == "":
				if !maps.Equal(e.Attrs, tt.attrs) {
					t.Errorf("changed: %v", e.Attrs)
				}
			case e.Attrs["name"] != tt.repos || strings.Join(e.Tags, ",") != tt.tags || e.Attrs["push-by-digest"] != "true":
				t.Errorf("%v", e.Attrs)
			}
		})
	}
}

// exporterOf is an output as exportEntry begins it.
func exporterOf(kind string, attrs map[string]string) *Entry {
	return &Entry{ExportEntry: client.ExportEntry{Type: kind, Attrs: attrs}, From: config.NewOutput(config.Entry{Type: kind, Attrs: maps.Clone(attrs)})}
}

func twinNames(e *Entry) string {
	if e == nil {
		return ""
	}
	if e.Twin || e.Attrs["push"] == "" || len(e.Tags) > 0 || e.Attrs["push-by-digest"] != "" {
		return "a bad twin"
	}
	return e.Attrs["name"]
}

// TestTags follows the tags of two images from the exports to the report.
func TestTags(t *testing.T) {
	m := pusher(true)
	exports := []*Entry{
		exporterOf("oci", map[string]string{}),
		exporterOf("image", map[string]string{"push": "true", "name": "r.io/a:v1,r.io/a:v2,far.io/a:v1"}),
		exporterOf("image", map[string]string{"push": "", "name": "r.io/b:v1", "registry.insecure": "t"}),
	}
	var all []Entry
	for _, e := range exports {
		twin, err := m.byDigest(e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *e)
		if twin != nil {
			all = append(all, *twin)
		}
	}
	groups := m.apart(all)
	if len(groups) != 3 || groups[0][0].Type != "oci" {
		t.Fatalf("%d groups, want the file and each image apart: %v", len(groups), groups)
	}
	var moved []runner.Tag
	for i, group := range groups {
		tags, _ := Tags(group)
		pointed, err := Pointed(tags, map[string]string{exptypes.ExporterImageDigestKey: "sha256:" + strings.Repeat(string(rune('0'+i)), 3)})
		if err != nil {
			t.Fatal(err)
		}
		moved = append(moved, pointed...)
	}
	want := []runner.Tag{
		{Name: "r.io/a:v1", Digest: "sha256:111"}, {Name: "r.io/a:v2", Digest: "sha256:111"},
		{Name: "r.io/b:v1", Digest: "sha256:222", Insecure: true},
	}
	if !slices.Equal(moved, want) {
		t.Errorf("%v, want %v", moved, want)
	}
	if _, err := Pointed(want[:1], nil); err == nil {
		t.Error("a builder that says no digest is not an error")
	}
}

// An engine that keeps images whole is handed an OCI archive, in which there may be
// several platforms.
func TestLoadedForm(t *testing.T) {
	for engine, want := range map[string]string{"": "docker", "whole": "oci"} {
		attrs := map[string]string{"context": engine}
		if engine == "" {
			attrs = nil
		}
		m := &Maker{
			Target:     &config.Target{Name: "app"},
			Outputs:    []config.Output{config.NewOutput(config.Entry{Type: "docker", Attrs: attrs})},
			KeepsIndex: func(engine string) bool { return engine == "whole" },
			Load: func(_ context.Context, got string) (io.WriteCloser, error) {
				if got != engine {
					t.Errorf("loaded into %q, want %q", got, engine)
				}
				return nil, nil
			},
		}
		groups, written, err := m.Groups(context.Background())
		if err != nil || len(groups) != 1 || len(groups[0]) != 1 || groups[0][0].Type != want || written[0].Type != "docker" {
			t.Errorf("%q: got %+v, %+v, %v; want type %s", engine, groups, written, err, want)
		}
	}
}
