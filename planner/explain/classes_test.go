//go:build unix

package explain_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/policy"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/golden"
	"github.com/orch-build/orch/internal/imageconfig"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/explain"
	"github.com/orch-build/orch/planner/facts"
	"github.com/orch-build/orch/planner/inputs"
)

var update = flag.Bool("update", false, "rewrite the goldens under testdata")

// project is a project on the disk with what a test changes of it.
type project struct {
	t       *testing.T
	dir     string
	targets map[string]*config.Target
	images  map[string]string // configurations, by name
	policy  string
	engine  string
}

const dockerfileText = `# syntax=docker/dockerfile:1
FROM base:1 AS tools
ARG VERSION
COPY tools /tools
RUN make tools

FROM tools AS build
ARG TOKEN
ENV MODE=fast
COPY src /src
COPY --from=assets . /assets
RUN --mount=type=secret,id=npm --mount=type=ssh make

FROM scratch
COPY --from=build /out /out
ADD --checksum=sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa https://example.com/x /x
CMD ["run"]
`

func newProject(t *testing.T) *project {
	p := &project{
		t: t, dir: t.TempDir(), engine: "orch2",
		images: map[string]string{"docker.io/library/base:1": `{"os":"linux","architecture":"amd64","created":"2026-01-02T03:04:05Z","rootfs":{"type":"layers","diff_ids":["sha256:00"]},"config":{"Env":["A=1"]}}`},
	}
	t.Chdir(p.dir)
	p.write("Dockerfile", dockerfileText)
	p.write("tools/t", "t")
	p.write("src/a.c", "int a;\n")
	p.write("src/b.c", "int b;\n")
	p.write("src/same.c", "int a;\n")
	p.write("assets/logo", "logo")
	p.write("pictures/logo", "other")
	p.write(".dockerignore", "*.log\n")
	if err := os.Symlink("a.c", filepath.Join(p.dir, "src/link")); err != nil {
		t.Fatal(err)
	}
	at := func(line int) fault.Range {
		return fault.Range{Filename: "build.hcl", Start: fault.Pos{Line: line, Column: 1}, End: fault.Pos{Line: line, Column: 9}}
	}
	p.targets = map[string]*config.Target{
		"api": {
			Name: "api", Dockerfile: "Dockerfile", Context: config.Context{Value: "."},
			Contexts: map[string]config.Context{"assets": {Raw: "assets", Value: "assets"}},
			Args:     map[string]string{"VERSION": "1", "TOKEN": "hunter2", "UNUSED": "1"}, Labels: map[string]string{"team": "red"},
			ExtraHosts: map[string]string{}, Secrets: []config.Secret{{ID: "npm", Env: "NPM"}}, SSH: []config.SSH{{ID: "default"}},
			Tags: []string{"api:1"}, Annotations: []string{"a=1"},
			Ranges: map[string]fault.Range{"args": at(3), "labels": at(4), "network": at(5), "tags": at(6), "contexts.assets": at(7), "shm-size": at(8), "annotations": at(9), "secret": at(10)},
		},
		"web": {
			Name: "web", DockerfileInline: text("FROM api\nCOPY src/a.c /web\nRUN web\n"), Context: config.Context{Value: "."},
			Contexts: map[string]config.Context{"api": {Raw: "target:api", Kind: config.LinkedTarget, Value: "api"}},
		},
	}
	return p
}

func text(s string) *string { return &s }

func (p *project) write(name, data string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) replace(name, old, with string) {
	p.t.Helper()
	data, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil || !strings.Contains(string(data), old) {
		p.t.Fatalf("%s has no %q: %v", name, old, err)
	}
	p.write(name, strings.Replace(string(data), old, with, 1))
}

// Image answers for the images of the project.
func (p *project) Image(_ context.Context, ref string, _ ocispecs.Platform) (digest.Image, error) {
	name, _, _ := strings.Cut(ref, "@")
	config, ok := p.images[name]
	if !ok {
		return digest.Image{}, imageconfig.ErrUnknown
	}
	return digest.Image{Digest: fmt.Sprintf("sha256:%064x", len(config)*7919), Config: []byte(config)}, nil
}

