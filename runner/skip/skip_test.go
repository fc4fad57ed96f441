package skip

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/registry/registrytest"
	"github.com/orch-build/orch/planner"
)

var start = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// scene is a registry, and a machine that skips.
type scene struct {
	*testing.T
	*registrytest.Server
	*Skipper
	client *registry.Client
	warned []string
	now    time.Time
}

func newScene(t *testing.T) *scene {
	s := &scene{T: t, Server: registrytest.New(t), now: start}
	s.client = registry.New(registry.Options{Pause: time.Millisecond, Budget: 50 * time.Millisecond})
	s.forget()
	return s
}

// forget makes another machine, which knows nothing.
func (s *scene) forget() {
	s.Skipper = &Skipper{
		Client: s.client, Patience: 20 * time.Millisecond, Memory: Memory(s.TempDir()), Now: func() time.Time { return s.now },
		Warn: func(line string) { s.warned = append(s.warned, line) },
	}
}

// target is a target of a digest that pushes tags.
func (s *scene) target(publication string, tags ...string) *Target {
	s.Helper()
	t := &Target{
		Build: &planner.Build{Wanted: true, Target: &config.Target{Name: "app"}},
		Skip:  &config.Skip{Lane: "main", Main: "main", Trusted: true},
		Input: Input(publication), Publication: publication, Platforms: []string{"linux/amd64", "linux/arm64"},
	}
	for _, name := range tags {
		ref, err := registry.Parse(s.Host + "/" + name)
		if err != nil {
			s.Fatal(err)
		}
		t.Refs = append(t.Refs, ref)
		if !slices.Contains(t.Repos, ref.Repo) {
			t.Repos = append(t.Repos, ref.Repo)
		}
	}
	return t
}

// image is what a build has pushed: an index of two platforms, each with an
// attestation.
type image struct {
	index       string
	platforms   []string
	attestation string
	layers      []string
}

func (s *scene) push(content string, t *Target) image {
	s.Helper()
	var out image
	for _, repo := range t.Repos {
		out = image{}
		var list []ocispecs.Descriptor
		for _, arch := range []string{"amd64", "arm64"} {
			d, layer := s.manifest(repo, content+arch)
			out.platforms, out.layers = append(out.platforms, d.Digest.String()), append(out.layers, layer)
			d.Platform = &ocispecs.Platform{OS: "linux", Architecture: arch}
			list = append(list, d)
		}
		d, _ := s.manifest(repo, content+"attestation")
		d.Platform = &ocispecs.Platform{OS: "unknown", Architecture: "unknown"}
		out.attestation = d.Digest.String()
		list = append(list, d)
		data := s.json(ocispecs.Index{MediaType: ocispecs.MediaTypeImageIndex, Manifests: list})
		out.index = digest.FromBytes(data).String()
		s.must(s.client.Put(s.Context(), registry.Ref{Repo: repo, Tag: out.index}, &registry.Manifest{MediaType: ocispecs.MediaTypeImageIndex, Data: data}))
	}
	for _, ref := range t.Refs {
		s.SetTag(ref.Path+":"+ref.Tag, out.index)
	}
	return out
}

func (s *scene) manifest(repo registry.Repo, content string) (ocispecs.Descriptor, string) {
	s.Helper()
	config, layer := []byte(`{"config":"`+content+`"}`), []byte("layer "+content)
	s.must(s.client.PutBlob(s.Context(), repo, config))
	s.must(s.client.PutBlob(s.Context(), repo, layer))
	data := s.json(ocispecs.Manifest{
		MediaType: ocispecs.MediaTypeImageManifest,
		Config:    ocispecs.Descriptor{Digest: digest.FromBytes(config), Size: int64(len(config))},
		Layers:    []ocispecs.Descriptor{{Digest: digest.FromBytes(layer), Size: int64(len(layer))}},
	})
	d := digest.FromBytes(data)
	s.must(s.client.Put(s.Context(), registry.Ref{Repo: repo, Tag: d.String()}, &registry.Manifest{MediaType: ocispecs.MediaTypeImageManifest, Data: data}))
	return ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageManifest, Digest: d, Size: int64(len(data))}, digest.FromBytes(layer).String()
}

