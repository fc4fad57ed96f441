//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// shardServices is how many targets the project of the tests of shards has.
const shardServices = 40

// shardProject has services on shared stages, for two platforms: nothing runs, so
// that no emulation is needed. One of them is built on another one, and one on a
// target that nobody asks for.
func shardProject() map[string]string {
	var hcl strings.Builder
	hcl.WriteString(`
variable "REPO" {}
variable "CACHE" { default = "" }
cache {
  type = CACHE == "" ? "none" : "registry"
  ref  = CACHE
}
group "default" { targets = [for i in range(40) : format("svc-%02d", i)] }
target "_service" {
  platforms   = ["linux/amd64", "linux/arm64"]
  output      = ["type=registry"]
  annotations = ["index:org.example.team=shop", "manifest[linux/arm64]:org.example.arch=arm"]
}
target "base" {
  dockerfile-inline = "FROM scratch\nCOPY base.txt /base\n"
  platforms = ["linux/amd64", "linux/arm64"]
}
`)
	for i := range shardServices {
		name, from, contexts := fmt.Sprintf("svc-%02d", i), fmt.Sprintf("group-%d", i%4), ""
		switch i {
		case 1:
			from, contexts = "linked", `contexts = { linked = "target:svc-00" }`
		case 2:
			from, contexts = "linked", `contexts = { linked = "target:base" }`
		}
		fmt.Fprintf(&hcl, "target %q {\n  inherits = [\"_service\"]\n  args = { NAME = %q, FROM = %q }\n  %s\n  tags = [\"${REPO}/%s:v1\", \"${REPO}/%s:latest\"]\n}\n",
			name, name, from, contexts, name, name)
	}
	return map[string]string{
		"build.hcl": hcl.String(), "base.txt": "base", "group.txt": "group", "own.txt": "own",
		"Dockerfile": `ARG FROM=group-0
FROM scratch AS base
COPY base.txt /base
FROM base AS group-0
COPY group.txt /group-0
FROM base AS group-1
COPY group.txt /group-1
FROM base AS group-2
COPY group.txt /group-2
FROM base AS group-3
COPY group.txt /group-3
FROM ${FROM}
ARG NAME
COPY own.txt /$NAME
`,
	}
}

// sharded runs orch for a project of shards, in a repository and with a builder
// of its own.
type sharded struct {
	t     *testing.T
	dir   string
	repo  string
	state string
	env   []string
}

func newSharded(t *testing.T, state string) *sharded {
	return &sharded{
		t: t, dir: project(t, shardProject()), state: state,
		repo: fmt.Sprintf("%s/%s-%d", shared.registry, strings.ReplaceAll(strings.ToLower(t.Name()), "/", "-"), os.Getpid()),
	}
}