// snapshot writes down what the targets are made of now.
func (p *project) snapshot() *facts.Snapshot {
	p.t.Helper()
	cfg := &config.Config{}
	for _, name := range []string{"api", "web", "more"} {
		if t := p.targets[name]; t != nil {
			c := *t
			c.Args, c.Labels = maps.Clone(t.Args), maps.Clone(t.Labels)
			cfg.Targets = append(cfg.Targets, &c)
		}
	}
	plan, diags := planner.New(cfg, planner.Options{
		Files: planner.Disk{}, BuildPlatform: "linux/amd64", Dir: p.dir,
		Policies: func(*config.Target) (*policy.Set, fault.Diagnostics) {
			if p.policy == "" {
				return &policy.Set{}, nil
			}
			return &policy.Set{Policies: []policy.Policy{{Files: []policy.File{{Name: "p.rego", Data: []byte(p.policy)}}}}}, nil
		},
	})
	if diags.HasErrors() {
		p.t.Fatal(diags)
	}
	all, err := digest.Compute(p.t.Context(), plan, inputs.Contexts(plan, inputs.Options{Now: time.Now()}), digest.Options{Images: p})
	if err != nil {
		p.t.Fatal(err)
	}
	created := func(ref, _ string) time.Time {
		var c struct{ Created time.Time }
		if err := json.Unmarshal([]byte(p.images["docker.io/library/"+ref]), &c); err != nil {
			p.t.Fatal(err)
		}
		return c.Created
	}
	return facts.Take(plan, all, created, facts.Options{Dir: p.dir, Engine: p.engine, Key: []byte("key")})
}

