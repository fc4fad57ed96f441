//go:build unix

package inputs

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/plannertest"
	"github.com/orch-build/orch/schema"
)

const (
	pinA   = plannertest.PinA
	pinB   = plannertest.PinB
	commit = plannertest.Commit
)

// sample is a sample with what it is read by.
type sample struct {
	*plannertest.Sample
	memory Memory
	now    time.Time
	tree   Tree
}

func newSample(t testing.TB) *sample { return &sample{Sample: plannertest.NewSample(t)} }

// plan plans the project as it is now.
func (p *sample) plan(t testing.TB) *planner.Plan {
	t.Helper()
	plan, diags := planner.New(p.Config(t), planner.Options{BuildPlatform: p.Platform, Dir: p.Dir})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return plan
}

// inputs computes the digests of the project as it is now.
func (p *sample) inputs(t testing.TB) (*planner.Plan, *Inputs) {
	t.Helper()
	plan := p.plan(t)
	in, diags := Compute(plan, Options{Memory: p.memory, Now: p.now, Tree: p.tree})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return plan, in
}

func (p *sample) digest(t testing.TB) *Digest {
	t.Helper()
	plan, in := p.inputs(t)
	for _, b := range plan.Builds {
		if b.Name() == "app" {
			return in.Build(b)
		}
	}
	t.Fatal("no target app")
	return nil
}

// mutation changes one input, which must show in these classes and no others;
// ClassUpstream shows every change of a vertex.
type mutation struct {
	name    string
	classes []Class
	do      func(t *testing.T, p *sample)
}