func (s *sharded) orch(args ...string) string {
	s.t.Helper()
	out, err := s.command(args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("orch %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (s *sharded) command(args ...string) *exec.Cmd {
	cmd := runOrch(s.dir, args...)
	cmd.Env = append(cmd.Env, "REPO="+s.repo, "SOURCE_DATE_EPOCH=1", "BUILDX_NO_DEFAULT_ATTESTATIONS=1")
	if s.state != "" {
		cmd.Env = append(cmd.Env, "ORCH_STATE_DIR="+s.state)
	}
	cmd.Env = append(cmd.Env, s.env...)
	return cmd
}

// tags are where all tags of the project point.
func (s *sharded) tags() map[string]string {
	out := map[string]string{}
	for i := range shardServices {
		for _, tag := range []string{"v1", "latest"} {
			name := fmt.Sprintf("svc-%02d:%s", i, tag)
			repo := strings.TrimPrefix(s.repo, shared.registry+"/")
			if d := digestOf(s.t, repo+"/"+name); d != "" {
				out[name] = d
			}
		}
	}
	return out
}

// bake builds all shards of a plan, and returns the files of their results.
func (s *sharded) bake(n int) []string {
	s.t.Helper()
	var results []string
	for i := range n {
		s.orch("bake", "--progress", "quiet", "--shard", fmt.Sprintf("%d/%d", i+1, n), "--plan", "shards.json")
		results = append(results, fmt.Sprintf("orch.result.%d.json", i+1))
	}
	return results
}

// text is a file of the project, with the repository taken out.
func (s *sharded) text(name string) string {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.ReplaceAll(strings.ReplaceAll(string(data), s.repo, "REPO"), s.dir, "DIR")
}

// TestShardsEqual compares 1, 3 and, under "make stress", 7 shards with a run of
// everything: digests, indexes, tags and metadata are the same.
func TestShardsEqual(t *testing.T) {
	t.Parallel()
	whole := newSharded(t, "")
	whole.orch("bake", "--progress", "quiet", "--metadata-file", "metadata.json", "--result", "result.json", "--junit", "tests.xml")
	want := whole.tags()
	if len(want) != 2*shardServices {
		t.Fatalf("%d tags", len(want))
	}
	counts := []int{1, 3}
	if os.Getenv("ORCH_STRESS") != "" {
		counts = append(counts, 7)
	}
	for _, n := range counts {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s := newSharded(t, "")
			s.dir = whole.dir // IDs of stages depend on the folder
			s.orch("plan", "--shards", fmt.Sprint(n), "-o", "shards.json")
			results := s.bake(n)
			if tags := s.tags(); len(tags) > 0 {
				t.Errorf("shards have moved %d tags", len(tags))
			}
			out := s.orch(append([]string{"merge", "--plan", "shards.json", "--metadata-file", "merged.json", "--junit", "merged.xml"}, results...)...)
			if !strings.Contains(out, "80 tags published together") {
				t.Errorf("merge says\n%s", out)
			}
			got := s.tags()
			for name, d := range want {
				if got[name] != d {
					t.Errorf("%s is %s, and %s without shards", name, got[name], d)
				}
			}
			if a, b := withoutRequests(t, s.text("merged.json")), withoutRequests(t, whole.text("metadata.json")); a != b {
				t.Errorf("the metadata differ: %s", firstDifference(a, b))
			}
			if a, b := s.text("merged.xml"), whole.text("tests.xml"); a != b {
				t.Errorf("the test results differ: %s", firstDifference(a, b))
			}
			sameRecord(t, s.text("orch.result.json"), whole.text("result.json"))
		})
	}
}

// withoutRequests takes out of metadata what was asked for to build a target that
// is linked to another one: with all platforms, it names the other for each.
func withoutRequests(t *testing.T, text string) string {
	t.Helper()
	var all map[string]map[string]any
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"svc-01", "svc-02"} {
		for key := range all[name] {
			if strings.HasPrefix(key, "buildx.build.provenance") {
				delete(all[name], key)
			}
		}
	}
	out, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("line %d:\n%s\n%s", i+1, as[i], bs[i])
		}
	}
	return fmt.Sprintf("%d lines and %d", len(as), len(bs))
}

// recordOf is what two records of the same targets have alike.
type recordOf struct {
	State   string
	Targets []struct {
		Name, State, Digest string
		Wanted              bool
		Tags, After, Ends   []string
		Outputs             []struct{ Type, Where string }
	}
	Vertices []struct {
		ID, Kind, Name, Platform string
		Targets                  []string
		Inputs                   []struct{ Vertex, Why string }
		StepsRun                 int
	}
}

func readRecordOf(t *testing.T, text string) recordOf {
	t.Helper()
	var r recordOf
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	for i := range r.Vertices {
		slices.Sort(r.Vertices[i].Targets)
	}
	return r
}

// sameRecord compares the targets of two records, in their order, and the stages.
func sameRecord(t *testing.T, got, want string) {
	t.Helper()
	a, b := readRecordOf(t, got), readRecordOf(t, want)
	if a.State != b.State || len(a.Targets) != len(b.Targets) || len(a.Vertices) != len(b.Vertices) {
		t.Errorf("%s, %d targets and %d stages; want %s, %d and %d", a.State, len(a.Targets), len(a.Vertices), b.State, len(b.Targets), len(b.Vertices))
		return
	}
	for i := range a.Targets {
		x, _ := json.Marshal(a.Targets[i])
		y, _ := json.Marshal(b.Targets[i])
		if !bytes.Equal(x, y) {
			t.Errorf("target %d is %s, and %s without shards", i, x, y)
		}
	}
	stages := map[string]string{}
	for _, v := range b.Vertices {
		stages[v.ID] = fmt.Sprint(v.Kind, v.Name, v.Platform, v.Targets, v.Inputs)
	}
	for _, v := range a.Vertices {
		if got := fmt.Sprint(v.Kind, v.Name, v.Platform, v.Targets, v.Inputs); got != stages[v.ID] {
			t.Errorf("%s is %s, and %s without shards", v.ID, got, stages[v.ID])
		}
	}
}

