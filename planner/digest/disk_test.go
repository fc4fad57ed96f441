//go:build unix

package digest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/inputs"
)

// onDisk is a project on a real disk with one target.
type onDisk struct {
	dir      string
	target   config.Target
	gitModes bool
	opt      Options
}

func newOnDisk(t *testing.T, dockerfile string, files map[string]string) *onDisk {
	t.Helper()
	p := &onDisk{dir: t.TempDir(), target: config.Target{Name: "a", Dockerfile: "Dockerfile", Context: config.Context{Value: "ctx"}}}
	p.write(t, "Dockerfile", dockerfile)
	for name, text := range files {
		p.write(t, "ctx/"+name, text)
	}
	return p
}

func (p *onDisk) path(name string) string { return filepath.Join(p.dir, filepath.FromSlash(name)) }

func (p *onDisk) write(t *testing.T, name, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(p.path(name)), 0o755))
	must(t, os.WriteFile(p.path(name), []byte(text), 0o644))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// compute returns the digest of the target.
func (p *onDisk) compute(t *testing.T) *Target {
	t.Helper()
	target := p.target
	target.Dockerfile, target.GitModes = "cwd://"+p.path("Dockerfile"), p.gitModes
	target.Context.Value = p.path("ctx")
	target.Contexts = maps.Clone(p.target.Contexts)
	for name, c := range target.Contexts {
		if c.Kind == config.Local {
			c.Value = p.path(c.Value)
			target.Contexts[name] = c
		}
	}
	plan, diags := planner.New(&config.Config{Targets: []*config.Target{&target}}, planner.Options{Files: planner.Disk{}, BuildPlatform: "linux/amd64"})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	reads := inputs.Contexts(plan, inputs.Options{Memory: p.opt.Memory, Now: time.Now()})
	all, err := Compute(t.Context(), plan, reads, p.opt)
	if err != nil {
		t.Fatal(err)
	}
	return all.Target(plan.Builds[0])
}

// TestFilesCount changes what a target reads, one thing at a time.
func TestFilesCount(t *testing.T) {
	const all = "FROM scratch\nCOPY . /\n"
	chmod := func(name string, mode os.FileMode) func(*testing.T, *onDisk) {
		return func(t *testing.T, p *onDisk) { must(t, os.Chmod(p.path(name), mode)) }
	}
	rename := func(from, to string) func(*testing.T, *onDisk) {
		return func(t *testing.T, p *onDisk) { must(t, os.Rename(p.path(from), p.path(to))) }
	}
	symlink := func(to, name string) func(*testing.T, *onDisk) {
		return func(t *testing.T, p *onDisk) { must(t, os.Symlink(to, p.path(name))) }
	}
	for name, c := range map[string]struct {
		dockerfile    string
		before, after func(*testing.T, *onDisk)
		differ        bool
		git           bool // also with the modes of git
	}{
		"content":             {all, nil, func(t *testing.T, p *onDisk) { p.write(t, "ctx/a", "other") }, true, true},
		"0644 to 0600":        {all, nil, chmod("ctx/a", 0o600), true, false},
		"0644 to 0755":        {all, nil, chmod("ctx/a", 0o755), true, true},
		"mode of a folder":    {all, nil, chmod("ctx/d", 0o700), true, false},
		"mode of the context": {all, nil, chmod("ctx", 0o700), false, false},
		"sticky":              {all, nil, chmod("ctx/d", 0o755|os.ModeSticky), true, false},
		"hard link": {all, nil, func(t *testing.T, p *onDisk) {
			must(t, os.Remove(p.path("ctx/same")))
			must(t, os.Link(p.path("ctx/a"), p.path("ctx/same")))
		}, true, false},
		"times":                    {all, nil, func(t *testing.T, p *onDisk) { must(t, os.Chtimes(p.path("ctx/a"), time.Now(), time.Unix(1, 0))) }, false, false},
		"link by another name":     {"FROM scratch\nCOPY l* /d/\n", symlink("a", "ctx/l1"), rename("ctx/l1", "ctx/l2"), true, true},
		"another link":             {"FROM scratch\nCOPY l* /d/\n", symlink("a", "ctx/l1"), symlink("a", "ctx/l2"), true, true},
		"not read":                 {"FROM scratch\nCOPY a /\n", nil, func(t *testing.T, p *onDisk) { p.write(t, "ctx/b", "other") }, false, false},
		"a folder above":           {"FROM scratch\nCOPY --parents d/e/f /\n", nil, chmod("ctx/d", 0o700), true, false},
		"a folder above, not kept": {"FROM scratch\nCOPY d/e/f /\n", nil, chmod("ctx/d", 0o700), false, false},
		"in a mount":               {"FROM scratch\nRUN --mount=target=/m,source=d x\n", nil, chmod("ctx/d/e/f", 0o600), true, false},
		"beside a mount":           {"FROM scratch\nRUN --mount=target=/m,source=d x\n", nil, chmod("ctx/a", 0o600), false, false},
		"by the word parents":      {"FROM scratch\nCOPY --parents a /e/\nCOPY b a /d/\n", nil, func(t *testing.T, p *onDisk) { p.write(t, "ctx/b", "other") }, true, true},
		"excluded":                 {"FROM scratch\nCOPY --exclude=e d /d/\n", nil, func(t *testing.T, p *onDisk) { p.write(t, "ctx/d/e/f", "other") }, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newOnDisk(t, c.dockerfile, map[string]string{"a": "a", "same": "a", "b": "b", "d/e/f": "f"})
			if c.before != nil {
				c.before(t, p)
			}
			plain := p.compute(t)
			p.gitModes = true
			asGit := p.compute(t)
			c.after(t, p)
			if got := p.compute(t).Publication != asGit.Publication; got != c.git {
				t.Errorf("with the modes of git: differs %v, want %v", got, c.git)
			}
			p.gitModes = false
			if got := p.compute(t).Publication != plain.Publication; got != c.differ {
				t.Errorf("differs %v, want %v", got, c.differ)
			}
		})
	}
}