var mutations = []mutation{
	{"opaque frontend", []Class{ClassKind, ClassPlatform, ClassFrontend, ClassInstruction, ClassArgument, ClassFileName, ClassFileContent, ClassLink, ClassImage, ClassImageDigest, ClassRemote, ClassMount, ClassSecret, ClassSSH}, func(t *testing.T, p *sample) {
		p.Dockerfile = "# syntax=example.com/front@" + pinA + "\n" + p.Dockerfile
	}},
	{"platform", []Class{ClassPlatform}, func(t *testing.T, p *sample) { p.Platform = "linux/arm64" }},
	{"platforms of the target", []Class{ClassPlatform}, func(t *testing.T, p *sample) { p.Target.Platforms = plannertest.Platforms("linux/amd64") }},
	{"syntax", []Class{ClassFrontend}, func(t *testing.T, p *sample) { p.Dockerfile = "# syntax=docker/dockerfile:1.7\n" + p.Dockerfile }},
	{"escape", []Class{ClassFrontend}, func(t *testing.T, p *sample) { p.Dockerfile = "# escape=`\n" + p.Dockerfile }},
	{"step", []Class{ClassInstruction}, func(t *testing.T, p *sample) { p.Replace("make", "make all") }},
	{"destination", []Class{ClassInstruction}, func(t *testing.T, p *sample) { p.Replace("src /src", "src /app") }},
	{"heredoc", []Class{ClassInstruction}, func(t *testing.T, p *sample) { p.Dockerfile += "COPY <<EOF /x\n\"a\"\nEOF\n" }},
	{"argument", []Class{ClassArgument, ClassInstruction}, func(t *testing.T, p *sample) { p.Target.Args["VERSION"] = "2" }},
	{"default of an argument", []Class{ClassArgument, ClassInstruction}, func(t *testing.T, p *sample) { p.Replace("VERSION=1", "VERSION=2") }},
	{"argument of BuildKit", []Class{ClassArgument}, func(t *testing.T, p *sample) { p.Target.Args["BUILDKIT_INLINE_CACHE"] = "1" }},
	{"name of a host", []Class{ClassArgument}, func(t *testing.T, p *sample) { p.Target.Args["BUILDKIT_SANDBOX_HOSTNAME"] = "x" }},
	{"new file", []Class{ClassFileName, ClassFileContent}, func(t *testing.T, p *sample) { p.Write(t, "ctx/src/new.go", "") }},
	{"empty folder", []Class{ClassFileName}, func(t *testing.T, p *sample) {
		if err := os.Mkdir(filepath.Join(p.Dir, "ctx/src/empty"), 0o755); err != nil {
			t.Fatal(err)
		}
	}},
	{"renamed file", []Class{ClassFileName, ClassFileContent}, func(t *testing.T, p *sample) {
		if err := os.Rename(filepath.Join(p.Dir, "ctx/src/main.go"), filepath.Join(p.Dir, "ctx/src/main2.go")); err != nil {
			t.Fatal(err)
		}
	}},
	{"file that is ignored now", []Class{ClassFileName, ClassFileContent}, func(t *testing.T, p *sample) { p.Write(t, "ctx/.dockerignore", "**/*.sh\n") }},
	{"pipe", []Class{ClassFileName}, func(t *testing.T, p *sample) {
		if err := syscall.Mkfifo(filepath.Join(p.Dir, "ctx/src/pipe"), 0o644); err != nil {
			t.Fatal(err)
		}
	}},
	{"content", []Class{ClassFileContent}, func(t *testing.T, p *sample) { p.Write(t, "ctx/src/main.go", "package mine") }},
	{"executable", []Class{ClassFileMode}, func(t *testing.T, p *sample) { p.Chmod(t, "ctx/src/deep/run.sh", 0o755) }},
	{"setuid", []Class{ClassFileMode}, func(t *testing.T, p *sample) { p.Chmod(t, "ctx/src/deep/run.sh", 0o644|fs.ModeSetuid) }},
	{"link", []Class{ClassLink}, func(t *testing.T, p *sample) { p.Link(t, "deep", "ctx/src/link") }},
	{"image", []Class{ClassImage}, func(t *testing.T, p *sample) { p.Replace("alpine:3@", "debian:3@") }},
	{"image by argument", []Class{ClassImage}, func(t *testing.T, p *sample) { p.Target.Args["BASE"] = "alpine:4@" + pinA }},
	{"pinned image", []Class{ClassImageDigest}, func(t *testing.T, p *sample) { p.Replace(pinA, pinB) }},
	{"commit", []Class{ClassRemote, ClassInstruction}, func(t *testing.T, p *sample) { p.Replace(commit, strings.Repeat("f", 40)) }},
	{"mount", []Class{ClassMount}, func(t *testing.T, p *sample) { p.Replace("target=/cache", "target=/cache,sharing=locked") }},
	{"id of a secret", []Class{ClassSecret}, func(t *testing.T, p *sample) { p.Replace("id=token", "id=key") }},
	{"secret that is provided", []Class{ClassSecret}, func(t *testing.T, p *sample) { p.Target.Secrets = []config.Secret{{ID: "token", Env: "TOKEN"}} }},
	{"id of an agent", []Class{ClassSSH}, func(t *testing.T, p *sample) { p.Replace("type=ssh", "type=ssh,id=git") }},
	{"agent that is provided", []Class{ClassSSH}, func(t *testing.T, p *sample) { p.Target.SSH = []config.SSH{{ID: "default"}} }},
	{"network", []Class{ClassNetwork}, func(t *testing.T, p *sample) { p.Target.Network = "none" }},
	{"hosts", []Class{ClassHosts}, func(t *testing.T, p *sample) { p.Target.ExtraHosts = map[string]string{"db": "10.0.0.1"} }},
	{"shm", []Class{ClassShm}, func(t *testing.T, p *sample) { p.Target.ShmSize = "128m" }},
	{"ulimits", []Class{ClassUlimits}, func(t *testing.T, p *sample) { p.Target.Ulimits = []string{"nofile=1024"} }},
	{"resources", []Class{ClassResources}, func(t *testing.T, p *sample) { p.Target.Resources = &config.Resources{Memory: "1g"} }},
	{"epoch", []Class{ClassEpoch}, func(t *testing.T, p *sample) { p.Target.Args["SOURCE_DATE_EPOCH"] = "1" }},
	{"upstream", []Class{ClassUpstream, ClassInstruction}, func(t *testing.T, p *sample) { p.Dockerfile += "COPY --from=base /src /again\n" }},
	{"label", []Class{ClassLabel}, func(t *testing.T, p *sample) { p.Target.Labels = map[string]string{"a": "b"} }},
	{"annotation", []Class{ClassAnnotation}, func(t *testing.T, p *sample) { p.Target.Annotations = []string{"a=b"} }},
	{"attestation", []Class{ClassAttestation}, func(t *testing.T, p *sample) {
		p.Target.Attest = []config.Attest{config.NewAttest(config.Entry{Type: "sbom"})}
	}},
	{"output", []Class{ClassOutput}, func(t *testing.T, p *sample) {
		p.Target.Outputs = []config.Output{config.NewOutput(config.Entry{Type: "oci", Attrs: map[string]string{"compression": "zstd"}})}
	}},
	{"policy", []Class{ClassPolicy}, func(t *testing.T, p *sample) {
		p.Write(t, "ctx/p.rego", "package docker")
		p.Target.Policy = []config.Policy{{Files: []config.PolicyFile{{Filename: "p.rego"}}}}
	}},
}