func (s *scene) json(v any) []byte {
	s.Helper()
	data, err := json.Marshal(v)
	s.must(err)
	return data
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// build pushes an image, and keeps its record.
func (s *scene) build(content string, t *Target) image {
	s.Helper()
	img := s.push(content, t)
	s.Write(s.Context(), About{Run: "run-1"}, []Built{{Target: t, Digest: img.index}})
	return img
}

// decide looks a target up.
func (s *scene) decide(t *Target) *Verdict {
	s.Helper()
	all, err := s.Decide(s.Context(), []*Target{t})
	s.must(err)
	return all[0]
}

// skips wants a target to be skipped, with so many tags to move.
func (s *scene) skips(t *Target, moves int) {
	s.Helper()
	if v := s.decide(t); v.Record == nil || len(v.Moves) != moves {
		s.Errorf("not skipped with %d tags to move: %s, %d tags", moves, v.Reason, len(v.Moves))
	}
}

// builds wants a target to be built, for a reason.
func (s *scene) builds(t *Target, reason string) {
	s.Helper()
	v := s.decide(t)
	if v.Record != nil || !strings.Contains(v.Reason, reason) {
		s.Errorf("built because of %q, want %q (skipped: %t)", v.Reason, reason, v.Record != nil)
	}
}

// TestRequests counts what an unchanged target costs: one request where its
// record is remembered, another where it is not, and a bounded number beside
// them for all targets together.
func TestRequests(t *testing.T) {
	s := newScene(t)
	const n = 30
	var targets []*Target
	for i := range n {
		one := s.target(fmt.Sprint("orch3:", i), fmt.Sprintf("app%d:v1", i))
		s.build(fmt.Sprint(i), one)
		targets = append(targets, one)
	}
	for _, want := range []int{n, 2 * n} {
		s.Asked()
		all, err := s.Decide(t.Context(), targets)
		s.must(err)
		for _, v := range all {
			if v.Record == nil || len(v.Moves) > 0 {
				t.Fatalf("%s, %v", v.Reason, v.Moves)
			}
		}
		if asked := len(s.Asked()); asked > want+sampleSize {
			t.Errorf("%d requests, want at most %d", asked, want+sampleSize)
		}
		s.forget()
	}
}

// TestLost takes parts of an image away, behind its record.
func TestLost(t *testing.T) {
	for _, what := range []string{"index", "platform", "attestation", "layer", "length"} {
		for _, moves := range []bool{false, true} {
			t.Run(fmt.Sprint(what, moves), func(t *testing.T) {
				s := newScene(t)
				one := s.target("orch3:a", "app:v1")
				one.Skip.Full = !moves // otherwise some of it is asked for
				img := s.build("a", one)
				s.skips(one, 0)
				switch what {
				case "index":
					s.Drop("app", img.index)
				case "platform":
					s.Drop("app", img.platforms[1])
				case "attestation":
					s.Drop("app", img.attestation)
				case "layer":
					s.Drop("app", img.layers[1])
				case "length":
					s.SetBlob("app", img.layers[1], []byte("short"))
				}
				if moves {
					s.SetTag("app:v1", s.Push("app", "other"))
				}
				s.builds(one, "")
				// What is built again is skipped again.
				s.SetBlob("app", img.layers[1], []byte("layer aarm64"))
				s.build("a", one)
				s.skips(one, 0)
			})
		}
	}
}

// TestSample finds what a small image has lost although its tag is where it was.
func TestSample(t *testing.T) {
	s := newScene(t)
	one := s.target("orch3:a", "app:v1")
	img := s.build("a", one)
	s.Drop("app", img.layers[0])
	for range 20 {
		if s.decide(one).Record == nil {
			return // the next time it may not be in the sample
		}
	}
	t.Error("a lost layer is never found")
}

// TestSampleEverywhere finds what an image has lost in any repository of its tags.
func TestSampleEverywhere(t *testing.T) {
	s := newScene(t)
	both := s.target("orch3:a", "app:v1", "mirror:v1")
	img := s.build("a", both)
	s.Drop("mirror", img.layers[0])
	for range 60 {
		if v := s.decide(both); v.Record == nil {
			if !strings.Contains(v.Reason, "/mirror does not have") {
				t.Error(v.Reason)
			}
			return
		}
	}
	t.Error("a layer that the second repository has lost is never found")
}

// TestTags moves tags away: each run is about where they are, not about the
// image alone.
func TestTags(t *testing.T) {
	s := newScene(t)
	a, b := s.target("orch3:a", "app:v1"), s.target("orch3:b", "app:v1")
	s.build("a", a)
	s.build("b", b)
	s.skips(b, 0)
	s.skips(a, 1) // a revert
	s.SetTag("app:v1", "")
	s.skips(b, 1)
	s.forget()
	s.skips(b, 1)
	s.skips(s.target("orch3:b", "app:v1", "app:v2"), 2)
	s.builds(s.target("orch3:c", "app:v1"), "recorded")
}

// TestOtherRepository copies an image to where it is not yet.
func TestOtherRepository(t *testing.T) {
	s := newScene(t)
	s.build("a", s.target("orch3:a", "app:v1"))
	both := s.target("orch3:a", "app:v1", "mirror/app:v1")
	s.Asked()
	s.skips(both, 1)
	asked := strings.Join(s.Asked(), "\n")
	if strings.Contains(asked, "PUT /v2/mirror/app/blobs") || !strings.Contains(asked, "POST /v2/mirror/app/blobs") {
		t.Errorf("blobs are not mounted:\n%s", asked)
	}
	far := registrytest.New(t)
	ref, err := registry.Parse(far.Host + "/app:v1")
	s.must(err)
	both = s.target("orch3:a", "app:v1")
	both.Refs, both.Repos = append(both.Refs, ref), append(both.Repos, ref.Repo)
	s.skips(both, 1)
	if n := len(far.Blobs("app")); n != 6 {
		t.Errorf("%d blobs in the other registry, want 6", n)
	}
}

// TestBelieve holds a record against what is asked.
func TestBelieve(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*scene, *Target)
		want   string // "" is skipped
	}{
		{"as it is", func(*scene, *Target) {}, ""},
		{"other platforms", func(_ *scene, t *Target) { t.Platforms = []string{"linux/arm64"} }, "platforms"},
		{"tests that it has not passed", func(_ *scene, t *Target) { t.Tests = "x" }, "tests"},
		{"young enough", func(s *scene, t *Target) { t.Skip.MaxAge = 2 * time.Hour; s.now = start.Add(time.Hour) }, ""},
		{"too old", func(s *scene, t *Target) { t.Skip.MaxAge = time.Hour; s.now = start.Add(90 * time.Minute) }, "max-age"},
		{"a clock in 2020", func(s *scene, t *Target) { t.Skip.MaxAge = time.Hour; s.now = s.now.AddDate(-6, 0, 0) }, "future"},
		{"a clock in 2020, any age", func(s *scene, _ *Target) { s.now = s.now.AddDate(-6, 0, 0) }, ""},
		{"another lane", func(_ *scene, t *Target) { t.Skip.Lane, t.Skip.Main = "pr-7", "pr-7" }, "recorded"},
		{"the main lane's", func(_ *scene, t *Target) { t.Skip.Lane = "pr-7" }, ""},
		{"an untrusted lane, the main lane's", func(_ *scene, t *Target) { t.Skip.Lane, t.Skip.Trusted = "pr-7", false }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			s.build("a", s.target("orch3:a", "app:v1"))
			one := s.target("orch3:a", "app:v1")
			tt.change(s, one)
			if tt.want != "" {
				s.builds(one, tt.want)
			} else {
				s.skips(one, 0)
			}
		})
	}
}

