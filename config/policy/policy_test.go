package policy

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/orch-build/orch/config"
)

// disk is a file system with relative and absolute paths.
type disk struct{ fstest.MapFS }

func (d disk) ReadFile(path string) ([]byte, error) {
	return d.MapFS.ReadFile(strings.TrimPrefix(filepath.ToSlash(path), "/"))
}

func (d disk) Stat(path string) (fs.FileInfo, error) {
	return d.MapFS.Stat(strings.TrimPrefix(filepath.ToSlash(path), "/"))
}

// tree is a remote context.
type tree struct{ fstest.MapFS }

func (t tree) ReadFile(name string, _ int) ([]byte, error) { return t.MapFS.ReadFile(name) }

func files(names ...string) fstest.MapFS {
	out := fstest.MapFS{}
	for _, n := range names {
		out[n] = &fstest.MapFile{Data: []byte(n)}
	}
	return out
}

func entry(set func(*config.Policy), names ...string) config.Policy {
	var p config.Policy
	for _, n := range names {
		p.Files = append(p.Files, config.PolicyFile{Filename: n})
	}
	if set != nil {
		set(&p)
	}
	return p
}

func strict(on bool) func(*config.Policy) {
	return func(p *config.Policy) { p.Strict = &on }
}

func level(l string) func(*config.Policy) {
	return func(p *config.Policy) { p.LogLevel = &l }
}

func reset(p *config.Policy)    { p.Reset = true }
func disabled(p *config.Policy) { p.Disabled = true }

// text is a set in one line.
func text(s *Set) string {
	var out []string
	for i := range s.Policies {
		p := &s.Policies[i]
		name := p.Name()
		if p.Strict {
			name += " strict"
		}
		if p.LogLevel != "" {
			name += " " + p.LogLevel
		}
		out = append(out, name)
	}
	if s.Unseen != "" {
		out = append(out, "unseen "+s.Unseen)
	}
	if len(s.Off) > 0 {
		out = append(out, "off "+strings.Join(s.Off, " "))
	}
	return strings.Join(out, "; ")
}

