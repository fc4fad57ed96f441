package digest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/protobuf/proto"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/imageconfig"
	"github.com/orch-build/orch/internal/need"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/inputs"
	"github.com/orch-build/orch/planner/options"
)

// registry knows the images of a project.
type registryOf struct{ p *project }

func (r registryOf) Image(_ context.Context, ref string, platform ocispecs.Platform) (Image, error) {
	name, _, _ := strings.Cut(ref, "@")
	img := r.p.images[name]
	if img == nil {
		return Image{}, imageconfig.ErrUnknown
	}
	out := ocispecs.Image{Platform: platform, RootFS: ocispecs.RootFS{Type: "layers"}}
	out.RootFS.DiffIDs = append(out.RootFS.DiffIDs, "sha256:00")
	out.Config.Env, out.Config.User = img.env, img.user
	data, err := json.Marshal(out)
	if err != nil {
		return Image{}, err
	}
	if len(img.onbuild) > 0 {
		list, _ := json.Marshal(img.onbuild)
		data = []byte(strings.Replace(string(data), `"config":{`, `"config":{"OnBuild":`+string(list)+",", 1))
		data = []byte(strings.Replace(string(data), `,}`, `}`, 1))
	}
	return Image{Digest: "sha256:" + hash(name, fmt.Sprint(*img)), Config: data}, nil
}

// config is the definition of the project, as config.Resolve would have it.
func (p *project) config() *config.Config {
	cfg := &config.Config{}
	for _, t := range p.targets {
		c := &config.Target{
			Name: t.name, Dockerfile: t.dockerfile, Context: config.Context{Value: "."}, Stage: t.stage, Args: t.args, Labels: t.labels, Ulimits: t.ulimits,
			Contexts: map[string]config.Context{}, Platforms: platformsOf(t.platforms), Network: t.network, ShmSize: t.shm, ExtraHosts: t.hosts,
		}
		for name, v := range t.contexts {
			switch scheme, rest, _ := strings.Cut(v, ":"); scheme {
			case "oci-layout":
				c.Contexts[name] = config.Context{Kind: config.OCILayout, Value: "/w/" + rest}
			case "https":
				c.Contexts[name] = config.Context{Kind: config.HTTP, Value: v}
				if strings.Contains(v, ".git#") {
					c.Contexts[name] = config.Context{Kind: config.Git, Value: v}
				}
			case "target":
				c.Contexts[name] = config.Context{Kind: config.LinkedTarget, Value: rest}
			case "docker-image":
				c.Contexts[name] = config.Context{Kind: config.Image, Value: strings.TrimPrefix(rest, "//")}
			default:
				c.Contexts[name] = config.Context{Value: v}
			}
		}
		if t.main != "" {
			text := strings.Join(p.files[t.dockerfile], "\n") + "\n"
			c.Context, c.Dockerfile, c.DockerfileInline = config.Context{Kind: config.HTTP, Value: t.main}, "", &text
			if strings.Contains(t.main, ".git#") {
				c.Context.Kind = config.Git
			}
		}
		if t.secrets {
			c.Secrets = []config.Secret{{ID: "tok", Env: "TOK"}}
		}
		cfg.Targets = append(cfg.Targets, c)
	}
	return cfg
}

func platformsOf(list []string) []config.Platform {
	out, err := config.ParsePlatforms(list)
	if err != nil {
		panic(err) // they are all good
	}
	return out
}

func (p *project) memory() memoryFS {
	m := maps.Clone(p.context)
	for name, lines := range p.files {
		m[name] = &fstest.MapFile{Data: []byte(strings.Join(lines, "\n") + "\n"), Mode: 0o644}
	}
	if p.ignore == nil {
		m[".dockerignore"] = &fstest.MapFile{Data: []byte("Dockerfile*\n.dockerignore\nlayout*\n"), Mode: 0o644}
	}
	for name, img := range p.layouts {
		img.layout(m, name)
	}
	return m
}

// state is what the targets of a project come to.
type state struct {
	words, sums map[string]string // the digests of classes, and the exact ones
	open        map[string]bool
	wordsOpen   map[string]bool
	truth       map[string]string // "" if the frontend refuses
}