// TestMutations changes one input after another; each must change the digest
// and show in its class, and every class must have such a change.
func TestMutations(t *testing.T) {
	covered := map[Class]bool{}
	for _, m := range mutations {
		covered[m.classes[0]] = true
		t.Run(m.name, func(t *testing.T) {
			p := newSample(t)
			before := p.digest(t)
			m.do(t, p)
			after := p.digest(t)
			if before.Sum == after.Sum {
				t.Fatal("the digest is the same")
			}
			want := slices.Sorted(slices.Values(append([]Class{ClassUpstream}, m.classes...)))
			got := before.Diff(after)
			if !slices.Contains(got, ClassUpstream) { // only the target differs
				got = append(got, ClassUpstream)
				slices.Sort(got)
			}
			if !slices.Equal(got, slices.Compact(want)) {
				t.Errorf("it shows in %v, want %v", got, want)
			}
		})
	}
	for _, c := range Classes() {
		if !covered[c] {
			t.Errorf("no change shows class %v", c)
		}
	}
}

// indifferent are changes that must not change a digest.
var indifferent = []mutation{
	{name: "times of files", do: func(t *testing.T, p *sample) {
		then := time.Unix(1, 0)
		for _, f := range []string{"ctx/src/main.go", "ctx/src"} {
			if err := os.Chtimes(filepath.Join(p.Dir, f), then, then); err != nil {
				t.Fatal(err)
			}
		}
	}},
	{name: "umask", do: func(t *testing.T, p *sample) {
		p.Chmod(t, "ctx/src/main.go", 0o600)
		p.Chmod(t, "ctx/src/deep", 0o700)
		p.Chmod(t, "ctx/src", 0o775)
	}},
	{name: "owner", do: func(t *testing.T, p *sample) {
		if err := os.Chown(filepath.Join(p.Dir, "ctx/src/main.go"), 1000, 1000); err != nil {
			t.Skip("only root may give files away")
		}
	}},
	{name: "folder of the checkout", do: func(t *testing.T, p *sample) {
		to := filepath.Join(t.TempDir(), "elsewhere")
		if err := os.Rename(p.Dir, to); err != nil {
			t.Fatal(err)
		}
		p.Dir = to
	}},
	{name: "order of a walk", do: func(t *testing.T, p *sample) { p.tree = reversed{} }},
	{name: "hard link", do: func(t *testing.T, p *sample) {
		if err := os.Link(filepath.Join(p.Dir, "ctx/src/main.go"), filepath.Join(p.Dir, "ctx/other/main.go")); err != nil {
			t.Fatal(err)
		}
	}},
	{name: "file that nobody reads", do: func(t *testing.T, p *sample) { p.Write(t, "ctx/other/file", "changed") }},
	{name: "file that is ignored", do: func(t *testing.T, p *sample) {
		p.Write(t, "ctx/.dockerignore", "*.log\nsrc/build.tmp")
		p.Write(t, "ctx/src/build.tmp", "x")
	}},
	{name: "argument that nobody declares", do: func(t *testing.T, p *sample) { p.Target.Args["NOBODY"] = "x" }},
	{name: "argument in place of its value", do: func(t *testing.T, p *sample) { p.Replace("$BASE", "alpine:3@"+pinA) }},
	{name: "name of a stage", do: func(t *testing.T, p *sample) { p.Replace("base", "ground") }},
	{name: "comments and blank lines", do: func(t *testing.T, p *sample) {
		p.Dockerfile = "# hello\n\n" + strings.ReplaceAll(p.Dockerfile, "\nRUN", "\n# why\nRUN")
	}},
	{name: "stage that is not needed", do: func(t *testing.T, p *sample) {
		p.Replace("FROM $BASE", "FROM busybox AS unused\nCOPY other /\nFROM $BASE")
	}},
	{name: "secret from elsewhere", do: func(t *testing.T, p *sample) { p.Target.Secrets = []config.Secret{{ID: "nobody", Src: "x"}} }},
	{name: "tags", do: func(t *testing.T, p *sample) { p.Target.Tags = []string{"app:v2"} }},
	{name: "description", do: func(t *testing.T, p *sample) { p.Target.Description = "x" }},
	{name: "caches", do: func(t *testing.T, p *sample) {
		p.Target.CacheFrom = []config.CacheEntry{config.NewCacheEntry(config.Entry{Type: "local"})}
		p.Target.CacheTo = []config.CacheEntry{config.NewCacheEntry(config.Entry{Type: "local"})}
	}},
	{name: "proxy", do: func(t *testing.T, p *sample) { p.Target.Args["HTTP_PROXY"] = "http://proxy" }},
	{name: "another target", do: func(t *testing.T, p *sample) {
		p.More = []*config.Target{{Name: "aaa", Dockerfile: "Dockerfile", Stage: "base", Context: config.Context{Value: filepath.Join(p.Dir, "ctx")}}}
	}},
}