// TestShardsWaves gives each shard a builder of its own that has nothing: every
// stage that several shards need is run once in total, in the job before them.
func TestShardsWaves(t *testing.T) {
	t.Parallel()
	s := newSharded(t, emptyState(t))
	s.env = []string{"CACHE=" + s.repo + "/cache", "ORCH_CACHE_LANE=main", "ORCH_CACHE_MAIN=main"}
	out := s.orch("plan", "--shards", "3", "--waves", "-o", "shards.json")
	if !strings.Contains(out, "built once before them") {
		t.Errorf("the plan says\n%s", out)
	}
	s.orch("bake", "--progress", "quiet", "--shard", "0/3", "--plan", "shards.json")
	var results []string
	for i := range 3 {
		one := *s
		one.state = emptyState(t)
		one.orch("bake", "--progress", "quiet", "--shard", fmt.Sprintf("%d/3", i+1), "--plan", "shards.json")
		results = append(results, fmt.Sprintf("orch.result.%d.json", i+1))
	}
	s.orch(append([]string{"merge", "--plan", "shards.json", "orch.result.0.json"}, results...)...)
	// The builder knows that a stage without commands is the same on every
	// platform, and may run it for one of them only.
	ran, perPlatform := map[string]int{}, map[string]int{}
	for i := range 4 {
		for _, v := range readRecordOf(t, s.text(fmt.Sprintf("orch.result.%d.json", i))).Vertices {
			if v.Name == "base" || strings.HasPrefix(v.Name, "group-") {
				ran[v.Name] += v.StepsRun
				perPlatform[v.Name+" "+v.Platform] += v.StepsRun
			}
		}
	}
	for _, name := range []string{"group-0", "group-1", "group-2", "group-3"} {
		if ran[name] == 0 {
			t.Errorf("%s was not run", name)
		}
	}
	for stage, n := range perPlatform {
		if n > 1 {
			t.Errorf("%s was run %d times", stage, n)
		}
	}
	if len(s.tags()) != 2*shardServices {
		t.Errorf("%d tags", len(s.tags()))
	}
}

// emptyState is the state of a builder that has nothing.
func emptyState(t *testing.T) string {
	t.Helper()
	state, err := os.MkdirTemp("/tmp", "orch-shard-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = runOn(state, state, "builder", "stop", "--now").Run()
		os.RemoveAll(state)
	})
	return state
}