// TestFork wants no run of the main lane to believe what another lane writes.
func TestFork(t *testing.T) {
	s := newScene(t)
	for _, trusted := range []bool{true, false} {
		pr := s.target("orch3:a", "app:pr")
		pr.Skip.Lane, pr.Skip.Trusted = "main", trusted
		if trusted {
			pr.Skip.Lane = "pr-7"
		}
		s.build("a", pr)
	}
	s.forget()
	s.builds(s.target("orch3:a", "app:v1"), "recorded")
}

// TestKey has another lane write a record under the name of the main one.
func TestKey(t *testing.T) {
	s := newScene(t)
	public, private, err := ed25519.GenerateKey(nil)
	s.must(err)
	signed := func(tags ...string) *Target {
		t := s.target("orch3:a", tags...)
		t.Skip.Signed, t.key = true, VerifyKey(public)
		return t
	}
	evil := s.target("orch3:a", "app:v1")
	s.build("evil", evil)
	s.forget()
	s.skips(evil, 0) // without a key it is as good as any
	s.forget()
	s.builds(signed("app:v1"), "not signed")
	theirs, other, err := ed25519.GenerateKey(nil)
	s.must(err)
	s.Key = &SigningKey{other}
	evil = signed("app:v1")
	evil.key = VerifyKey(theirs)
	s.build("evil", evil)
	s.builds(signed("app:v1"), "signature")
	s.Key = &SigningKey{private}
	good := s.build("good", signed("app:v1"))
	s.skips(signed("app:v1"), 0)
	// Replayed in another repository, or for another input.
	data, err := s.client.Manifest(t.Context(), registry.Ref{Repo: signed("app:v1").Repos[0], Tag: tag("main", Input("orch3:a"))})
	s.must(err)
	s.push("good", s.target("", "elsewhere:v1"))
	replayed := signed("elsewhere:v1")
	s.must(s.client.Put(t.Context(), registry.Ref{Repo: replayed.Repos[0], Tag: tag("main", replayed.Input)}, data))
	s.builds(replayed, "another input, repository or lane")
	b := signed("app:v1")
	b.Input = Input("orch3:b")
	s.must(s.client.Put(t.Context(), registry.Ref{Repo: b.Repos[0], Tag: tag("main", b.Input)}, data))
	s.builds(b, "another input, repository or lane")
	if good.index == "" {
		t.Error("nothing was pushed")
	}
	// Without the private key nothing is written.
	s.Key = nil
	c := signed("app:v1")
	c.Input = Input("orch3:c")
	s.build("c", c)
	s.builds(c, "recorded")
}

