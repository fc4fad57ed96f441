package merge

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/record"
)

const (
	amd64 = "linux/amd64"
	arm64 = "linux/arm64"
)

// stored is a registry in memory.
type stored map[string]*registry.Manifest

func (s stored) Manifest(_ context.Context, ref registry.Ref) (*registry.Manifest, error) {
	if m := s[ref.Repo.String()+"@"+ref.Tag]; m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("%s@%s is not there", ref.Repo, ref.Tag)
}

func (s stored) Put(_ context.Context, ref registry.Ref, m *registry.Manifest) error {
	s[ref.Repo.String()+"@"+ref.Tag] = m
	return nil
}

func (s stored) push(t *testing.T, repo string, index ocispecs.Index) string {
	t.Helper()
	data, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	d := digest.FromBytes(data).String()
	s[repo+"@"+d] = &registry.Manifest{MediaType: index.MediaType, Data: data}
	return d
}

func image(platform string) ocispecs.Descriptor {
	_, arch, _ := strings.Cut(platform, "/")
	return ocispecs.Descriptor{
		MediaType: ocispecs.MediaTypeImageManifest, Digest: digest.FromString(platform), Size: 10,
		Platform: &ocispecs.Platform{OS: "linux", Architecture: arch},
	}
}

func about(platform string) ocispecs.Descriptor {
	return ocispecs.Descriptor{
		MediaType: ocispecs.MediaTypeImageManifest, Digest: digest.FromString("about " + platform), Size: 5,
		Annotations: map[string]string{refersTo: image(platform).Digest.String()},
		Platform:    &ocispecs.Platform{OS: "unknown", Architecture: "unknown"},
	}
}

func indexOf(manifests ...ocispecs.Descriptor) ocispecs.Index {
	out := ocispecs.Index{MediaType: ocispecs.MediaTypeImageIndex, Manifests: manifests, Annotations: map[string]string{"team": "shop"}}
	out.SchemaVersion = 2
	return out
}

// sample are the results of two shards, one for each platform of a target.
func sample(t *testing.T, reg stored) []*Result {
	t.Helper()
	var out []*Result
	for i, pl := range []string{amd64, arm64} {
		d := reg.push(t, "example.com/app", indexOf(image(pl), about(pl)))
		reg.push(t, "example.com/other", indexOf(image(pl), about(pl)))
		rec := &record.Record{
			Version: record.Version, ID: "run", Project: "/p", State: "done", Started: time.Unix(1, 0), Finished: time.Unix(2, 0),
			Targets: []*record.Target{{
				Name: "app", State: runner.Done, Wanted: true, Digest: d,
				Unpublished: []runner.Tag{{Name: "example.com/app:1", Digest: d}, {Name: "example.com/other:1", Digest: d}},
				Metadata: map[string]any{
					digestKey: json.RawMessage(`"` + d + `"`), descriptorKey: json.RawMessage(`{"digest":"` + d + `","annotations":{"d":"e"}}`),
				},
			}},
			Vertices: []*record.Vertex{},
			Shard: &record.Shard{
				Plan: "sha256:1", File: "shards.json", Index: i + 1, Count: 2, Filled: []int{1, 2},
				Parts: []record.Part{{Target: "app", Platforms: []string{pl}, All: []string{amd64, arm64}, Tests: []string{"smoke"}, Tested: i == 0}},
			},
		}
		if i == 0 {
			rec.Targets[0].Tests = []record.Test{{Name: "smoke"}}
		}
		out = append(out, &Result{Path: fmt.Sprintf("%d.json", i+1), Record: rec})
	}
	return out
}