// TestShardsAttested keeps what is attested of each platform, and the
// annotations of the index.
func TestShardsAttested(t *testing.T) {
	t.Parallel()
	s := newSharded(t, "")
	s.env = []string{"BUILDX_NO_DEFAULT_ATTESTATIONS=0"}
	s.orch("plan", "--shards", "2", "--by", "platform", "-o", "shards.json", "svc-01", "svc-05")
	s.orch(append([]string{"merge"}, s.bake(2)...)...)
	repo := strings.TrimPrefix(s.repo, shared.registry+"/")
	sharded := s.attested("svc-01", "svc-05")
	s.orch("bake", "--progress", "quiet", "svc-01", "svc-05")
	sameAttested(t, sharded, s.attested("svc-01", "svc-05"))
	index, err := remote.Index(direct(t, repo+"/svc-05:v1"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if m.Annotations["org.example.team"] != "shop" {
		t.Errorf("the index has the annotations %v", m.Annotations)
	}
	if len(m.Manifests) != 4 {
		t.Fatalf("%d manifests, want two images and what is attested of each", len(m.Manifests))
	}
	for i, want := range []string{"amd64", "arm64"} {
		image, about := m.Manifests[i], m.Manifests[i+2]
		if image.Platform.Architecture != want || about.Annotations["vnd.docker.reference.digest"] != image.Digest.String() {
			t.Errorf("manifest %d is for %v, and %d is about %v", i, image.Platform, i+2, about.Annotations)
		}
		manifest, err := remote.Image(direct(t, repo+"/svc-05:v1").Context().Digest(image.Digest.String()))
		if err != nil {
			t.Fatal(err)
		}
		got, err := manifest.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		if has := got.Annotations["org.example.arch"] == "arm"; has != (want == "arm64") {
			t.Errorf("the image for %s has the annotations %v", want, got.Annotations)
		}
	}
}

// attested are the images of targets, by their platforms, and what is attested of each
// without what is another thing in each run: its ID and its times.
func (s *sharded) attested(names ...string) map[string]string {
	s.t.Helper()
	out := map[string]string{}
	for _, name := range names {
		tag := direct(s.t, strings.TrimPrefix(s.repo, shared.registry+"/")+"/"+name+":v1")
		index, err := remote.Index(tag)
		checked{s.t}.Check(err)
		m, err := index.IndexManifest()
		checked{s.t}.Check(err)
		platforms := map[string]string{}
		for _, d := range m.Manifests {
			about := d.Annotations["vnd.docker.reference.digest"]
			if about == "" {
				platforms[d.Digest.String()] = name + " " + d.Platform.String()
				out[name+" "+d.Platform.String()] = d.Digest.String()
				continue
			}
			image, err := remote.Image(tag.Context().Digest(d.Digest.String()))
			checked{s.t}.Check(err)
			layers, err := image.Layers()
			checked{s.t}.Check(err)
			for _, l := range layers {
				r, err := l.Uncompressed()
				checked{s.t}.Check(err)
				text, err := io.ReadAll(r)
				checked{s.t}.Check(err)
				r.Close()
				out["attested of "+platforms[about]] += withoutRun(s.t, text)
			}
		}
	}
	return out
}

// withoutRun takes out of a statement what is another thing in each run, and what was
// asked for: with all platforms, that names a linked target for each of them.
func withoutRun(t *testing.T, text []byte) string {
	t.Helper()
	var doc any
	checked{t}.Check(json.Unmarshal(text, &doc))
	var clean func(v any)
	clean = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range []string{"invocationId", "buildInvocationID", "startedOn", "finishedOn", "buildStartedOn", "buildFinishedOn", "request"} {
				delete(v, key)
			}
			for _, one := range v {
				clean(one)
			}
		case []any:
			for _, one := range v {
				clean(one)
			}
		}
	}
	clean(doc)
	out, err := json.MarshalIndent(doc, "", " ")
	checked{t}.Check(err)
	return string(out)
}

// sameAttested compares what shards have made with what a run of everything has.
func sameAttested(t *testing.T, sharded, whole map[string]string) {
	t.Helper()
	if len(sharded) != len(whole) || len(whole) != 8 {
		t.Errorf("%d things are there of the shards, and %d of the whole", len(sharded), len(whole))
	}
	for name, want := range whole {
		if got := sharded[name]; got != want {
			t.Errorf("%s differs: %s", name, firstDifference(got, want))
		}
	}
}

// result is what a result says of the skipping of targets.
func (s *sharded) skipped(name string) (skipped, built []string) {
	s.t.Helper()
	var r struct {
		Targets []struct {
			Name    string
			Wanted  bool
			Skipped *struct{ Record string }
		}
	}
	if err := json.Unmarshal([]byte(s.text(name)), &r); err != nil {
		s.t.Fatal(err)
	}
	for _, t := range r.Targets {
		switch {
		case t.Skipped != nil:
			skipped = append(skipped, t.Name)
		case t.Wanted:
			built = append(built, t.Name)
		}
	}
	slices.Sort(skipped)
	slices.Sort(built)
	return skipped, built
}