func TestIndifferent(t *testing.T) {
	for _, m := range indifferent {
		t.Run(m.name, func(t *testing.T) {
			p := newSample(t)
			before := p.digest(t)
			m.do(t, p)
			if after := p.digest(t); before.Sum != after.Sum {
				t.Errorf("the digest is another in %v", before.Diff(after))
			}
		})
	}
}

// reversed lists directories in another order than the disk does, sorted
// again as Tree demands.
type reversed struct{ Disk }

func (r reversed) List(dir string) ([]Entry, error) {
	list, err := r.Disk.List(dir)
	slices.Reverse(list)
	sortEntries(list)
	return list, err
}

// TestDigestIsStable holds the definition of the digest still: whoever changes
// it has to count DigestVersion up.
func TestDigestIsStable(t *testing.T) {
	const want = "orch1:41b7345cfe1c47223a4e6871be8f207cd9c05def930e1833e86eea23614c8173"
	if got := newSample(t).digest(t).Sum; got != want {
		t.Errorf("the digest of the sample is %s, was %s", got, want)
	}
}

// aside are the fields of config.Target that no attribute fills.
var aside = []string{"Name", "Volatile", "Overridden", "Tests", "Template", "Range", "Ranges", "Shared", "Part", "written"}

// attributeOf are the attributes of fields that have other names.
var attributeOf = map[string]string{"Stage": "target", "Outputs": "output", "Secrets": "secret", "Limits": "weight", "GitModes": "context-modes"}

// TestFields demands a decision for every attribute that a target has: its
// description says whether it can change a result.
func TestFields(t *testing.T) {
	upper := regexp.MustCompile(`([a-z])([A-Z])`)
	for i := range reflect.TypeFor[config.Target]().NumField() {
		name := reflect.TypeFor[config.Target]().Field(i).Name
		if slices.Contains(aside, name) {
			continue
		}
		attribute := attributeOf[name]
		if attribute == "" {
			attribute = strings.ToLower(upper.ReplaceAllString(name, "$1-$2"))
		}
		if a, ok := schema.TargetAttribute(attribute); !ok || a.Effect == "" {
			t.Errorf("config.Target.%s: no description in package schema says whether it can change a result", name)
		}
	}
}

