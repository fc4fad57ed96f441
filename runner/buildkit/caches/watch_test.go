package caches

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/registry/registrytest"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

func cacheOf(kind string, attrs ...string) planner.Cache {
	e := config.Entry{Type: kind, Attrs: map[string]string{}}
	for i := 0; i < len(attrs); i += 2 {
		e.Attrs[attrs[i]] = attrs[i+1]
	}
	return planner.Cache{CacheEntry: config.NewCacheEntry(e)}
}

func planOf(sources ...planner.Cache) *planner.Plan {
	return &planner.Plan{Builds: []*planner.Build{{Target: &config.Target{Name: "app"}, CacheFrom: sources}}}
}

// TestRead tells a cache that is not there yet from one that cannot be read.
func TestRead(t *testing.T) {
	wired, required := cacheOf("registry", "ref", "r/wired"), cacheOf("registry", "ref", "r/required")
	wired.Wired, required.Required = true, true
	plain := cacheOf("registry", "ref", "r/plain")
	part := "blob sha256:" + strings.Repeat("a", 64) + ": not found"
	for _, tt := range []struct {
		name          string
		cache         planner.Cache
		err           string
		fault, absent bool
		faults        int
		ends          bool
	}{
		{name: "a lane that is new", cache: wired, err: "r/wired: not found"},
		{name: "a cache that is new", cache: plain, err: "r/plain: not found", absent: true, faults: 1},
		{name: "denied", cache: plain, err: "denied", fault: true, faults: 1},
		{name: "a lane that lacks a part", cache: wired, err: part, fault: true, faults: 1},
		{name: "required and new", cache: required, err: "r/required: not found", fault: true, faults: 1, ends: true},
	} {
		w := NewWatch(planOf(tt.cache))
		ctx, stop := w.Context(t.Context())
		if got := w.Read(tt.cache, errors.New(tt.err)); got != tt.fault {
			t.Errorf("%s: a fault: %v", tt.name, got)
		}
		faults := w.Faults()
		if len(faults) != tt.faults || len(faults) > 0 && faults[0].Absent != tt.absent {
			t.Errorf("%s: %v", tt.name, faults)
		}
		if tt.ends {
			<-ctx.Done() // or the test ends after its time
			var fault runner.CacheFault
			if err := w.Reason(errors.New("canceled")); !errors.As(err, &fault) || !fault.Required {
				t.Errorf("%s: the reason is %v", tt.name, err)
			}
		} else if err := w.Reason(errors.New("other")); err.Error() != "other" {
			t.Errorf("%s: the reason is %v", tt.name, err)
		}
		stop()
	}
}

// TestReadIsNotedOnce has each fault once, however many targets report it.
func TestReadIsNotedOnce(t *testing.T) {
	c := cacheOf("registry", "ref", "r/c")
	w := NewWatch(planOf(c))
	for range 3 {
		w.Read(c, errors.New("denied"))
	}
	if n := len(w.Faults()); n != 1 {
		t.Errorf("%d faults", n)
	}
}

// TestImported knows a cache by what the builder calls it.
func TestImported(t *testing.T) {
	inRegistry, local := cacheOf("registry", "ref", "r/c"), cacheOf("local", "src", "dir")
	w := NewWatch(planOf(inRegistry, local))
	if !w.Imported("r/c", "") || len(w.Faults()) > 0 {
		t.Errorf("one that was read: %v", w.Faults())
	}
	if !w.Imported("local:17", "damaged") {
		t.Error("a damaged cache is not a fault")
	}
	w.Imported("s3:1", "of nobody here")
	faults := w.Faults()
	if len(faults) != 1 || faults[0].Where != "dir" {
		t.Errorf("%v", faults)
	}
	if got := w.Reported(); len(got) != 3 || !got["r/c"] || !got["local:17"] {
		t.Errorf("%v", got)
	}
}

