package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/registry/registrytest"
)

// machine is one machine that publishes: its journals, and what it was told.
type machine struct {
	*Publisher
	mu   sync.Mutex
	said []string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{}
	say := func(text string) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.said = append(m.said, text)
	}
	m.Publisher = &Publisher{
		Dir: filepath.Join(t.TempDir(), "publish"), Project: "/work/shop", Settle: 10 * time.Millisecond,
		Registry: Remote{registry.New(registry.Options{Pause: time.Millisecond})}, Warn: say, Note: say,
	}
	return m
}

// brief is the budget of a machine whose registry does not get better.
const brief = 20 * time.Millisecond

// hears wants the machine to have been told something, and forgets it.
func (m *machine) hears(t *testing.T, want string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !strings.Contains(strings.Join(m.said, "\n"), want) {
		t.Errorf("nothing says %q: %q", want, m.said)
	}
	m.said = nil
}

// scene is a registry with some tags, and what they are to point to.
type scene struct {
	*registrytest.Server
	tags     []string // REPOSITORY:TAG
	old, new []string // digests; "" is none
}

// newScene has three tags in two repositories; one is not there at first.
func newScene(t *testing.T) *scene {
	s := &scene{Server: registrytest.New(t), tags: []string{"a:v1", "team/b:v1", "team/b:fresh"}}
	for i, tag := range s.tags {
		repo, _, _ := strings.Cut(tag, ":")
		old := s.Push(repo, "old"+tag)
		if i == 2 {
			old = ""
		}
		s.old = append(s.old, old)
		s.new = append(s.new, s.Push(repo, "new"+tag))
	}
	s.reset()
	return s
}

func (s *scene) reset() {
	s.Before(nil)
	for i, tag := range s.tags {
		s.SetTag(tag, s.old[i])
	}
}

func (s *scene) moves() []Move { return s.to("new") }

// to are moves to images that hold some text.
func (s *scene) to(text string) []Move {
	var out []Move
	for _, tag := range s.tags {
		repo, _, _ := strings.Cut(tag, ":")
		out = append(out, Move{Ref: Ref{Name: s.Host + "/" + tag}, New: s.Push(repo, text+tag)})
	}
	return out
}

// state is what all tags point to, or "mixed".
func (s *scene) state(texts ...string) string {
	for _, text := range append(texts, "new") {
		if !slices.ContainsFunc(s.to(text), func(m Move) bool { return s.Tag(strings.TrimPrefix(m.Name, s.Host+"/")) != m.New }) {
			return text
		}
	}
	for i, tag := range s.tags {
		if s.Tag(tag) != s.old[i] {
			return "mixed"
		}
	}
	return "old"
}

// at calls a function with each request and its number, from 1.
func (s *scene) at(f func(n int, w http.ResponseWriter, r *http.Request) bool) {
	var mu sync.Mutex
	n := 0
	s.Before(func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		n++
		now := n
		mu.Unlock()
		return f(now, w, r)
	})
}

// count is how many requests something takes.
func (s *scene) count(do func()) int {
	s.Asked()
	do()
	return len(s.Asked())
}

// lose lets the registry carry a request out, and cuts the answer off.
func (s *scene) lose(r *http.Request) {
	again, err := http.NewRequest(r.Method, s.URL+r.URL.Path, nil)
	if err == nil && r.Method == http.MethodPut {
		// The body has been read: the manifest is in the registry already.
		repo, tag, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/manifests/")
		for i, t := range s.tags {
			if t == repo+":"+tag {
				s.SetTag(t, s.new[i])
			}
		}
	} else if err == nil {
		s.Before(nil)
		s.ServeHTTP(httptest.NewRecorder(), again)
	}
	panic(http.ErrAbortHandler)
}