// classes are the kinds of changes, each with one.
var classes = map[string]func(*project){
	"nothing":             func(*project) {},
	"file-content":        func(p *project) { p.write("src/a.c", "int aa;\n") },
	"file-content-equal":  func(p *project) { p.write("src/b.c", "int x;\n") },
	"file-new":            func(p *project) { p.write("src/c.c", "int c;\n") },
	"file-gone":           func(p *project) { p.remove("src/b.c") },
	"file-renamed":        func(p *project) { p.rename("src/b.c", "src/d.c") },
	"file-mode":           func(p *project) { p.chmod("src/a.c", 0o755) },
	"file-link":           func(p *project) { p.remove("src/link"); p.symlink("b.c", "src/link") },
	"file-of-context":     func(p *project) { p.write("assets/logo", "new logo") },
	"folder-new":          func(p *project) { p.write("src/new/x", "x"); p.write("src/new/y", "y") },
	"file-unread":         func(p *project) { p.write("unread", "x") },
	"ignore-file":         func(p *project) { p.write(".dockerignore", "*.log\nsrc/b.c\n") },
	"argument":            func(p *project) { p.targets["api"].Args["VERSION"] = "2" },
	"argument-sensitive":  func(p *project) { p.targets["api"].Args["TOKEN"] = "hunter3" },
	"argument-unset":      func(p *project) { delete(p.targets["api"].Args, "VERSION") },
	"argument-unused":     func(p *project) { p.targets["api"].Args["UNUSED"] = "2" },
	"epoch":               func(p *project) { p.targets["api"].Args["SOURCE_DATE_EPOCH"] = "5" },
	"instruction-run":     func(p *project) { p.replace("Dockerfile", "RUN make tools", "RUN make all") },
	"instruction-copy":    func(p *project) { p.replace("Dockerfile", "COPY src /src", "COPY src/a.c /src/") },
	"instruction-new":     func(p *project) { p.replace("Dockerfile", "CMD", "USER app\nCMD") },
	"instruction-gone":    func(p *project) { p.replace("Dockerfile", "ENV MODE=fast\n", "") },
	"instruction-env":     func(p *project) { p.replace("Dockerfile", "MODE=fast", "MODE=slow") },
	"instruction-config":  func(p *project) { p.replace("Dockerfile", `["run"]`, `["run", "fast"]`) },
	"instruction-default": func(p *project) { p.replace("Dockerfile", "ENV MODE", "ARG LEVEL=2\nENV MODE") },
	"instruction-from":    func(p *project) { p.replace("Dockerfile", "FROM scratch", "FROM base:1") },
	"mount": func(p *project) {
		p.replace("Dockerfile", "type=ssh make", "type=ssh --mount=type=tmpfs,target=/t make")
	},
	"remote":   func(p *project) { p.replace("Dockerfile", "https://example.com/x ", "https://example.com/y ") },
	"frontend": func(p *project) { p.replace("Dockerfile", "# syntax=docker/dockerfile:1\n", "# check=error=true\n") },
	"image-moved": func(p *project) {
		p.images["docker.io/library/base:1"] = `{"os":"linux","architecture":"amd64","created":"2026-03-04T05:06:07Z","rootfs":{"type":"layers","diff_ids":["sha256:00"]},"config":{"Env":["A=11"]}}`
	},
	"context": func(p *project) {
		p.targets["api"].Contexts["assets"] = config.Context{Raw: "pictures", Value: "pictures"}
	},
	"platform":   func(p *project) { p.targets["api"].Platforms = platform(p.t, "linux/arm64") },
	"stage":      func(p *project) { p.targets["api"].Stage = "build" },
	"network":    func(p *project) { p.targets["api"].Network = "none" },
	"hosts":      func(p *project) { p.targets["api"].ExtraHosts = map[string]string{"db": "10.0.0.1"} },
	"shm":        func(p *project) { p.targets["api"].ShmSize = "64m" },
	"ulimits":    func(p *project) { p.targets["api"].Ulimits = []string{"nofile=1:2"} },
	"resources":  func(p *project) { p.targets["api"].Resources = &config.Resources{Memory: "1g"} },
	"secret":     func(p *project) { p.targets["api"].Secrets = nil },
	"ssh":        func(p *project) { p.targets["api"].SSH = nil },
	"label":      func(p *project) { p.targets["api"].Labels["team"] = "blue" },
	"annotation": func(p *project) { p.targets["api"].Annotations = []string{"a=2"} },
	"attestation": func(p *project) {
		p.targets["api"].Attest = []config.Attest{config.NewAttest(entry("type", "provenance", "mode", "max"))}
	},
	"attestation-off": func(p *project) {
		p.targets["api"].Attest = []config.Attest{config.NewAttest(entry("type", "provenance", "disabled", "true"))}
	},
	"output": func(p *project) {
		p.targets["api"].Outputs = []config.Output{config.NewOutput(entry("type", "image", "compression", "zstd"))}
	},
	"tags":           func(p *project) { p.targets["api"].Tags = []string{"api:2"} },
	"policy":         func(p *project) { p.policy = "package docker" },
	"folder-mode":    func(p *project) { p.chmod("src", 0o700) },
	"file-hard-link": func(p *project) { p.remove("src/same.c"); p.hardlink("src/a.c", "src/same.c") },
	"file-to-folder": func(p *project) { p.remove("src/b.c"); p.write("src/b.c/x", "x") },
	"mount-moved": func(p *project) {
		p.replace("Dockerfile", "--mount=type=ssh make", "make")
		p.replace("Dockerfile", "RUN make tools", "RUN --mount=type=ssh make tools")
	},
	"directive":         func(p *project) { p.replace("Dockerfile", "# syntax=docker/dockerfile:1\n", "# escape=`\n") },
	"argument-global":   func(p *project) { p.replace("Dockerfile", "FROM base:1", "ARG VERSION=3\nFROM base:1") },
	"argument-buildkit": func(p *project) { p.targets["api"].Args["BUILDKIT_INLINE_CACHE"] = "1" },
	"argument-moved": func(p *project) {
		p.replace("Dockerfile", "ARG VERSION\nCOPY tools /tools\n", "COPY tools /tools\nARG VERSION\n")
	},
	"ignore-file-own":  func(p *project) { p.write("Dockerfile.dockerignore", "*.log\nsrc/b.c\n") },
	"image-triggers":   func(p *project) { p.images["docker.io/library/base:1"] = triggers },
	"checksum":         func(p *project) { p.replace("Dockerfile", "sha256:aaaa", "sha256:bbbb") },
	"instruction-form": func(p *project) { p.replace("Dockerfile", `CMD ["run"]`, `CMD run`) },
	"instruction-flag": func(p *project) { p.replace("Dockerfile", "COPY src", "COPY --chmod=755 src") },
	"instruction-moved": func(p *project) {
		p.replace("Dockerfile", "ENV MODE=fast\nCOPY src /src\n", "COPY src /src\nENV MODE=fast\n")
	},
	"instruction-shell":   func(p *project) { p.replace("Dockerfile", "RUN make tools", `SHELL ["sh"]`+"\nRUN make tools") },
	"instruction-heredoc": func(p *project) { p.replace("Dockerfile", "COPY src /src", "COPY src /src\nCOPY <<E /doc\ntext\nE") },
	"context-git": func(p *project) {
		url := "https://example.com/r.git#" + strings.Repeat("a", 40)
		p.targets["api"].Contexts["assets"] = config.Context{Raw: url, Kind: config.Git, Value: url}
	},
	"context-url": func(p *project) {
		p.targets["api"].Contexts["assets"] = config.Context{Raw: "https://example.com/a.tar", Kind: config.HTTP, Value: "https://example.com/a.tar"}
	},
	"context-image": func(p *project) {
		p.targets["api"].Contexts["assets"] = config.Context{Raw: "docker-image://base:1", Kind: config.Image, Value: "base:1"}
	},
	"context-modes":  func(p *project) { p.targets["api"].GitModes = true; p.chmod("src/a.c", 0o600) },
	"inherited-file": func(p *project) { p.write("tools/t", "tt") },
	"new-target": func(p *project) {
		p.targets["more"] = &config.Target{Name: "more", DockerfileInline: text("FROM scratch\nCOPY tools/t /t\n"), Context: config.Context{Value: "."}}
	},
}