// TestTwoContexts moves things from one context to another.
func TestTwoContexts(t *testing.T) {
	contexts := map[string]config.Context{"c1": {Value: "c1"}, "c2": {Value: "c2"}}
	for _, dockerfile := range []string{
		"FROM scratch\nCOPY --from=c1 g* k /a/\nCOPY --from=c2 g* k /b/\n",
		"FROM scratch\nRUN --mount=from=c1,target=/1 --mount=from=c2,target=/2 x\n",
	} {
		p := newOnDisk(t, dockerfile, map[string]string{"x": ""})
		for _, name := range []string{"c1/g1", "c1/k", "c2/k"} {
			p.write(t, name, "same")
		}
		p.target.Contexts = contexts
		before := p.compute(t).Publication
		must(t, os.Rename(p.path("c1/g1"), p.path("c2/g1")))
		moved := p.compute(t).Publication
		must(t, os.Rename(p.path("c2/g1"), p.path("c1/g1")))
		must(t, os.Chmod(p.path("c1/k"), 0o755))
		first := p.compute(t).Publication
		must(t, os.Chmod(p.path("c1/k"), 0o644))
		must(t, os.Chmod(p.path("c2/k"), 0o755))
		if second := p.compute(t).Publication; before == moved || first == second || first == before {
			t.Errorf("%s: equal digests: %s", dockerfile, before)
		}
	}
}

// TestOutputs says what of an output counts, and in which digest.
func TestOutputs(t *testing.T) {
	p := newOnDisk(t, "FROM scratch\nCOPY a /\n", map[string]string{"a": "a"})
	base := p.compute(t)
	for name, c := range map[string]struct {
		change             func(*config.Target)
		image, publication bool // whether they differ
	}{
		"a registry":      {func(t *config.Target) { t.Outputs = outputs("registry") }, false, false},
		"a file":          {func(t *config.Target) { t.Outputs = outputs("oci", "dest", "x.tar") }, false, false},
		"push":            {func(t *config.Target) { t.Outputs = outputs("image", "push", "true") }, false, false},
		"tags":            {func(t *config.Target) { t.Tags = []string{"x/y:1"} }, false, false},
		"compression":     {func(t *config.Target) { t.Outputs = outputs("image", "compression", "zstd") }, false, true},
		"annotation":      {func(t *config.Target) { t.Annotations = []string{"a=b"} }, false, true},
		"no provenance":   {func(t *config.Target) { t.Attest = attest("provenance") }, false, true},
		"no SBOM":         {func(t *config.Target) { t.Attest = attest("sbom") }, false, false},
		"label":           {func(t *config.Target) { t.Labels = map[string]string{"a": "b"} }, true, true},
		"unused argument": {func(t *config.Target) { t.Args = map[string]string{"NOBODY": "b"} }, false, false},
		"epoch":           {func(t *config.Target) { t.Args = map[string]string{"SOURCE_DATE_EPOCH": "5"} }, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			q := *p
			c.change(&q.target)
			got := q.compute(t)
			if (got.Image != base.Image) != c.image || (got.Publication != base.Publication) != c.publication {
				t.Errorf("image %v, publication %v; want %v and %v", got.Image != base.Image, got.Publication != base.Publication, c.image, c.publication)
			}
		})
	}
}

// TestRemembered changes a file without its size and time.
func TestRemembered(t *testing.T) {
	p := newOnDisk(t, "FROM scratch\nCOPY a /\n", map[string]string{"a": "one"})
	p.opt.Memory = memoryOf{}
	first := p.compute(t)
	info, err := os.Stat(p.path("ctx/a"))
	must(t, err)
	p.write(t, "ctx/a", "two")
	must(t, os.Chtimes(p.path("ctx/a"), info.ModTime(), info.ModTime()))
	if p.compute(t).Publication == first.Publication {
		t.Error("a change of the same size and time is not seen")
	}
}