// judge holds what Publish has left against what it said: all tags are old or
// all are new, or a journal leads there.
func (s *scene) judge(t *testing.T, m *machine, err error, back bool) {
	t.Helper()
	pending, perr := m.Pending(t.Context())
	if perr != nil {
		t.Fatal(perr)
	}
	var unfinished *UnfinishedError
	var putBack *PutBackError
	state := s.state()
	switch {
	case err == nil && (state != "new" || len(pending) != 0):
		t.Fatalf("no error, but the tags are %s and %d journals are there", state, len(pending))
	case err == nil:
		return
	case errors.As(err, &unfinished), errors.As(err, &putBack):
		if len(pending) != 1 || errors.As(err, &putBack) && state != "old" {
			t.Fatalf("%v, but the tags are %s and %d journals are there", err, state, len(pending))
		}
	case state != "old" || len(pending) != 0:
		t.Fatalf("%v, but the tags are %s and %d journals are there", err, state, len(pending))
	default:
		return
	}
	do, want := m.Resume, "new"
	if back {
		do, want = m.Rollback, "old"
	}
	handled, err := do(t.Context())
	if err != nil || len(handled) != 1 || handled[0].Err != nil || s.state() != want {
		t.Fatalf("the journal leads to %s, not %s: %+v, %v", s.state(), want, handled, err)
	}
	if pending, _ := m.Pending(t.Context()); len(pending) != 0 {
		t.Fatalf("%d journals are left", len(pending))
	}
}

// TestFaults fails the registry at each request of publishing three tags, once
// and for good.
func TestFaults(t *testing.T) {
	s, m := newScene(t), newMachine(t)
	total := s.count(func() {
		if err := m.Publish(t.Context(), s.moves()); err != nil {
			t.Fatal(err)
		}
	})
	if s.state() != "new" || total < 12 {
		t.Fatalf("after publishing: %s in %d requests", s.state(), total)
	}
	fault := func(status int, code string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "0")
			registrytest.Fail(w, status, code, "injected")
		}
	}
	for name, spoil := range map[string]func(http.ResponseWriter, *http.Request){
		"503": fault(503, "UNAVAILABLE"), "429": fault(429, "TOOMANYREQUESTS"), "500 FAULT": fault(500, "FAULT"), "403": fault(403, "DENIED"),
		"cut":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"lost": func(_ http.ResponseWriter, r *http.Request) { s.lose(r) },
	} {
		for _, lasting := range []bool{false, true} {
			for k := 1; k <= total; k++ {
				t.Run(fmt.Sprintf("%s/lasting=%t/%d", name, lasting, k), func(t *testing.T) {
					m := newMachine(t)
					if lasting {
						m.Budget = brief
					}
					s.reset()
					s.at(func(n int, w http.ResponseWriter, r *http.Request) bool {
						bad := n == k || lasting && n > k
						if bad {
							spoil(w, r)
						}
						return bad
					})
					err := m.Publish(t.Context(), s.moves())
					s.Before(nil)
					if passing := name != "403"; passing && !lasting && err != nil {
						t.Errorf("a fault that passes: %v", err)
					}
					s.judge(t, m, err, k%2 == 0)
				})
			}
		}
	}
}

// TestInterrupted ends publishing at each request: the tags are whole, and the
// error says that it was an interrupt.
func TestInterrupted(t *testing.T) {
	s := newScene(t)
	total := s.count(func() {
		if err := newMachine(t).Publish(t.Context(), s.moves()); err != nil {
			t.Fatal(err)
		}
	})
	for k := 1; k <= total; k++ {
		m := newMachine(t)
		s.reset()
		ctx, cancel := context.WithCancel(t.Context())
		s.at(func(n int, _ http.ResponseWriter, _ *http.Request) bool {
			if n == k {
				cancel()
			}
			return false
		})
		err := m.Publish(ctx, s.moves())
		cancel()
		s.Before(nil)
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("request %d: %v", k, err)
		}
		s.judge(t, m, err, k%2 == 0)
	}
}

// endsWithJournal is a context that is interrupted as soon as a folder has a journal.
type endsWithJournal struct {
	context.Context
	dir   string
	ended atomic.Bool
}