// measure computes all digests of a project, and what its targets really are;
// ok is false if it cannot be planned.
func measure(t *testing.T, p *project, remembered inputs.Memory) (s state, ok bool) {
	t.Helper()
	files := p.memory()
	plan, diags := planner.New(p.config(), planner.Options{Files: files, BuildPlatform: "linux/amd64", Dir: "/w"})
	if diags.HasErrors() {
		return s, false
	}
	in, diags := inputs.Compute(plan, inputs.Options{Tree: files})
	if diags.HasErrors() {
		return s, false
	}
	s = state{map[string]string{}, map[string]string{}, map[string]bool{}, map[string]bool{}, map[string]string{}}
	for _, b := range plan.Builds {
		s.words[b.Name()], s.wordsOpen[b.Name()] = in.Build(b).Sum, len(in.Build(b).Open) > 0
	}
	all, err := Compute(t.Context(), plan, in.Reads, Options{Files: files, Images: registryOf{p}, Memory: remembered, SourcePolicy: []byte(p.policy)})
	if err != nil {
		t.Fatal(err)
	}
	tr := &truth{p: p, reads: in.Reads, known: map[*planner.Build]map[string]made{}}
	for _, b := range plan.Builds {
		d := all.Target(b)
		s.sums[b.Name()] = d.Publication
		s.open[b.Name()] = len(d.Open) > 0
		s.truth[b.Name()] = tr.of(t, b)
	}
	return s, true
}

// truth is what BuildKit's frontend makes of whole Dockerfiles: the definition
// byte by byte with the files in it, and the configuration.
type truth struct {
	p     *project
	reads *inputs.Reads
	known map[*planner.Build]map[string]made
}

type made struct{ files, image string }

func (tr *truth) of(t *testing.T, b *planner.Build) string {
	list := b.Platforms
	if len(list) == 0 {
		list = []string{""}
	}
	tr.known[b] = map[string]made{}
	for _, linked := range b.Links {
		if len(tr.known[linked]) == 0 {
			return "" // it was refused
		}
	}
	var out []string
	for _, name := range list {
		m, err := tr.convert(t, b, name)
		if err != nil {
			return ""
		}
		id := name
		if len(list) == 1 {
			id = ""
		}
		tr.known[b][id] = m
		out = append(out, id, m.files, m.image)
	}
	if multi, err := strconv.ParseBool(b.Target.Args["BUILDKIT_MULTI_PLATFORM"]); err == nil {
		out = append(out, fmt.Sprint(multi))
	}
	return strings.Join(append(out, tr.p.policy), "\n")
}

func (tr *truth) convert(t *testing.T, b *planner.Build, platform string) (made, error) {
	opts := options.Of(b)
	f := &frontend{opts: opts, build: platforms.MustParse("linux/amd64"), seen: map[asked]bool{}, asking: &asking{images: registryOf{tr.p}, answers: map[[2]string]*answer{}}}
	f.inputs = map[string]llb.State{"context": same("context"), "dockerfile": llb.Scratch()}
	for name := range b.Contexts {
		f.inputs["local:"+name] = same("local:" + name)
		opts["context:"+name] = "input:local:" + name
	}
	if b.Context == nil {
		st, ok, err := dockerui.DetectGitContext(b.Target.Context.Value, nil)
		if ok && err != nil {
			return made{}, err
		}
		if !ok { // an archive, which is unpacked
			file, name, _ := dockerui.DetectHTTPContext(b.Target.Context.Value)
			all := llb.Scratch().File(llb.Copy(*file, "/"+name, "/", &llb.CopyInfo{AttemptUnpack: true}))
			st = &all
		}
		f.inputs["context"] = *st
	}
	f.layouts = map[string]layout{}
	for name, c := range b.Target.Contexts {
		switch c.Kind {
		case config.Image:
			opts["context:"+name] = "docker-image://" + c.Value
		case config.Git, config.HTTP:
			opts["context:"+name] = c.Value
		case config.OCILayout:
			path, dgst, _ := strings.Cut(c.Value, "@")
			f.layouts[name] = layout{path: path, digest: dgst, files: tr.p.memory()}
			opts["context:"+name] = "oci-layout://" + name + "@" + dgst
		}
	}
	for name, linked := range b.Links {
		for id, m := range tr.known[linked] {
			full := name
			if id != "" {
				full += "::" + id
			}
			key := "link:" + m.files
			f.inputs[key] = same(key)
			opts["context:"+full] = "input:" + key
			md, _ := json.Marshal(map[string][]byte{"containerimage.config": []byte(m.image)})
			opts["input-metadata:"+key] = string(md)
		}
	}
	ui, err := dockerui.NewClient(f)
	if err != nil {
		return made{}, err
	}
	opt := dockerfile2llb.ConvertOpt{Config: ui.Config, Client: ui, MetaResolver: f, Warn: func(string, string, string, string, []parser.Range) {}}
	if platform != "" {
		p := platforms.Normalize(platforms.MustParse(platform))
		opt.TargetPlatform = &p
	}
	res, err := dockerfile2llb.Dockerfile2LLB(t.Context(), b.Dockerfile.Data, opt)
	if err != nil {
		return made{}, err
	}
	def, err := res.State.Marshal(t.Context())
	if err != nil {
		return made{}, err
	}
	var all []string
	for _, data := range def.Def {
		all = append(all, string(tr.withoutProxy(t, data)))
		var op pb.Op
		if err := op.UnmarshalVT(data); err != nil {
			t.Fatal(err)
		}
		for _, id := range secretsOf(&op) {
			all = append(all, id, fmt.Sprint(len(b.Target.Secrets)))
		}
	}
	image, err := json.Marshal(res.Image)
	epoch := fmt.Sprint(res.Epoch)
	return made{hash(all...), string(image) + epoch}, err
}