// attest is an attestation that is switched off.
func attest(kind string) []config.Attest {
	return []config.Attest{config.NewAttest(config.Entry{Type: kind, Attrs: map[string]string{"disabled": "true"}})}
}

// outputs is one output with its attributes.
func outputs(kind string, attrs ...string) []config.Output {
	e := config.Entry{Type: kind, Attrs: map[string]string{}}
	for i := 0; i+1 < len(attrs); i += 2 {
		e.Attrs[attrs[i]] = attrs[i+1]
	}
	return []config.Output{config.NewOutput(e)}
}

// tagged is a registry whose tags all mean one image.
type tagged string

func (d tagged) Image(_ context.Context, ref string, _ ocispecs.Platform) (Image, error) {
	_, pinned, _ := strings.Cut(ref, "@")
	return Image{Digest: cmp.Or(pinned, string(d)), Config: []byte(`{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["sha256:00"]}}`)}, nil
}

// silent is a registry that has no image.
type silent struct{}

func (silent) Image(_ context.Context, ref string, _ ocispecs.Platform) (Image, error) {
	return Image{}, errors.New(ref + " is not there")
}

// TestFromFolder has an image that starts from a folder. Its history has the line of
// that FROM, and nothing of what stands beside it in the Dockerfile.
func TestFromFolder(t *testing.T) {
	digest := func(dockerfile string) string {
		p := newOnDisk(t, dockerfile, map[string]string{"a": "a"})
		p.write(t, "lib/x", "x")
		p.target.Stage = "app"
		p.target.Contexts = map[string]config.Context{"lib": {Value: "lib"}, "other": {Value: "lib"}}
		return p.compute(t).Image
	}
	app := "FROM lib AS app\nCOPY a /\nRUN x\n"
	first := digest(app)
	for _, same := range []string{
		app + "FROM lib AS more\nRUN y\n",
		"FROM scratch AS more\nCOPY a /\n" + app,
		"# a comment\n" + app,
		strings.Replace(app, "FROM lib", "FROM  lib ", 1),
	} {
		if digest(same) != first {
			t.Errorf("%q has another digest than %q", same, app)
		}
	}
	for _, differs := range []string{
		strings.Replace(app, "FROM lib", "FROM other", 1),
		strings.Replace(app, "FROM lib", "from lib", 1),
		"FROM lib AS base\nFROM base AS app\nCOPY a /\nRUN x\n",
	} {
		if digest(differs) == first {
			t.Errorf("%q has the digest of %q", differs, app)
		}
	}
}

// TestTagOfContext has a context that is the tag of an image: it is resolved as
// one of a FROM is.
func TestTagOfContext(t *testing.T) {
	one, two := "sha256:"+strings.Repeat("1", 64), "sha256:"+strings.Repeat("2", 64)
	for _, dockerfile := range []string{"FROM base\nCOPY a /\n", "FROM scratch\nCOPY --from=base /x /\n", "FROM scratch\nRUN --mount=from=base,target=/x true\n"} {
		p := newOnDisk(t, dockerfile, map[string]string{"a": "one"})
		digest := func(now, ref string) *Target {
			p.target.Contexts = map[string]config.Context{"base": {Kind: config.Image, Value: ref}}
			p.opt.Images = tagged(now)
			return p.compute(t)
		}
		first := digest(one, "example.com/app:v1")
		for _, o := range first.Open {
			t.Errorf("%q is open: %s", dockerfile, o.Text)
		}
		if pinned := digest(two, "example.com/app:v1@"+one); pinned.Image != first.Image {
			t.Errorf("%q: %s, and pinned by hand %s", dockerfile, first.Image, pinned.Image)
		}
		if digest(two, "example.com/app:v1").Image == first.Image {
			t.Errorf("%q: a tag that has moved is not seen", dockerfile)
		}
		p.opt.Images = silent{}
		if open := p.compute(t).Open; len(open) != 1 || open[0].Text != "example.com/app:v1 is not there" {
			t.Errorf("%q: %v", dockerfile, open)
		}
		p.opt.Images = nil
		if p.compute(t).Open == nil {
			t.Errorf("%q: a tag that nobody has asked for is not open", dockerfile)
		}
	}
}

// A Dockerfile whose conversion takes gigabytes is left to the builder. All that
// it may read counts, and what it makes of it is open.
func TestTooLarge(t *testing.T) {
	var text strings.Builder
	text.WriteString("FROM scratch AS s0\nCOPY a /\n")
	for i := range 4000 {
		fmt.Fprintf(&text, "FROM s%d AS s%d\nENV E%d=x\n", i, i+1, i)
	}
	p := newOnDisk(t, text.String(), map[string]string{"a": "a", "b": "b"})
	first := p.compute(t)
	if len(first.Open) != 1 || !strings.Contains(first.Open[0].Text, "too large to be converted here") {
		t.Errorf("open: %v", first.Open)
	}
	p.write(t, "ctx/a", "other")
	if second := p.compute(t); second.Image == first.Image {
		t.Error("a file has changed, and the digest has not")
	}
}