// TestForeignRecord puts other things under the tag of a record.
func TestForeignRecord(t *testing.T) {
	s := newScene(t)
	one := s.target("orch3:a", "app:v1")
	img := s.build("a", one)
	name := "app:" + tag("main", one.Input)
	s.forget()
	for _, d := range []string{img.index, img.platforms[0], s.Push("app", "text")} {
		s.SetTag(name, d)
		s.builds(one, "not one of orch")
	}
	r := &Record{Version: recordVersion + 1, Input: one.Input, Repository: one.Repos[0].String(), Lane: "main"}
	m, _, err := r.encode(nil)
	s.must(err)
	s.must(s.client.Put(t.Context(), registry.Ref{Repo: one.Repos[0], Tag: tag("main", one.Input)}, m))
	s.builds(one, "version")
	// Digests that are none, and lengths that would fit everything.
	for _, bad := range []Blob{{"../../x", 1}, {"sha256:", 1}, {digest.FromString("x"), -1}} {
		r := &Record{Version: recordVersion, Input: one.Input, Repository: one.Repos[0].String(), Lane: "main", Platforms: one.Platforms}
		r.Image.Digest = digest.Digest(img.index)
		r.Closure = []Manifest{{Descriptor: r.Image, Blobs: []Blob{bad}}}
		m, _, err := r.encode(nil)
		s.must(err)
		s.must(s.client.Put(t.Context(), registry.Ref{Repo: one.Repos[0], Tag: tag("main", one.Input)}, m))
		s.builds(one, "names no image")
	}
}

// TestRegistries has registries refuse: a run is never the worse for it.
func TestRegistries(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError} {
		s := newScene(t)
		one, two := s.target("orch3:a", "app:v1"), s.target("orch3:b", "app:v2")
		s.build("a", one)
		s.build("b", two)
		s.forget()
		s.Before(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/manifests/orch-") {
				registrytest.Fail(w, status, "NO", "no")
				return true
			}
			return false
		})
		for _, v := range []*Target{one, two} {
			s.builds(v, "cannot be read")
		}
		if len(s.warned) == 0 {
			t.Errorf("%d: nothing is said", status)
		}
		s.warned = nil
		s.build("a", one)
		if len(s.warned) != 1 {
			t.Errorf("%d: warned %q", status, s.warned)
		}
	}
}