func TestOpen(t *testing.T) {
	digest := "@" + pinA
	for _, c := range []struct {
		name, dockerfile string
		change           func(*config.Target)
		want             []Reason
		text             string
	}{
		{"pinned", "FROM alpine" + digest, nil, nil, ""},
		{"scratch", "FROM scratch\nCOPY src /", nil, nil, ""},
		{"tag", "FROM alpine:3", nil, []Reason{MutableTag}, "alpine:3 is not pinned to a digest"},
		{"copied from a tag", "FROM scratch\nCOPY --from=alpine / /", nil, []Reason{MutableTag}, "alpine:latest is not"},
		{"URL", "FROM scratch\nADD https://example.com/x.tar /", nil, []Reason{RemoteFile}, "https://example.com/x.tar is fetched"},
		{"URL with a checksum", "FROM scratch\nADD --checksum=" + pinA + " https://example.com/x.tar /", nil, nil, ""},
		{"checksum by argument", "FROM scratch\nARG SUM=" + pinA + "\nADD --checksum=$SUM https://example.com/x.tar /", nil, nil, ""},
		{"branch", "FROM scratch\nADD https://example.com/x.git#main /", nil, []Reason{GitBranch}, `at "main", which is not a full`},
		{"default branch", "FROM scratch\nADD https://example.com/x.git /", nil, []Reason{GitBranch}, "its default branch"},
		{"commit", "FROM scratch\nADD https://example.com/x.git#" + commit + " /", nil, nil, ""},
		{"git with a checksum", "FROM scratch\nADD --checksum=" + commit + " https://example.com/x.git#v1 /", nil, nil, ""},
		{"other frontend", "# syntax=docker/dockerfile-upstream:master\nFROM scratch", nil, []Reason{MutableTag}, "the frontend docker/dockerfile-upstream:master"},
		{"opaque", "# syntax=example.com/front:1\nanything", nil, []Reason{OpaqueFrontend}, "may read what it likes"},
		{"no cache", "FROM scratch", func(t *config.Target) { yes := true; t.NoCache = &yes }, []Reason{NoCache}, "every step again"},
		{"branch as a context", "FROM scratch\nCOPY --from=lib / /", func(t *config.Target) {
			t.Contexts = map[string]config.Context{"lib": {Kind: config.Git, Value: "https://example.com/x.git#main"}}
		}, []Reason{GitBranch}, ""},
		{"file as a context", "FROM scratch\nCOPY --from=lib / /", func(t *config.Target) {
			t.Contexts = map[string]config.Context{"lib": {Kind: config.HTTP, Value: "https://example.com/x.tar"}}
		}, []Reason{RemoteFile}, ""},
		{"pinned context", "FROM debian", func(t *config.Target) {
			t.Contexts = map[string]config.Context{"debian": {Kind: config.Image, Value: "alpine" + digest}}
		}, nil, ""},
		{"stage below", "FROM alpine:3 AS a\nFROM a AS b\nFROM scratch\nCOPY --from=b / /", nil, []Reason{MutableTag}, ""},
		{"stage not needed", "FROM alpine:3 AS a\nFROM scratch", nil, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newSample(t)
			p.Dockerfile = c.dockerfile + "\n"
			if c.change != nil {
				c.change(p.Target)
			}
			d := p.digest(t)
			var got []Reason
			for _, o := range d.Open {
				got = append(got, o.Why)
				if !strings.Contains(o.Text, c.text) {
					t.Errorf("it says %q, want %q", o.Text, c.text)
				}
				if o.Why != NoCache && o.Range.Start.Line == 0 && p.Target.Contexts == nil {
					t.Errorf("%q has no place", o.Text)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("open for %v, want %v", got, c.want)
			}
		})
	}
}

// TestLayoutDigest reads the tag of an OCI layout, whatever its folder is.
func TestLayoutDigest(t *testing.T) {
	of := func(folder, pin, ref string) *Digest {
		p := newSample(t)
		p.Write(t, folder+"/index.json", fmt.Sprintf(`{"manifests":[{"digest":%q,"annotations":{"org.opencontainers.image.ref.name":"v1"}}]}`, pin))
		p.Dockerfile = "FROM base\n"
		p.Target.Contexts = map[string]config.Context{"base": {Kind: config.OCILayout, Value: filepath.Join(p.Dir, folder) + ref}}
		return p.digest(t)
	}
	first := of("oci", pinA, ":v1")
	if len(first.Open) > 0 {
		t.Errorf("open for %v", first.Open)
	}
	if other := of("elsewhere/oci", pinA, ":v1"); other.Sum != first.Sum {
		t.Errorf("the folder shows in %v", first.Diff(other))
	}
	if pinned := of("oci", pinB, "@"+pinA); pinned.Sum != first.Sum {
		t.Errorf("how the digest is written shows in %v", first.Diff(pinned))
	}
	if changed := of("oci", pinB, ":v1"); !slices.Equal(changed.Diff(first), []Class{ClassImageDigest, ClassUpstream}) {
		t.Errorf("another image shows in %v", first.Diff(changed))
	}
	if gone := of("oci", pinA, ":v2"); len(gone.Open) != 1 {
		t.Errorf("a tag that is not there leaves %v open", gone.Open)
	}
}