func (c *endsWithJournal) Err() error {
	if found, _ := filepath.Glob(filepath.Join(c.dir, "*"+journalExt)); len(found) > 0 {
		c.ended.Store(true)
	}
	if c.ended.Load() {
		return context.Canceled
	}
	return c.Context.Err()
}

// TestInterruptedReserving ends publishing when the journal has just been begun: it
// is not left behind.
func TestInterruptedReserving(t *testing.T) {
	s, m := newScene(t), newMachine(t)
	err := m.Publish(&endsWithJournal{Context: t.Context(), dir: m.Dir}, s.moves())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	s.judge(t, m, err, false)
}

// TestImmutable accepts a registry that refuses to move tags, where the tags
// are right already.
func TestImmutable(t *testing.T) {
	s, m := newScene(t), newMachine(t)
	if err := m.Publish(t.Context(), s.moves()); err != nil {
		t.Fatal(err)
	}
	s.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			registrytest.Fail(w, http.StatusBadRequest, "TAG_INVALID", "the tag is immutable")
		}
		return r.Method == http.MethodPut
	})
	if err := m.Publish(t.Context(), s.moves()); err != nil {
		t.Errorf("tags with an equal digest: %v", err)
	}
	moves := s.moves()
	moves[0].New = s.old[0]
	var back *PutBackError
	err := m.Publish(t.Context(), moves)
	if !errors.As(err, &back) || !strings.Contains(err.Error(), "the tag is immutable") || s.state() != "new" {
		t.Errorf("a tag that must not move: %v, the tags are %s", err, s.state())
	}
}

// half leaves a journal of a run that was killed when it had moved one tag.
func (s *scene) half(t *testing.T, m *machine) {
	t.Helper()
	j := &journal{Version: 1, Started: time.Now().Add(-time.Hour).UTC(), Project: "/work/shop", path: filepath.Join(m.Dir, "20260101T000000.json")}
	for i, move := range s.moves() {
		move.Old = s.old[i]
		j.Moves = append(j.Moves, move)
	}
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := j.write(); err != nil {
		t.Fatal(err)
	}
	s.reset()
	s.SetTag(s.tags[0], s.new[0])
}

