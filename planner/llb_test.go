package planner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	godigest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/tools/txtar"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner/dockerfile"
	"github.com/orch-build/orch/planner/plannertest"
)

// anyImage answers for every image with the same configuration.
type anyImage struct{}

func (anyImage) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, godigest.Digest, []byte, error) {
	img := ocispecs.Image{Platform: *opt.ImageOpt.Platform, RootFS: ocispecs.RootFS{DiffIDs: []godigest.Digest{"sha256:00"}}}
	// What the fixtures hope that no planner guesses.
	img.Config.Env = []string{"KIND=bind", "WHERE=there"}
	data, err := json.Marshal(img)
	return ref, "", data, err
}

// llbOf is what BuildKit's own frontend makes of a target on a platform.
func llbOf(data []byte, t *config.Target, platform string) (*llb.Definition, error) {
	return llbWith(data, t, platform, nil)
}

// llbWith is llbOf with a main context; one of BuildKit's own is never equal to
// another.
func llbWith(data []byte, t *config.Target, platform string, mainContext *llb.State) (*llb.Definition, error) {
	pl := platforms.MustParse(platform)
	build := platforms.MustParse("linux/amd64")
	caps := pb.Caps.CapSet(pb.Caps.All())
	res, err := dockerfile2llb.Dockerfile2LLB(context.Background(), data, dockerfile2llb.ConvertOpt{
		Config: dockerui.Config{
			Target: t.Stage, BuildArgs: maps.Clone(t.Args), BuildPlatforms: []ocispecs.Platform{build},
		},
		TargetPlatform: &pl,
		MetaResolver:   anyImage{},
		LLBCaps:        &caps,
		MainContext:    mainContext,
	})
	if err != nil {
		return nil, err
	}
	return res.State.Marshal(context.Background())
}

var stepName = regexp.MustCompile(`^\[(?:(\S+) +)?(\d+)/(\d+)\] `)