// same is a local source that is equal to another of its name.
func same(name string) llb.State { return llb.Local(name, llb.LocalUniqueID("one")) }

// withoutProxy takes the proxies of a step out: they do not count, by design.
func (tr *truth) withoutProxy(t *testing.T, data []byte) []byte {
	var op pb.Op
	if err := op.UnmarshalVT(data); err != nil {
		t.Fatal(err)
	}
	if op.GetExec() == nil || op.GetExec().Meta.ProxyEnv == nil {
		return data
	}
	op.GetExec().Meta.ProxyEnv = nil
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(&op)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func secretsOf(op *pb.Op) []string {
	var out []string
	for _, m := range op.GetExec().GetMounts() {
		if m.SecretOpt != nil {
			out = append(out, m.SecretOpt.ID)
		}
	}
	for _, s := range op.GetExec().GetSecretenv() {
		out = append(out, s.ID)
	}
	return out
}

// tally counts what comparisons came to.
type tally struct {
	pairs, falseSkips, over, differ int
	reasons, overReasons            map[string]int
}

func newTally() *tally { return &tally{reasons: map[string]int{}, overReasons: map[string]int{}} }

func (c *tally) add(what string, equal, open, same bool) {
	c.pairs++
	if !same {
		c.differ++
	}
	switch {
	case equal && !open && !same:
		c.falseSkips++
		c.reasons[what]++
	case !equal && same:
		c.over++
		c.overReasons[what]++
	}
}

func (c *tally) String() string {
	return fmt.Sprintf("%d pairs: %d differ, %d false skips %v, %d over-selected (%.1f%%) %v",
		c.pairs, c.differ, c.falseSkips, c.reasons, c.over, 100*float64(c.over)/float64(max(c.pairs, 1)), c.overReasons)
}

// TestEqualDigestEqualDefinition changes one thing in random projects: a target
// with an equal digest has an equal definition and configuration. ORCH_MUTATIONS
// says how many projects, ORCH_SEED where to start.
func TestEqualDigestEqualDefinition(t *testing.T) {
	count, seed := number("ORCH_MUTATIONS", need.Rounds(60)), number("ORCH_SEED", 1)
	exact, words := newTally(), newTally()
	for i := range count {
		r := rand.New(rand.NewPCG(uint64(seed), uint64(i)))
		p := newProject(r)
		remembered := memoryOf{}
		before, ok := measure(t, p, remembered)
		if !ok {
			continue
		}
		for range 4 {
			q := p.clone()
			what := mutations[r.IntN(len(mutations))](r, q)
			if what == "" {
				continue
			}
			after, ok := measure(t, q, remembered)
			if !ok {
				continue
			}
			for name, sum := range before.sums {
				if before.truth[name] == "" || after.truth[name] == "" {
					continue
				}
				equal := before.truth[name] == after.truth[name]
				exact.add(what, sum == after.sums[name], false, equal)
				words.add(what, before.words[name] == after.words[name], after.wordsOpen[name], equal)
				if sum == after.sums[name] && !equal {
					t.Errorf("project %d, %s: %s has an equal digest\n%s\n=====\n%s", i, what, name, p, q)
				}
			}
			if t.Failed() {
				return
			}
		}
	}
	t.Logf("exact: %s", exact)
	t.Logf("by classes: %s", words)
	if exact.pairs > 0 && exact.over*10 > exact.pairs {
		t.Errorf("over-selected: %s", exact)
	}
	if exact.pairs < count {
		t.Errorf("only %d pairs", exact.pairs)
	}
}

func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// memoryOf keeps a memory in a map.
type memoryOf map[string][]byte

func (m memoryOf) Load(name string) []byte { return m[name] }
func (m memoryOf) Save(name string, data []byte) error {
	m[name] = slices.Clone(data)
	return nil
}