// TestRandomDigests holds on many projects what must be: neither the order nor
// the names of targets nor other targets change a digest, and equal vertices
// have equal digests.
func TestRandomDigests(t *testing.T) {
	plans := func(cfg *config.Config, files plannertest.Files) bool {
		_, diags := planner.New(cfg, planner.Options{Files: files, BuildPlatform: "linux/amd64", Dir: "/w"})
		return !diags.HasErrors()
	}
	plannertest.EachProject(t, plans, func(t *testing.T, r *rand.Rand, cfg *config.Config, files plannertest.Files) {
		sums := func(cfg *config.Config) (byTarget, byVertex map[string]string) {
			plan, diags := planner.New(cfg, planner.Options{Files: files, BuildPlatform: "linux/amd64", Dir: "/w"})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			in, _ := Compute(plan, Options{Tree: emptyTree{}})
			byTarget, byVertex = map[string]string{}, map[string]string{}
			for _, b := range plan.Builds {
				byTarget[b.Name()] = in.Build(b).Sum
			}
			for _, v := range plan.Graph.Vertices {
				if d := in.Vertex(v); d != nil {
					byVertex[v.ID] = d.Sum
				}
			}
			return byTarget, byVertex
		}
		targets, vertices := sums(cfg)
		other := &config.Config{Targets: slices.Clone(cfg.Targets), Chosen: cfg.Chosen}
		r.Shuffle(len(other.Targets), func(i, j int) {
			other.Targets[i], other.Targets[j] = other.Targets[j], other.Targets[i]
		})
		other.Targets = append(other.Targets, &config.Target{Name: "another", Dockerfile: "Dockerfile.0", Context: config.Context{Value: "."}})
		targets2, vertices2 := sums(other)
		delete(targets2, "another")
		if !maps.Equal(targets, targets2) {
			t.Errorf("digests of targets: %v, were %v", targets2, targets)
		}
		for id, sum := range vertices {
			if vertices2[id] != sum {
				t.Errorf("vertex %s: %s, was %s", id, vertices2[id], sum)
			}
		}
	})
}

// emptyTree has no files.
type emptyTree struct{}

func (emptyTree) List(string) ([]Entry, error) { return nil, nil }
func (emptyTree) Open(string) (Content, error) { return nil, fs.ErrNotExist }

// shelf is a memory that is kept in memory.
type shelf map[string][]byte

func (s shelf) Load(dir string) []byte { return s[dir] }
func (s shelf) Save(dir string, data []byte) error {
	s[dir] = bytes.Clone(data)
	return nil
}

// TestContextAsResult has a context in the place of the last stage: all of its
// files are the result.
func TestContextAsResult(t *testing.T) {
	dir := t.TempDir()
	text := "FROM scratch AS out\n"
	sum := func(content string) string {
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		cfg := &config.Config{Chosen: []string{"a"}, Targets: []*config.Target{{
			Name: "a", DockerfileInline: &text, Context: config.Context{Value: dir}, Contexts: map[string]config.Context{"out": {Value: dir}},
		}}}
		plan, diags := planner.New(cfg, planner.Options{BuildPlatform: "linux/amd64"})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		in, _ := Compute(plan, Options{})
		return in.Build(plan.Builds[0]).Class(ClassFileContent)
	}
	if one, two := sum("one"), sum("two"); one == "" || one == two {
		t.Errorf("the contents give %q and %q", one, two)
	}
}