const skipShards = `
variable "REPO" {}
variable "CONTENT" { default = "1" }
skip {}
group "default" { targets = ["a", "b", "linked"] }
target "_all" {
  platforms = ["linux/amd64", "linux/arm64"]
  output    = ["type=registry"]
}
target "a" {
  inherits          = ["_all"]
  dockerfile-inline = "FROM scratch\nCOPY a /a\n"
  tags              = ["${REPO}/a:v1", "${REPO}/more/a:v1"]
}
target "b" {
  inherits          = ["_all"]
  dockerfile-inline = "FROM scratch\nCOPY b /b\n"
  args              = { C = CONTENT }
  labels            = { content = CONTENT }
  tags              = ["${REPO}/b:v1"]
}
target "linked" {
  inherits          = ["_all"]
  contexts          = { a = "target:a" }
  dockerfile-inline = "FROM a\nCOPY b /b\n"
  tags              = ["${REPO}/linked:v1"]
}
`

// TestShardsSkip skips in shards what a run of everything would skip, and records in
// the merge what it would record. One part of a target may be skipped though another
// one is built.
func TestShardsSkip(t *testing.T) {
	t.Parallel()
	s := newSharded(t, "")
	s.dir = project(t, map[string]string{"build.hcl": skipShards, "a": "a", "b": "b"})
	s.env = []string{"ORCH_CACHE_LANE=main", "ORCH_CACHE_MAIN=main"}
	run := func(env ...string) (skipped, built []string, out string) {
		t.Helper()
		one := *s
		one.env = append(slices.Clone(s.env), env...)
		one.orch("plan", "--shards", "2", "--by", "platform", "-o", "shards.json")
		out = one.orch(append([]string{"merge", "--plan", "shards.json", "--metadata-file", "merged.json"}, one.bake(2)...)...)
		skipped, built = one.skipped("orch.result.json")
		return skipped, built, out
	}
	want := func(what string, got []string, names ...string) {
		t.Helper()
		if !slices.Equal(got, names) {
			t.Errorf("%s are %v, want %v", what, got, names)
		}
	}
	skipped, built, _ := run()
	want("skipped", skipped)
	want("built", built, "a", "b", "linked")
	first := s.tagOf("b:v1")

	// A run of everything has the same records, and the shards have those of it.
	s.orch("bake", "--progress", "quiet", "--result", "whole.json", "--metadata-file", "whole.metadata.json")
	skipped, _ = s.skipped("whole.json")
	want("skipped by a whole run", skipped, "a", "b", "linked")
	skipped, built, out := run()
	want("skipped", skipped, "a", "b", "linked")
	want("built", built)
	if !strings.Contains(out, "skipped (equal to") {
		t.Errorf("merge says\n%s", out)
	}
	if a, b := s.text("merged.json"), s.text("whole.metadata.json"); a != b {
		t.Errorf("the metadata differ: %s", firstDifference(a, b))
	}

	skipped, built, _ = run("CONTENT=2")
	want("skipped", skipped, "a", "linked")
	want("built", built, "b")
	second := s.tagOf("b:v1")
	skipped, _, _ = run()
	want("skipped", skipped, "a", "b", "linked")
	if got := s.tagOf("b:v1"); got != first || first == second {
		t.Errorf("b was %s, then %s, and is %s again", first, second, got)
	}

	// --skip=never and --audit are for shards too.
	s.orch("plan", "--shards", "2", "--by", "platform", "-o", "shards.json")
	s.orch("bake", "--progress", "quiet", "--shard", "1/2", "--skip=never")
	out = s.orch("bake", "--progress", "plain", "--shard", "2/2", "--audit")
	if !strings.Contains(out, "Audit: 3 skipped targets") {
		t.Errorf("the shard says\n%s", out)
	}
	s.orch("merge", "orch.result.1.json", "orch.result.2.json")
	if got := s.tagOf("b:v1"); got != first {
		t.Errorf("of a part that was skipped and one that was built, b is %s; it was %s", got, first)
	}
	_, built = s.skipped("orch.result.json")
	want("built in part", built, "a", "b", "linked")
}

// tagOf is where a tag of the project points.
func (s *sharded) tagOf(name string) string {
	s.t.Helper()
	return digestOf(s.t, strings.TrimPrefix(s.repo, shared.registry+"/")+"/"+name)
}
