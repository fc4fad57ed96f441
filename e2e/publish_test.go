//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/orch-build/orch/runner/publish"
)

// faults is a proxy before the registry that fails chosen requests.
type faults struct {
	proxy *httputil.ReverseProxy
	host  string

	mu   sync.Mutex
	n    int              // requests so far
	fail func(n int) bool // which of them fail, counted from 1
	how  string           // "503", "cut" or "lost": carried out, but the answer is lost
}

func newFaults(t *testing.T) *faults {
	t.Helper()
	target := &url.URL{Scheme: "http", Host: shared.registry}
	f := &faults{proxy: httputil.NewSingleHostReverseProxy(target)}
	f.set("", nil)
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	f.host = u.Host
	return f
}

// set begins to count anew.
func (f *faults) set(how string, fail func(int) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n, f.how, f.fail = 0, how, fail
}

func (f *faults) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

func (f *faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.n++
	bad := f.fail != nil && f.fail(f.n)
	how := f.how
	f.mu.Unlock()
	switch {
	case !bad:
		f.proxy.ServeHTTP(w, r)
	case how == "503":
		w.WriteHeader(http.StatusServiceUnavailable)
	case how == "lost":
		f.proxy.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	default:
		panic(http.ErrAbortHandler)
	}
}

// TestPublishFaults fails the registry at each request of publishing three
// tags, once and for good: afterwards all tags are old, or all are new, or one
// resume makes them all new.
func TestPublishFaults(t *testing.T) {
	f := newFaults(t)
	dir := t.TempDir()
	remote, err := publish.NewRemote(time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	p := &publish.Publisher{Dir: dir, Registry: remote}
	tags := newTagSet(t, f.host)

	f.set("", nil)
	if err := p.Publish(t.Context(), tags.moves()); err != nil {
		t.Fatal(err)
	}
	total := f.count()
	if tags.state(t) != "new" || total < 9 {
		t.Fatalf("after publishing: %s in %d requests", tags.state(t), total)
	}
	for _, how := range []string{"503", "cut", "lost"} {
		for _, lasting := range []bool{false, true} {
			for k := 1; k <= total; k++ {
				t.Run(fmt.Sprintf("%s/lasting=%t/%d", how, lasting, k), func(t *testing.T) {
					tags.reset(t)
					f.set(how, func(n int) bool { return n == k || lasting && n > k })
					err := p.Publish(t.Context(), tags.moves())
					f.set("", nil)
					tags.judge(t, p, err)
				})
			}
		}
	}
}

// tagSet is three tags in two repositories, one of which is not there at
// first.
type tagSet struct {
	host string
	refs []string
	old  []string // digest before, "" for none
	new  []string
}

func newTagSet(t *testing.T, host string) *tagSet {
	t.Helper()
	s := &tagSet{host: host}
	for i, ref := range []string{"publish/a:v1", "publish/b:v1", "publish/b:fresh"} {
		s.refs = append(s.refs, ref)
		s.new = append(s.new, push(t, ref))
		old := push(t, ref)
		if i == 2 {
			old = ""
		}
		s.old = append(s.old, old)
	}
	s.reset(t)
	return s
}

// push stores an image of its own under a tag, past the faults.
func push(t *testing.T, ref string) string {
	t.Helper()
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	tag := direct(t, ref)
	if err := remote.Write(tag, img); err != nil {
		t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func direct(t *testing.T, ref string) name.Tag {
	t.Helper()
	tag, err := name.NewTag(shared.registry+"/"+ref, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

// reset puts every tag back.
func (s *tagSet) reset(t *testing.T) {
	t.Helper()
	for i, ref := range s.refs {
		tag := direct(t, ref)
		var err error
		if s.old[i] == "" {
			err = remote.Delete(tag)
			var e *transport.Error
			if errors.As(err, &e) && e.StatusCode == http.StatusNotFound {
				err = nil
			}
		} else {
			var desc *remote.Descriptor
			if desc, err = remote.Get(tag.Context().Digest(s.old[i])); err == nil {
				err = remote.Tag(tag, desc)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (s *tagSet) moves() []publish.Move {
	var out []publish.Move
	for i, ref := range s.refs {
		out = append(out, publish.Move{Ref: publish.Ref{Name: s.host + "/" + ref}, New: s.new[i]})
	}
	return out
}

// state is "old", "new" or "mixed".
func (s *tagSet) state(t *testing.T) string {
	t.Helper()
	var now []string
	for _, ref := range s.refs {
		desc, err := remote.Head(direct(t, ref))
		var e *transport.Error
		switch {
		case errors.As(err, &e) && e.StatusCode == http.StatusNotFound:
			now = append(now, "")
		case err != nil:
			t.Fatal(err)
		default:
			now = append(now, desc.Digest.String())
		}
	}
	switch {
	case slices.Equal(now, s.old):
		return "old"
	case slices.Equal(now, s.new):
		return "new"
	}
	return "mixed"
}

// judge holds what a run of Publish left against what it said.
func (s *tagSet) judge(t *testing.T, p *publish.Publisher, err error) {
	t.Helper()
	pending, perr := p.Pending()
	if perr != nil {
		t.Fatal(perr)
	}
	var unfinished *publish.UnfinishedError
	state := s.state(t)
	switch {
	case err == nil:
		if state != "new" || len(pending) != 0 {
			t.Fatalf("no error, but the tags are %s and %d journals are there", state, len(pending))
		}
	case errors.As(err, &unfinished):
		if len(pending) != 1 {
			t.Fatalf("%v, but %d journals are there", err, len(pending))
		}
		if err := p.Resume(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := s.state(t); got != "new" {
			t.Fatalf("after a resume the tags are %s", got)
		}
	default:
		if state != "old" || len(pending) != 0 {
			t.Fatalf("%v, but the tags are %s and %d journals are there", err, state, len(pending))
		}
	}
	if pending, _ := p.Pending(); len(pending) != 0 {
		t.Fatalf("%d journals are left", len(pending))
	}
}

// TestPublishRollback undoes what was left half done, and leaves what somebody
// else has moved since.
func TestPublishRollback(t *testing.T) {
	f := newFaults(t)
	r, err := publish.NewRemote(time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	p := &publish.Publisher{Dir: t.TempDir(), Registry: r}
	tags := newTagSet(t, f.host)
	f.set("", nil)
	if err := p.Publish(t.Context(), tags.moves()); err != nil {
		t.Fatal(err)
	}
	total := f.count()
	for k := 1; k <= total; k++ {
		tags.reset(t)
		f.set("lost", func(n int) bool { return n >= k })
		err := p.Publish(t.Context(), tags.moves())
		f.set("", nil)
		var unfinished *publish.UnfinishedError
		if !errors.As(err, &unfinished) {
			continue
		}
		if err := p.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := tags.state(t); got != "old" {
			t.Fatalf("request %d: after a rollback the tags are %s", k, got)
		}
	}
}

// TestPublishImmutable accepts a registry that refuses to move tags, where the
// tags are right already.
func TestPublishImmutable(t *testing.T) {
	tags := newTagSet(t, shared.registry)
	r, err := publish.NewRemote(time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	p := &publish.Publisher{Dir: t.TempDir(), Registry: r}
	if err := p.Publish(t.Context(), tags.moves()); err != nil {
		t.Fatal(err)
	}
	target := &url.URL{Scheme: "http", Host: shared.registry}
	proxy := httputil.NewSingleHostReverseProxy(target)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusConflict)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	tags.host = u.Host
	if err := p.Publish(t.Context(), tags.moves()); err != nil {
		t.Errorf("tags with an equal digest: %v", err)
	}
	moves := tags.moves()
	moves[0].New = tags.old[0]
	var back *publish.PutBackError
	if err := p.Publish(t.Context(), moves); !errors.As(err, &back) {
		t.Errorf("a tag that must not move: %v", err)
	}
	if got := tags.state(t); got != "new" {
		t.Errorf("the tags are %s", got)
	}
}