func TestFind(t *testing.T) {
	local := config.Context{Kind: config.Local, Value: "ctx"}
	git := config.Context{Kind: config.Git, Value: "https://example.com/x.git"}
	inline, empty := "FROM scratch", ""
	here := disk{files("ctx/Dockerfile", "ctx/Dockerfile.rego", "ctx/p.rego", "ctx/q.rego", "ctx/sub/D.rego",
		"top.rego", "abs/p.rego", "low/dockerfile", "low/dockerfile.rego", "plain/Dockerfile")}
	for _, c := range []struct {
		name   string
		target config.Target
		tree   fstest.MapFS // of the remote context, if it is looked into
		builtIn,
		wrong bool
		want string
	}{
		{name: "beside", target: config.Target{Context: local}, want: "ctx/Dockerfile.rego"},
		{name: "none", target: config.Target{Context: config.Context{Value: "plain"}}},
		{name: "inline", target: config.Target{Context: local, DockerfileInline: &inline}},
		{name: "inline, but empty", target: config.Target{Context: local, DockerfileInline: &empty}, want: "ctx/Dockerfile.rego"},
		{name: "another name", target: config.Target{Context: local, Dockerfile: "sub/D"}, want: "ctx/sub/D.rego"},
		{name: "from the working directory", target: config.Target{Context: local, Dockerfile: "cwd://ctx/sub/D"}, want: "ctx/sub/D.rego"},
		{name: "from the root", target: config.Target{Context: git, Dockerfile: "/ctx/sub/D"}, tree: files("x"), want: "/ctx/sub/D.rego"},
		{name: "lower case", target: config.Target{Context: config.Context{Value: "low"}}, want: "low/dockerfile.rego"},
		{name: "remote Dockerfile", target: config.Target{Context: local, Dockerfile: "https://example.com/Dockerfile"}},
		{name: "remote", target: config.Target{Context: git}, tree: files("Dockerfile.rego"), want: "Dockerfile.rego"},
		{name: "remote, lower case", target: config.Target{Context: git}, tree: files("dockerfile.rego"), want: "dockerfile.rego"},
		{name: "remote, another name", target: config.Target{Context: git, Dockerfile: "sub/D"}, tree: files("sub/D.rego"), want: "sub/D.rego"},
		{name: "remote, none", target: config.Target{Context: git}, tree: files("Dockerfile")},
		{name: "remote, unseen", target: config.Target{Context: git}, want: "unseen Dockerfile.rego"},
		{name: "remote, unseen and named", target: config.Target{Context: git, Policy: []config.Policy{entry(nil, "p.rego")}}, want: "p.rego; unseen Dockerfile.rego"},
		{name: "remote, reset", target: config.Target{Context: git, Policy: []config.Policy{entry(reset, "p.rego")}}, want: "p.rego"},
		{
			name: "named", target: config.Target{Context: local, Policy: []config.Policy{entry(nil, "p.rego", "q.rego"), entry(nil, "cwd://top.rego")}},
			want: "ctx/Dockerfile.rego; p.rego, q.rego; cwd://top.rego",
		},
		{name: "absolute", target: config.Target{Context: local, Policy: []config.Policy{entry(reset, "/abs/p.rego")}}, want: "/abs/p.rego; off ctx/Dockerfile.rego"},
		{name: "outside", target: config.Target{Context: local, Policy: []config.Policy{entry(reset, "../top.rego")}}, want: "../top.rego; off ctx/Dockerfile.rego"},
		{
			name: "in the tree of the definition",
			target: config.Target{Context: local, Policy: []config.Policy{{
				Reset: true, Files: []config.PolicyFile{{Filename: "lib/p.rego", Tree: &git}},
			}}},
			tree: files("lib/p.rego"), want: "lib/p.rego; off ctx/Dockerfile.rego",
		},
		{name: "reset keeps what follows", target: config.Target{Context: local, Policy: []config.Policy{entry(nil, "p.rego"), entry(reset, "q.rego")}}, want: "q.rego; off ctx/Dockerfile.rego p.rego"},
		{name: "settings of the one before", target: config.Target{Context: local, Policy: []config.Policy{entry(strict(true)), entry(nil, "p.rego")}}, want: "ctx/Dockerfile.rego strict; p.rego"},
		{
			name:   "settings of the next",
			target: config.Target{Context: local, DockerfileInline: &inline, Policy: []config.Policy{entry(strict(true)), entry(level("debug")), entry(nil, "p.rego")}},
			want:   "p.rego strict debug",
		},
		{name: "settings of its own", target: config.Target{Context: local, Policy: []config.Policy{entry(strict(true), "p.rego"), entry(strict(false))}}, want: "ctx/Dockerfile.rego; p.rego"},
		{name: "settings alone", target: config.Target{Context: local, DockerfileInline: &inline, Policy: []config.Policy{entry(strict(true))}}},
		{name: "disabled", target: config.Target{Context: local, Policy: []config.Policy{entry(disabled)}}, builtIn: true, want: "off ctx/Dockerfile.rego " + BuiltInName},
		{name: "built in", target: config.Target{Context: local}, builtIn: true, want: BuiltInName + "; ctx/Dockerfile.rego"},
		{name: "built in, reset", target: config.Target{Context: local, Policy: []config.Policy{entry(reset)}}, builtIn: true, want: BuiltInName + "; off ctx/Dockerfile.rego"},
		{name: "disabled and more", target: config.Target{Context: local, Policy: []config.Policy{entry(disabled), entry(nil, "p.rego")}}, wrong: true},
		{name: "missing", target: config.Target{Context: local, Policy: []config.Policy{entry(nil, "top.rego")}}, wrong: true},
		{name: "missing in a remote context", target: config.Target{Context: git, Policy: []config.Policy{entry(nil, "top.rego")}}, tree: files("x"), wrong: true},
		{name: "a folder", target: config.Target{Context: local, Policy: []config.Policy{entry(nil, "sub")}}, wrong: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &Finder{Files: here, BuiltIn: c.builtIn}
			if c.tree != nil {
				f.Tree = func(*config.Target, config.Context) (Tree, error) { return tree{c.tree}, nil }
			}
			set, diags := f.Find(&c.target)
			if diags.HasErrors() != c.wrong {
				t.Fatal(diags)
			}
			if got := text(set); !c.wrong && got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			// That there may be one is known without reading.
			under, known := (&Finder{Files: unread{here, t}, BuiltIn: c.builtIn}).Under(&c.target)
			if known && !c.wrong && under != (!set.Empty() || len(set.Off) > 0 && !c.target.Policy[0].Disabled) {
				t.Errorf("under a policy: %v, found %q", under, text(set))
			}
		})
	}
}

// unread are files that must not be read.
type unread struct {
	Files
	t *testing.T
}

func (u unread) ReadFile(path string) ([]byte, error) {
	u.t.Errorf("%s is read", path)
	return nil, fs.ErrPermission
}

// TestUnreachable holds that a remote context which cannot be looked into is
// noted, unless no policy of it counts: one could be there.
func TestUnreachable(t *testing.T) {
	f := &Finder{Files: disk{fstest.MapFS{}}, Tree: func(*config.Target, config.Context) (Tree, error) { return nil, errors.New("no way there") }}
	target := &config.Target{Context: config.Context{Kind: config.HTTP, Value: "https://example.com/x.tar.gz"}}
	find := func(policies ...config.Policy) error {
		target.Policy = policies
		set, diags := f.Find(target)
		if diags.HasErrors() {
			t.Error(diags)
		}
		return set.Lost
	}
	for _, policies := range [][]config.Policy{nil, {entry(nil, "p.rego")}} {
		if err := find(policies...); err == nil || !strings.Contains(err.Error(), "no way there") {
			t.Errorf("%v: %v", policies, err)
		}
	}
	if err := find(config.Policy{Disabled: true}); err != nil {
		t.Errorf("switched off: %v", err)
	}
}

func TestPaths(t *testing.T) {
	here := disk{files("ctx/Dockerfile", "ctx/Dockerfile.rego")}
	target := config.Target{
		Context: config.Context{Value: "ctx"},
		Policy:  []config.Policy{entry(nil, "p.rego", "cwd://q.rego", "../r.rego", "/s.rego")},
	}
	want := []string{"ctx/p.rego", "q.rego", "r.rego", "/s.rego", "ctx/Dockerfile.rego"}
	if got := Paths(&target, here); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