// triggers is a configuration of base:1 that has a trigger.
const triggers = `{"os":"linux","architecture":"amd64","created":"2026-03-04T05:06:07Z","rootfs":{"type":"layers","diff_ids":["sha256:00"]},"config":{"Env":["A=1"],"OnBuild":["COPY tools /more"]}}`

func (p *project) hardlink(from, to string) {
	if err := os.Link(filepath.Join(p.dir, from), filepath.Join(p.dir, to)); err != nil {
		p.t.Fatal(err)
	}
}

func entry(kv ...string) config.Entry {
	e := config.Entry{Attrs: map[string]string{}}
	for i := 0; i < len(kv); i += 2 {
		if e.Attrs[kv[i]] = kv[i+1]; kv[i] == "type" {
			e.Type = kv[i+1]
			delete(e.Attrs, "type")
		}
	}
	return e
}

func platform(t *testing.T, texts ...string) []config.Platform {
	out, err := config.ParsePlatforms(texts)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (p *project) remove(name string) {
	if err := os.Remove(filepath.Join(p.dir, name)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) rename(from, to string) {
	if err := os.Rename(filepath.Join(p.dir, from), filepath.Join(p.dir, to)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) chmod(name string, mode os.FileMode) {
	if err := os.Chmod(filepath.Join(p.dir, name), mode); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) symlink(to, name string) {
	if err := os.Symlink(to, filepath.Join(p.dir, name)); err != nil {
		p.t.Fatal(err)
	}
}

// TestClasses holds one explanation for each kind of change: it names what has
// changed, with old and new, and nothing else.
func TestClasses(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range classes {
		t.Run(name, func(t *testing.T) {
			p := newProject(t)
			before := p.snapshot()
			change(p)
			after := p.snapshot()
			known := everything(before)
			x := &explain.Explanation{Targets: explain.Compare(before, after, explain.Against{Kind: "ref", ID: "before"}, targets(p), known)}
			var b bytes.Buffer
			if err := x.Text(&b, time.Now()); err != nil {
				t.Fatal(err)
			}
			golden.Check(t, *update, filepath.Join(here, "testdata/classes", name+".txt"), b.String())
			for _, c := range x.Targets[0].Causes {
				if c.Kind == explain.Operation {
					t.Errorf("no word for it: %+v", c)
				}
			}
			if n := len(x.Targets[0].Causes); n > 1 && name != "mount-moved" { // that changes two instructions
				t.Errorf("%d causes for one change", n)
			}
		})
	}
}

// A label is only in the configuration of the image: no step runs for it, also
// where something else has changed with it.
func TestLabelIsNoReason(t *testing.T) {
	for name, change := range classes {
		t.Run(name, func(t *testing.T) {
			p := newProject(t)
			before := p.snapshot()
			change(p)
			p.targets["api"].Labels["team"] = "green"
			for _, target := range explain.Compare(before, p.snapshot(), explain.Against{Kind: "ref"}, []string{"api"}, everything(before)) {
				for _, s := range target.Steps {
					if strings.Contains(s.Why, "label") {
						t.Errorf("%s: %s", s.Text, s.Why)
					}
				}
			}
		})
	}
}

// Each step names the files that it reads itself.
func TestFilesOfStep(t *testing.T) {
	p := newProject(t)
	before := p.snapshot()
	p.write("src/a.c", "int aa;\n")
	p.write("tools/t", "tt")
	want := map[string]string{"COPY src /src": "src/a.c", "COPY tools /tools": "tools/t"}
	for _, s := range explain.Compare(before, p.snapshot(), explain.Against{Kind: "ref"}, []string{"api"}, everything(before))[0].Steps {
		if why := want[s.Text]; why != "" && s.Why != why {
			t.Errorf("%s: %q, want %q", s.Text, s.Why, why)
		}
	}
}

func targets(p *project) []string {
	if p.targets["more"] != nil {
		return []string{"api", "web", "more"}
	}
	return []string{"api", "web"}
}

// steps are those that a builder has run.
type steps struct{ keys, classes map[string]bool }

func everything(s *facts.Snapshot) steps {
	out := steps{map[string]bool{}, map[string]bool{}}
	for _, t := range s.Targets {
		for _, p := range t.Platforms {
			for _, st := range p.Steps {
				out.keys[st.Key], out.classes[st.Class] = true, true
			}
		}
	}
	return out
}

func (s steps) Has(key string) bool                               { return s.keys[key] }
func (s steps) HasClass(class string) bool                        { return s.classes[class] }
func (s steps) Took(string, string, string) (time.Duration, bool) { return 2 * time.Second, true }