func (m *machine) pending(t *testing.T) int {
	t.Helper()
	all, err := m.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestNewerStays leaves tags alone that somebody else has moved since a run was
// killed, whatever finishes what is left of it.
func TestNewerStays(t *testing.T) {
	for _, how := range []string{"resume", "rollback", "the next run", "an unrelated run", "forget"} {
		t.Run(how, func(t *testing.T) {
			s, a, b := newScene(t), newMachine(t), newMachine(t)
			s.half(t, a)
			if err := b.Publish(t.Context(), s.to("newer")); err != nil {
				t.Fatal(err)
			}
			var handled []Handled
			var err error
			left := 0
			switch how {
			case "resume":
				handled, err = a.Resume(t.Context())
			case "rollback":
				handled, err = a.Rollback(t.Context())
			case "forget":
				handled, err = a.Forget(t.Context())
			case "the next run":
				err = a.Prepare(t.Context(), []Ref{s.moves()[1].Ref})
				a.hears(t, "left alone, because somebody else has moved them since: "+s.Host+"/a:v1, ")
			default:
				other := Move{Ref: Ref{Name: s.Host + "/other:v1"}, New: s.Push("other", "x")}
				err = errors.Join(a.Prepare(t.Context(), []Ref{other.Ref}), a.Publish(t.Context(), []Move{other}))
				a.hears(t, "an earlier run in /work/shop of ")
				left = 1
			}
			if err != nil || s.state("newer") != "newer" || a.pending(t) != left {
				t.Errorf("the tags are %s, %d journals are left, %v", s.state("newer"), a.pending(t), err)
			}
			if how == "resume" || how == "rollback" {
				if len(handled) != 1 || handled[0].Err != nil || len(handled[0].Left) != 3 {
					t.Errorf("%+v", handled)
				}
			}
		})
	}
}

// TestNextRunFinishes moves the rest of the tags of a run that was killed
// before it builds.
func TestNextRunFinishes(t *testing.T) {
	s, m := newScene(t), newMachine(t)
	s.half(t, m)
	if err := m.Prepare(t.Context(), []Ref{s.moves()[2].Ref}); err != nil || s.state() != "new" || m.pending(t) != 0 {
		t.Errorf("the tags are %s, %d journals are left, %v", s.state(), m.pending(t), err)
	}
	m.hears(t, "Finished what an earlier run in /work/shop of ")
}

// TestBadJournals goes on past journals that nothing can be done with.
func TestBadJournals(t *testing.T) {
	s := newScene(t)
	gone := httptest.NewServer(nil)
	gone.Close()
	missing := "sha256:" + strings.Repeat("b", 64)
	one := func(name, digest string) string {
		return fmt.Sprintf(`{"version":1,"started":"2026-11-28T00:00:00Z","moves":[{"name":%q,"new":%q}]}`, name, digest)
	}
	for name, c := range map[string]struct {
		data  string
		stays bool                    // in its place
		make  func(path string) error // what is no file
	}{
		"folder":         {make: func(path string) error { return os.MkdirAll(filepath.Join(path, "in", "it"), 0o700) }},
		"link":           {make: func(path string) error { return os.Symlink("nowhere", path) }},
		"later version":  {data: `{"version":2,"moves":[]}`},
		"empty":          {data: ""},
		"truncated":      {data: `{"version":1,"started":"2026-`},
		"binary":         {data: "\x00\x01\x02"},
		"null":           {data: "null"},
		"no moves":       {data: `{"version":1}`},
		"no version":     {data: `{"moves":[{"name":"r.test/a:v1","new":"` + missing + `"}]}`},
		"bad digest":     {data: one(s.Host+"/a:v1", "nonsense")},
		"bad name":       {data: one("UPPER CASE", missing)},
		"no tag":         {data: one(s.Host+"/a", missing)},
		"deleted image":  {data: one(s.Host+"/a:v1", missing)},
		"gone registry":  {data: one(strings.TrimPrefix(gone.URL, "http://")+"/gone/app:v1", missing), stays: true},
		"gone and ours":  {data: strings.Replace(one(s.Host+"/a:v1", missing), `"moves":[`, `"moves":[{"name":"`+strings.TrimPrefix(gone.URL, "http://")+`/x:v1","new":"`+missing+`"},`, 1)},
		"another's tags": {data: one(s.Host+"/other:v1", missing), stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.Budget = 200 * time.Millisecond
			s.reset()
			// A tag that is where the journal says that it was.
			s.SetTag("a:v1", "")
			path := filepath.Join(m.Dir, "20200101T000000.000000000.json")
			if err := os.MkdirAll(m.Dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if c.make == nil {
				c.make = func(path string) error { return os.WriteFile(path, []byte(c.data), 0o600) }
			}
			if err := c.make(path); err != nil {
				t.Fatal(err)
			}
			var refs []Ref
			for _, move := range s.moves() {
				refs = append(refs, move.Ref)
			}
			if err := errors.Join(m.Prepare(t.Context(), refs), m.Publish(t.Context(), s.moves())); err != nil || s.state() != "new" {
				t.Errorf("the tags are %s, %v", s.state(), err)
			}
			_, err := os.Lstat(path)
			if stays := err == nil; stays != c.stays {
				t.Errorf("the journal is in its place: %t", stays)
			}
			if !c.stays {
				m.hears(t, "was set aside as "+filepath.Join(m.Dir, "aside"))
			}
			pending, err := m.Pending(t.Context())
			if err != nil || len(pending) != 1 || pending[0].Unread+pending[0].Aside == "" && !c.stays {
				t.Fatalf("%+v, %v", pending, err)
			}
			m.Budget = brief
			for _, do := range []func(context.Context, ...string) ([]Handled, error){m.Resume, m.Forget} {
				if _, err := do(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if s.state() != "new" || m.pending(t) != 0 {
				t.Errorf("in the end the tags are %s and %d journals are there", s.state(), m.pending(t))
			}
		})
	}
}

// TestEachJournal handles one journal whatever is wrong with another.
func TestEachJournal(t *testing.T) {
	s, m := newScene(t), newMachine(t)
	s.half(t, m)
	if err := os.WriteFile(filepath.Join(m.Dir, "bad.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	handled, err := m.Resume(t.Context())
	if err != nil || len(handled) != 2 || s.state() != "new" {
		t.Fatalf("%+v, %v; the tags are %s", handled, err, s.state())
	}
	for _, h := range handled {
		if (h.Err != nil) != (h.ID == "bad") || h.ID != "bad" && h.Tags != 3 {
			t.Errorf("%+v", h)
		}
	}
	if _, err := m.Resume(t.Context(), "bad", "none"); err == nil || !strings.Contains(err.Error(), `no journal "none"; there are bad`) {
		t.Errorf("an ID that is none: %v", err)
	}
	if handled, err := m.Forget(t.Context(), "bad"); err != nil || handled[0].Err != nil || m.pending(t) != 0 {
		t.Errorf("%+v, %v, %d journals are left", handled, err, m.pending(t))
	}
	if _, err := m.Forget(t.Context(), "none"); err == nil {
		t.Error("an ID that is none is forgotten")
	}
}

// TestResumeLater publishes after a failure in which nothing had moved, with
// where the tags point by then.
func TestResumeLater(t *testing.T) {
	for _, from := range []string{http.MethodHead, http.MethodPut} {
		s, m := newScene(t), newMachine(t)
		m.Budget = brief
		s.Before(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == from {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return r.Method == from
		})
		err := m.Publish(t.Context(), s.moves())
		s.Before(nil)
		var back *PutBackError
		if !errors.As(err, &back) || !back.Journal || !strings.Contains(err.Error(), "'orch publish --resume'") || s.state() != "old" {
			t.Fatalf("%s: %v, the tags are %s", from, err, s.state())
		}
		// Another run of other tags says nothing of it, for nothing is half done.
		other := Move{Ref: Ref{Name: s.Host + "/other:v1"}, New: s.Push("other", "x")}
		if err := m.Publish(t.Context(), []Move{other}); err != nil || len(m.said) != 0 {
			t.Errorf("%v, %q", err, m.said)
		}
		handled, err := m.Resume(t.Context())
		if err != nil || len(handled) != 1 || handled[0].Err != nil || s.state() != "new" || m.pending(t) != 0 {
			t.Errorf("%s: %+v, %v; the tags are %s", from, handled, err, s.state())
		}
	}
}

// TestEndless gives up against somebody who moves one of the tags again and
// again, and says which.
func TestEndless(t *testing.T) {
	s, m := newScene(t), newMachine(t)
	other := s.to("other")
	s.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead && s.Tag("team/b:v1") == s.new[1] {
			s.SetTag("team/b:v1", other[1].New)
		}
		return false
	})
	var mixed *MixedError
	err := m.Publish(t.Context(), s.moves())
	if !errors.As(err, &mixed) || !slices.Equal(mixed.Theirs, []string{s.Host + "/team/b:v1"}) || m.pending(t) != 0 {
		t.Errorf("%v, %d journals are left", err, m.pending(t))
	}
}

// TestNoJournal publishes where no journal can be kept, and says so.
func TestNoJournal(t *testing.T) {
	s, m := newScene(t), newMachine(t)
	if err := os.WriteFile(m.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Prepare(t.Context(), nil), m.Publish(t.Context(), s.moves())); err != nil || s.state() != "new" {
		t.Errorf("%v, the tags are %s", err, s.state())
	}
	m.hears(t, "no journal can be kept")
	s.reset()
	s.Before(func(w http.ResponseWriter, r *http.Request) bool {
		bad := r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/b/")
		if bad {
			w.WriteHeader(http.StatusForbidden)
		}
		return bad
	})
	var back *PutBackError
	if err := m.Publish(t.Context(), s.moves()); !errors.As(err, &back) || back.Journal || s.state() != "old" {
		t.Errorf("%v, the tags are %s", err, s.state())
	}
}