func gathered(t *testing.T, results ...*Result) *Set {
	t.Helper()
	set, err := Gather(results, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// The index is the one that the builder makes of all platforms, in each
// repository, whatever the order of the results.
func TestIndexes(t *testing.T) {
	reg := stored{}
	results := sample(t, reg)
	m := gathered(t, results[1], results[0]).Merge()
	if !m.Report.OK() {
		t.Fatalf("%v", m.Report.Targets[0].Err)
	}
	if err := m.Indexes(t.Context(), reg); err != nil {
		t.Fatal(err)
	}
	want, err := json.MarshalIndent(indexOf(image(amd64), image(arm64), about(amd64), about(arm64)), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	res := m.Report.Targets[0].Result
	for i, repo := range []string{"example.com/app", "example.com/other"} {
		got := reg[repo+"@"+res.Unpublished[i].Digest]
		if got == nil || string(got.Data) != string(want) {
			t.Errorf("%s has %v, want\n%s", repo, got, want)
		}
	}
	if res.Digest != digest.FromBytes(want).String() || res.Metadata[digestKey] != res.Digest {
		t.Errorf("the digest is %s, in the metadata %v", res.Digest, res.Metadata[digestKey])
	}
	var d ocispecs.Descriptor
	if err := json.Unmarshal(res.Metadata[descriptorKey].(json.RawMessage), &d); err != nil || d.Annotations["d"] != "e" || d.Size != int64(len(want)) {
		t.Errorf("the descriptor is %+v (%v)", d, err)
	}
}

// What each shard did with the kept cache mounts is in the report of all.
func TestMounts(t *testing.T) {
	results := sample(t, stored{})
	for i, r := range results {
		r.Mounts = []*record.Mount{{
			ID: "go-build", Platform: amd64, State: runner.MountRestored, Targets: []string{"app"}, Files: 3,
			Restored: &record.Moved{Bytes: int64(10 + i), Seconds: 1.5}, Saved: &record.Moved{Bytes: 20, Seconds: 2}, Unused: 4, NotSaved: true,
		}}
	}
	got := gathered(t, results...).Merge().Report.Mounts
	if len(got) != 2 {
		t.Fatalf("there are %d mounts, want those of two shards", len(got))
	}
	want := runner.MountReport{
		ID: "go-build", Platform: amd64, Shard: 2, State: runner.MountRestored, Targets: []string{"app"}, Files: 3,
		Restored: runner.MountTransfer{Bytes: 11, Took: 1500 * time.Millisecond}, Saved: runner.MountTransfer{Bytes: 20, Took: 2 * time.Second}, Unused: 4, NotSaved: true,
	}
	if !reflect.DeepEqual(*got[1], want) {
		t.Errorf("got %+v\nwant %+v", *got[1], want)
	}
}

// What the parts of a target do not have alike is not an index.
func TestNoIndex(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, reg stored, second *record.Record)
		want   string
	}{
		{"another tag", func(_ *testing.T, _ stored, r *record.Record) { r.Targets[0].Unpublished[0].Name = "example.com/app:2" }, "do not have the same tags"},
		{"a tag more", func(_ *testing.T, _ stored, r *record.Record) {
			r.Targets[0].Unpublished = append(r.Targets[0].Unpublished, r.Targets[0].Unpublished[0])
		}, "do not have the same tags"},
		{"not there", func(_ *testing.T, _ stored, r *record.Record) {
			r.Targets[0].Unpublished[0].Digest = digest.FromString("x").String()
		}, "is not there"},
		{"no image", func(t *testing.T, reg stored, r *record.Record) {
			r.Targets[0].Unpublished[0].Digest = reg.push(t, "example.com/app", indexOf())
		}, "lacks linux/arm64"},
		{"an image more", func(t *testing.T, reg stored, r *record.Record) {
			r.Targets[0].Unpublished[0].Digest = reg.push(t, "example.com/app", indexOf(image(arm64), image(amd64)))
		}, "more platforms"},
		{"no index", func(t *testing.T, reg stored, r *record.Record) {
			one := indexOf(image(arm64))
			one.MediaType = ocispecs.MediaTypeImageManifest
			r.Targets[0].Unpublished[0].Digest = reg.push(t, "example.com/app", one)
		}, "is not an index"},
		{"Docker's kind", func(t *testing.T, reg stored, r *record.Record) {
			one := indexOf(image(arm64))
			one.MediaType = dockerList
			r.Targets[0].Unpublished[0].Digest = reg.push(t, "example.com/app", one)
		}, "different kinds"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reg := stored{}
			results := sample(t, reg)
			tt.change(t, reg, results[1].Record)
			err := gathered(t, results...).Merge().Indexes(t.Context(), reg)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `target "app"`) {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

// A target is done only if all parts are there and good, and its tests passed.
func TestNotDone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(results []*Result) []*Result
		state  runner.State
		want   string
	}{
		{"a part is missing", func(r []*Result) []*Result { return r[:1] }, runner.Canceled, "linux/arm64 is missing"},
		{"a part has failed", func(r []*Result) []*Result {
			r[1].State, r[1].Targets[0].State, r[1].Targets[0].Reason = "failed", runner.Failed, "no space"
			return r
		}, runner.Failed, "no space"},
		{"a part was killed", func(r []*Result) []*Result {
			r[1].State, r[1].Targets[0].State = "running", runner.Running
			return r
		}, runner.Canceled, ""},
		{"a platform twice", func(r []*Result) []*Result {
			r[1].Shard.Parts[0].Platforms = []string{amd64}
			return r
		}, runner.Canceled, "do not agree"},
		{"other platforms", func(r []*Result) []*Result {
			r[1].Shard.Parts[0].All = []string{arm64}
			return r
		}, runner.Canceled, "do not agree"},
		{"only linked to in one", func(r []*Result) []*Result { r[1].Shard.Parts = nil; return r }, runner.Canceled, "do not agree"},
		{"no test", func(r []*Result) []*Result { r[0].Targets[0].Tests = nil; return r }, runner.Canceled, `test "smoke"`},
		{"a failed test", func(r []*Result) []*Result { r[0].Targets[0].Tests[0].Failure = "exit 1"; return r }, runner.Canceled, `test "smoke"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := gathered(t, tt.change(sample(t, stored{}))...).Merge().Report.Targets[0]
			if got.State != tt.state || got.Err == nil || !strings.Contains(got.Err.Error(), tt.want) {
				t.Errorf("%s: %v", got.State, got.Err)
			}
		})
	}
}

// hostile changes a good result into one that nobody can have meant.
var hostile = map[string]func(*record.Record){
	"digest":         func(r *record.Record) { r.Targets[0].Digest = "sha256:../../x" },
	"tag":            func(r *record.Record) { r.Targets[0].Unpublished[0].Name = "example.com/../app:1" },
	"digested tag":   func(r *record.Record) { r.Targets[0].Unpublished[0].Name = "example.com/app@" + r.Targets[0].Digest },
	"tag's digest":   func(r *record.Record) { r.Targets[0].Unpublished[0].Digest = "latest" },
	"name":           func(r *record.Record) { r.Targets[0].Name = "a\nb" },
	"no name":        func(r *record.Record) { r.Targets[0].Name = "" },
	"twice":          func(r *record.Record) { r.Targets = append(r.Targets, r.Targets[0]) },
	"missing target": func(r *record.Record) { r.Targets = []*record.Target{} },
	"null target":    func(r *record.Record) { r.Targets = append(r.Targets, nil) },
	"null stage":     func(r *record.Record) { r.Vertices = append(r.Vertices, nil) },
	"null step":      func(r *record.Record) { r.Steps = append(r.Steps, nil) },
	"number":         func(r *record.Record) { r.Shard.Index = 9 },
	"below zero":     func(r *record.Record) { r.Shard.Index = -1 },
	"huge":           func(r *record.Record) { r.Shard.Count = 1 << 40 },
	"filled":         func(r *record.Record) { r.Shard.Filled = []int{7} },
	"no plan":        func(r *record.Record) { r.Shard.Plan = "" },
	"newer":          func(r *record.Record) { r.Version++ },
	"not filled":     func(r *record.Record) { r.Shard.Filled = []int{2} },
	"other image":    func(r *record.Record) { r.Targets[0].Digest = digest.FromString("x").String() },
	"other image of one tag": func(r *record.Record) {
		r.Targets[0].Unpublished[1].Digest = digest.FromString("x").String()
	},
	"other image of two outputs": func(r *record.Record) {
		r.Targets[0].Outputs = []record.Output{{Type: "image"}, {Type: "registry"}}
		r.Targets[0].Digest = digest.FromString("x").String()
	},
	"other tag": func(r *record.Record) { r.Targets[0].Tags = []string{"example.com/app:1"} },
	"whole":     func(r *record.Record) { r.Shard = nil },
}

func TestHostile(t *testing.T) {
	good, err := json.Marshal(sample(t, stored{})[0].Record)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "r.json")
	read := func(data []byte) error {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path)
		return err
	}
	if err := read(good); err != nil {
		t.Fatalf("a good one: %v", err)
	}
	for name, change := range hostile {
		one := sample(t, stored{})[0].Record
		change(one)
		data, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		if err := read(data); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	for _, n := range []int{0, 1, len(good) / 3, len(good) - 1} {
		if err := read(good[:n]); err == nil {
			t.Errorf("the first %d bytes were read", n)
		}
	}
}

// Tags of two outputs may point to two images, and tags are compared as the
// builder reads them.
func TestUnpublished(t *testing.T) {
	one, other := digest.FromString("a").String(), digest.FromString("b").String()
	target := &record.Target{
		Name: "app", Digest: one, Tags: []string{" app", "docker.io/library/app:2"},
		Outputs:     []record.Output{{Type: "registry"}, {Type: "image"}},
		Unpublished: []runner.Tag{{Name: "docker.io/library/app:latest", Digest: one}, {Name: "app:2", Digest: other}},
	}
	if err := checkTarget(target); err != nil {
		t.Error(err)
	}
}

// JSON of another shape is refused without the types of Go.
func TestWrongShape(t *testing.T) {
	for _, text := range []string{
		`[]`, `1`, `"x"`, `{"version":"1","targets":[]}`, `{"version":1,"targets":{}}`, `{"version":1,"targets":["a"]}`,
		`{"version":1,"targets":[{"name":1}]}`, `{"version":1,"targets":[{"state":1}]}`, `{"version":1,"targets":[],"started":1}`,
		`{"version":1,"targets":[],"started":"now"}`, `{"version":1,"targets":[{"metadata":[]}]}`, `{"version":1,"targets":[],"shard":[]}`,
		`{"version":1,"targets":[],"shard":{"index":1.5}}`, `{"version":1,"targets":[],"totals":{"critical":{}}}`,
	} {
		_, err := decode([]byte(text))
		if err == nil {
			t.Errorf("%s was read", text)
			continue
		}
		for _, word := range []string{"Go ", "struct", "unmarshal", "runner.", "record.", "UnmarshalJSON", "map["} {
			if strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
}

// Whatever a file says, it is read or refused, and what is read can be merged.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"version":1,"targets":[{"name":"a","state":"done"}],"vertices":[{"id":"x"}],"shard":{"plan":"p","index":1,"count":1,"filled":[1],"parts":[{"target":"a","platforms":["x"],"all":["x","y"]}]}}`))
	f.Add([]byte(`{"version":1,"targets":[{"name":"a","state":"failed","failure":{"error":"x"}}],"steps":[{"name":"s"}],"shard":{"plan":"p","index":0,"count":1,"parts":[]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decode(data)
		if err != nil {
			return
		}
		set, err := Gather([]*Result{r}, nil, "")
		if err != nil {
			return
		}
		m := set.Merge()
		record.New(m.Report, record.Info{})
		_ = m.Indexes(t.Context(), stored{})
	})
}