// TestAwait waits for what the builder reports after the lookup.
func TestAwait(t *testing.T) {
	c := cacheOf("registry", "ref", "r/c")
	w := NewWatch(planOf(c))
	before := w.Reported()
	go w.Imported("r/c", "")
	if !w.Await(t.Context(), c, before) {
		t.Error("it was not read")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if w.Await(ctx, c, w.Reported()) {
		t.Error("what was reported before counts again")
	}
}

func TestWrote(t *testing.T) {
	c := cacheOf("registry", "ref", "r/c")
	w := NewWatch(planOf())
	w.Wrote(t.Context(), c, nil)
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	w.Wrote(interrupted, c, errors.New("canceled"))
	if len(w.Faults()) > 0 {
		t.Errorf("%v", w.Faults())
	}
	w.Wrote(t.Context(), c, errors.New("denied"))
	if f := w.Faults(); len(f) != 1 || f[0].Read || f[0].Where != "r/c" {
		t.Errorf("%v", f)
	}
}

// TestBlameRegistry drops the cache whose list names the blob that was missing, and
// no other.
func TestBlameRegistry(t *testing.T) {
	s := registrytest.New(t)
	s.Push("cache", "other", "other")
	gone := s.Push("layers", "gone")
	s.Push("cache", "a list with "+gone, "mine")
	a := Access{LookupEnv: func(string) (string, bool) { return "", false }, Registry: registry.New(registry.Options{})}
	mine, other := cacheOf("registry", "ref", s.Host+"/cache:mine"), cacheOf("registry", "ref", s.Host+"/cache:other")
	var d Drops
	if d.any() {
		t.Error("something is dropped")
	}
	f := &runner.Failure{ExitCode: -1, Err: fmt.Errorf("copying %s: not found", gone), Transient: true}
	d.Blame(t.Context(), a, f, []planner.Cache{other, mine})
	if !f.Again || f.Transient || f.Fault != runner.FaultInfrastructure || !strings.Contains(f.Reason, "/cache:mine is gone or damaged") {
		t.Errorf("%+v", f)
	}
	if d.Reason(mine) == nil || d.Reason(other) != nil || len(d.All()) != 1 {
		t.Errorf("%v", d.All())
	}
	// Another target meets the same: the list is not read again, it is dropped once.
	asked := len(s.Asked())
	second := &runner.Failure{ExitCode: -1, Err: errors.New(gone)}
	d.Blame(t.Context(), a, second, []planner.Cache{mine})
	if !second.Again || len(d.All()) != 1 || len(s.Asked()) > 0 {
		t.Errorf("%+v after %d requests, %v", second, asked, d.All())
	}
}

// TestBlameCut drops the cache of which the registry does not give out a blob whole: the
// error of a transfer that was cut off does not name the blob.
func TestBlameCut(t *testing.T) {
	s := registrytest.New(t)
	whole, short := digest.FromString("whole blob"), digest.FromString("a blob that is cut")
	s.SetBlob("cache", whole.String(), []byte("whole blob"))
	s.SetBlob("cache", short.String(), []byte("a blob"))
	list := func(d digest.Digest, size int) string {
		return fmt.Sprintf(`{"layers":[{"mediaType":"m","digest":"%s","size":%d}]}`, d, size)
	}
	a := Access{LookupEnv: func(string) (string, bool) { return "", false }, Registry: registry.New(registry.Options{})}
	good, bad := cacheOf("registry", "ref", s.Host+"/cache:good"), cacheOf("registry", "ref", s.Host+"/cache:bad")
	for text, want := range map[string]bool{
		"short read: expected 12 bytes but got 0: unexpected EOF":             true,
		"commit failed: failed size validation: 6 != 18: failed precondition": true,
		"short read: expected 19 bytes but got 0: unexpected EOF":             false, // no blob is that large
		"unexpected EOF": false,
	} {
		d := Drops{lists: map[string]string{Key(good.Entry): list(whole, 10), Key(bad.Entry): list(short, 18)}}
		f := &runner.Failure{ExitCode: -1, Err: errors.New("exporting: " + text), Transient: true}
		d.Blame(t.Context(), a, f, []planner.Cache{good, bad})
		if f.Again != want || f.Transient == want || (d.Reason(bad) != nil) != want || d.Reason(good) != nil {
			t.Errorf("%s: again %v, transient %v, dropped %v", text, f.Again, f.Transient, d.All())
		}
		if why := d.Reason(bad); want && why != nil && !strings.Contains(why.Error(), short.String()) {
			t.Errorf("%s: %v does not name the blob", text, why)
		}
	}
	// A registry that is not there says nothing of the blobs.
	s.Close()
	d := Drops{lists: map[string]string{Key(bad.Entry): list(short, 18)}}
	f := &runner.Failure{ExitCode: -1, Err: errors.New("short read: expected 12 bytes but got 0: unexpected EOF"), Transient: true}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if d.Blame(ctx, a, f, []planner.Cache{bad}); f.Again || !f.Transient {
		t.Errorf("blamed without an answer: %+v", f)
	}
}

// TestBlameNobody leaves failures alone that have another reason.
func TestBlameNobody(t *testing.T) {
	s := registrytest.New(t)
	blob := s.Push("cache", "x", "c")
	a := Access{LookupEnv: func(string) (string, bool) { return "", false }, Registry: registry.New(registry.Options{})}
	c := cacheOf("registry", "ref", s.Host+"/cache:none")
	for name, f := range map[string]*runner.Failure{
		"a step":       {ExitCode: 1, Err: errors.New(blob)},
		"lost":         {ExitCode: -1, Lost: true, Err: errors.New(blob)},
		"no blob":      {ExitCode: -1, Err: errors.New("denied")},
		"another blob": {ExitCode: -1, Err: errors.New(blob)},
	} {
		var d Drops
		if d.Blame(t.Context(), a, f, []planner.Cache{c}); f.Again || d.any() {
			t.Errorf("%s: %+v", name, f)
		}
	}
	required := c
	required.Required = true
	s.SetTag("cache:none", s.Push("cache", "with "+blob))
	f := &runner.Failure{ExitCode: -1, Err: errors.New(blob)}
	var d Drops
	if d.Blame(t.Context(), a, f, []planner.Cache{required}); f.Again || d.any() || f.Reason == "" {
		t.Errorf("a required cache: %+v", f)
	}
}

// TestBlameFolder reads the list of a cache in a folder.
func TestBlameFolder(t *testing.T) {
	dir := t.TempDir()
	list, gone := strings.Repeat("1", 64), "sha256:"+strings.Repeat("2", 64)
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		filepath.Join(dir, "index.json"): `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:` + list + `","size":1,"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}`,
		filepath.Join(blobs, list):       `{"layers":[{"digest":"` + gone + `"}]}`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a := Access{LookupEnv: func(string) (string, bool) { return "", false }}
	f := &runner.Failure{ExitCode: -1, Err: errors.New(gone + ": not found")}
	var d Drops
	if d.Blame(t.Context(), a, f, []planner.Cache{cacheOf("local", "src", filepath.Join(dir, "none")), cacheOf("local", "src", dir)}); !f.Again || len(d.All()) != 1 {
		t.Errorf("%+v, %v", f, d.All())
	}
}

// TestSource says beforehand what is not there.
func TestSource(t *testing.T) {
	a := Access{LookupEnv: func(string) (string, bool) { return "", false }}
	if e, err := a.Source(t.Context(), cacheOf("registry", "ref", "r/c")); err != nil || e.Attrs["ref"] != "r/c" {
		t.Errorf("%v, %v", e, err)
	}
	if _, err := a.Source(t.Context(), cacheOf("local", "src", filepath.Join(t.TempDir(), "none"))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := a.Source(t.Context(), cacheOf("gha")); !errors.Is(err, ErrNoActions) {
		t.Errorf("%v", err)
	}
}

// TestLaneWrite has the builder write a cache of its own, and puts that into the
// one of the lane.
func TestLaneWrite(t *testing.T) {
	s := registrytest.New(t)
	a := Access{LookupEnv: func(string) (string, bool) { return "", false }, Registry: registry.New(registry.Options{})}
	c := cacheOf("registry", "ref", s.Host+"/cache:app")
	lane := config.Entry{Type: "registry", Attrs: map[string]string{"ref": s.Host + "/cache:main"}}
	c.Lane = &lane
	plan := &planner.Plan{Builds: []*planner.Build{{Target: &config.Target{Name: "app"}, CacheTo: []planner.Cache{c}}}}
	lanes := a.WatchLanes(t.Context(), plan, &Drops{}, whole)
	var wrote string
	err := lanes.Write(t.Context(), c, []string{"app"}, func(e client.CacheOptionsEntry) (map[string]string, error) {
		wrote = e.Attrs["ref"]
		return nil, nil // there was nothing to write
	})
	if err != nil || wrote != s.Host+"/cache:app" {
		t.Errorf("%q, %v", wrote, err)
	}
	fault := errors.New("denied")
	if err := lanes.Write(t.Context(), c, []string{"app"}, func(client.CacheOptionsEntry) (map[string]string, error) { return nil, fault }); !errors.Is(err, fault) {
		t.Errorf("%v", err)
	}
}

// TestLaneUnseen has the builder write the lane's own cache where this process
// cannot see it.
func TestLaneUnseen(t *testing.T) {
	s := registrytest.New(t)
	s.Before(func(w http.ResponseWriter, r *http.Request) bool {
		registrytest.Fail(w, http.StatusForbidden, "DENIED", "not from here")
		return true
	})
	a := Access{LookupEnv: func(string) (string, bool) { return "", false }, Registry: registry.New(registry.Options{})}
	c := cacheOf("registry", "ref", s.Host+"/cache:app")
	lane := config.Entry{Type: "registry", Attrs: map[string]string{"ref": s.Host + "/cache:main"}}
	c.Lane = &lane
	plan := &planner.Plan{Caches: []*planner.SharedCache{{Cache: c}}}
	var wrote string
	err := a.WatchLanes(t.Context(), plan, &Drops{}, whole).Write(t.Context(), c, nil, func(e client.CacheOptionsEntry) (map[string]string, error) {
		wrote = e.Attrs["ref"]
		return nil, nil
	})
	if err != nil || wrote != s.Host+"/cache:main" {
		t.Errorf("%q, %v", wrote, err)
	}
}

// whole says of a cache that all of it could be read.
func whole() bool { return false }