// stepsOf lists the steps of BuildKit's graph as "name n/total", and what its
// local source follows: nil for all.
func stepsOf(t testing.TB, def *llb.Definition) (steps map[string]bool, paths []string, local bool) {
	t.Helper()
	steps = map[string]bool{}
	for _, md := range def.Metadata {
		// With ONBUILD, BuildKit counts some steps twice: "[tools 3/2]".
		m := stepName.FindStringSubmatch(md.Description["llb.customname"])
		if m != nil && len(m[2]) <= len(m[3]) && m[2] <= m[3] {
			steps[fmt.Sprintf("%s %s/%s", m[1], m[2], m[3])] = true
		}
	}
	for _, data := range def.Def {
		var op pb.Op
		if err := op.UnmarshalVT(data); err != nil {
			t.Fatal(err)
		}
		if src := op.GetSource(); src != nil && strings.HasPrefix(src.Identifier, "local://") {
			local = true
			if s, ok := src.Attrs[pb.AttrFollowPaths]; ok {
				if err := json.Unmarshal([]byte(s), &paths); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return steps, paths, local
}

// withoutTotals takes what follows the slash off "name n/total".
func withoutTotals(steps map[string]bool) map[string]bool {
	out := map[string]bool{}
	for s, must := range steps {
		s, _, _ = strings.Cut(s, "/")
		out[s] = out[s] || must
	}
	return out
}

// twice reports whether an equal step, by its text, is in another stage too.
func twice(text string, v, top *Vertex) bool {
	if top != v && slices.ContainsFunc(top.Steps, func(s Step) bool { return s.Text == text }) {
		return true
	}
	return slices.ContainsFunc(top.Inputs, func(e Edge) bool { return twice(text, v, e.From) })
}

// planned lists the steps of the plan in the same way, under every name; the
// value says whether the step has to be in BuildKit's graph by this name. It
// merges equal steps too, so that FROM, stages of several names and stages that
// begin alike may hide.
func planned(v *Vertex, alone bool, steps map[string]bool) {
	plannedBelow(v, v, alone, steps)
}

func plannedBelow(v, top *Vertex, alone bool, steps map[string]bool) {
	for _, name := range v.Names {
		if name[0] >= '0' && name[0] <= '9' {
			name = "stage-" + name
		}
		if alone {
			name = ""
		}
		for i, s := range v.Steps {
			from := strings.HasPrefix(strings.ToUpper(s.Text), "FROM")
			steps[fmt.Sprintf("%s %d/%d", name, i+1, len(v.Steps))] = !from && len(v.Names) == 1 && !twice(s.Text, v, top)
		}
	}
	for _, e := range v.Inputs {
		plannedBelow(e.From, top, alone, steps)
	}
}

// compare holds one target's part of a plan against BuildKit's frontend; each
// says that no step of the plan may be missing there.
func compare(t *testing.T, b *Build, platform string, end *Vertex, each bool) {
	data := b.Dockerfile.Data
	def, err := llbOf(data, b.Target, platform)
	if err != nil {
		t.Fatalf("BuildKit refuses what was planned: %v", err)
	}
	compareReduced(t, b, platform)
	theirs, paths, local := stepsOf(t, def)
	alone := len(dockerfile.Parse(data).Stages) == 1 && len(externals(end)) == 0
	ours := map[string]bool{}
	planned(end, alone, ours)
	if bytes.Contains(data, []byte("ONBUILD ARG")) {
		// BuildKit counts the ARG of a trigger in the total, and nowhere else.
		theirs, ours = withoutTotals(theirs), withoutTotals(ours)
	}
	for s := range theirs {
		if _, ok := ours[s]; !ok {
			t.Errorf("%s on %s: BuildKit has the step %s, the plan has %v", b.Name(), platform, s, slices.Sorted(maps.Keys(ours)))
		}
	}
	for s, must := range ours {
		if each && must && !theirs[s] {
			t.Errorf("%s on %s: the plan has the step %s, BuildKit has %v", b.Name(), platform, s, slices.Sorted(maps.Keys(theirs)))
		}
	}
	if local {
		comparePaths(t, b, paths)
	}
}

// compareReduced demands that the reduced Dockerfile comes to the very same
// definition, with the same names, and that each of its lines is where it says.
func compareReduced(t *testing.T, b *Build, platform string) {
	t.Helper()
	st := llb.Local("context", llb.LocalUniqueID("one"))
	whole, err := llbWith(b.Dockerfile.Data, b.Target, platform, &st)
	if err != nil {
		t.Fatal(err)
	}
	r := b.Reduced()
	def, err := llbWith(r.Data, b.Target, platform, &st)
	if err != nil {
		t.Fatalf("%s on %s: %v in the reduced Dockerfile\n%s", b.Name(), platform, err, r.Data)
	}
	if !slices.EqualFunc(def.Def, whole.Def, bytes.Equal) {
		t.Errorf("%s on %s: the reduced Dockerfile gives another definition\n%s", b.Name(), platform, r.Data)
	}
	for id, md := range whole.Metadata {
		if got := def.Metadata[id].Description["llb.customname"]; got != md.Description["llb.customname"] {
			t.Errorf("%s on %s: the step %q is %q in the reduced Dockerfile\n%s", b.Name(), platform, md.Description["llb.customname"], got, r.Data)
		}
	}
	lines := strings.Split(string(b.Dockerfile.Data), "\n")
	for i, line := range strings.Split(strings.TrimSuffix(string(r.Data), "\n"), "\n") {
		if at := r.Line(i + 1); line != "FROM scratch" && line != lines[at-1] {
			t.Errorf("%s: line %d of the reduced Dockerfile is %q, line %d of the whole is %q", b.Name(), i+1, line, at, lines[at-1])
		}
	}
}

// comparePaths demands that the plan reads all of the context that BuildKit
// reads, but for its oddities: it takes repositories for paths, and all of the
// context for a tmpfs.
func comparePaths(t *testing.T, b *Build, theirs []string) {
	t.Helper()
	if b.Context == nil || b.Context.Paths == nil {
		return
	}
	if theirs == nil && !bytes.Contains(b.Dockerfile.Data, []byte("tmpfs")) {
		t.Errorf("%s: BuildKit reads all of the context, the plan %q", b.Name(), b.Context.Paths)
	}
	for _, p := range theirs {
		if !slices.Contains(b.Context.Paths, p) && !strings.Contains(p, "@") && !strings.Contains(p, "git:") {
			t.Errorf("%s: BuildKit reads %q of the context, the plan %q", b.Name(), p, b.Context.Paths)
		}
	}
}

// externals lists what is copied or mounted from outside of the Dockerfile;
// BuildKit counts these among the stages.
func externals(v *Vertex) []string {
	var out []string
	for _, e := range v.Inputs {
		if (e.Why == Copy || e.Why == Mount) && e.From.Kind == Image {
			out = append(out, e.From.Name)
		}
		out = append(out, externals(e.From)...)
	}
	for _, s := range v.Steps {
		// So are mounts without a source of their own, from nothing.
		if strings.Contains(s.Text, "--mount") {
			out = append(out, "scratch")
		}
	}
	return out
}

// TestAgainstBuildKit holds the plans of all fixtures that need no named
// context against what BuildKit's own frontend makes of the same files.
func TestAgainstBuildKit(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, name := range names {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, plan, diags := planOf(t, ar)
		if diags.HasErrors() {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			for _, b := range plan.Builds {
				if b.Dockerfile == nil || len(b.Target.Contexts) > 0 || b.Stages[0].Kind == Opaque {
					continue
				}
				list := b.Platforms
				if list == nil {
					list = []string{"linux/amd64"}
				}
				for i, pl := range list {
					compare(t, b, pl, b.Stages[i], true)
					compared++
				}
			}
		})
	}
	if compared < 50 {
		t.Errorf("only %d targets were compared", compared)
	}
}

func TestRandomAgainstBuildKit(t *testing.T) {
	plannertest.EachProject(t, isPlanned, func(t *testing.T, _ *rand.Rand, cfg *config.Config, files memory) {
		for _, b := range mustPlan(t, cfg, files).Builds {
			if len(b.Target.Contexts) == 0 {
				for i, v := range b.Stages {
					compare(t, b, append(b.Platforms, "linux/amd64")[i], v, false)
				}
			}
		}
	})
}

// refused says whether BuildKit's parsers take a Dockerfile.
func refused(data []byte) bool {
	res, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		return true
	}
	_, _, err = instructions.Parse(res.AST, linter.New(&linter.Config{}))
	return err != nil
}

// FuzzNew has BuildKit's parser as the judge: what it refuses is refused with
// a line, and nothing panics.
func FuzzNew(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.txtar")
	for _, name := range names {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range ar.Files {
			if strings.HasSuffix(file.Name, "Dockerfile") {
				f.Add(file.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg := &config.Config{Targets: []*config.Target{{Name: "a", Dockerfile: "Dockerfile", Context: config.Context{Value: "."}}}}
		plan, diags := New(cfg, Options{Files: memory{"Dockerfile": &fstest.MapFile{Data: data}}, BuildPlatform: "linux/amd64", Dir: "/w"})
		if diags.HasErrors() {
			for _, d := range diags {
				if d.Subject == nil || d.Subject.Start.Line < 1 || d.Subject.End.Byte > len(data) {
					t.Errorf("no place in %v", d)
				}
			}
			return
		}
		b := plan.Builds[0]
		if b.Stages[0].Kind != Opaque && refused(data) {
			t.Error("BuildKit's parser refuses what was planned")
		}
		if b.Stages[0].Kind == Opaque || bytes.Contains(bytes.ToUpper(data), []byte("ONBUILD")) {
			return
		}
		// A refusal is fine where it hangs on what only the frontend checks.
		if def, err := llbOf(data, b.Target, "linux/amd64"); err == nil {
			if _, paths, local := stepsOf(t, def); local {
				comparePaths(t, b, paths)
			}
		}
	})
}
