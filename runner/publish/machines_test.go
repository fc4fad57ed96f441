package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestReplaced ends the journal of a failed run when another has published the
// same tags.
func TestReplaced(t *testing.T) {
	s, m := newScene(t), newMachine(t)
	s.Before(func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	if err := m.Publish(t.Context(), s.to("other")); err == nil || m.pending(t) != 1 {
		t.Fatalf("%v, %d journals", err, m.pending(t))
	}
	s.Before(nil)
	if err := m.Publish(t.Context(), s.moves()); err != nil || s.state() != "new" || m.pending(t) != 0 {
		t.Errorf("%v, the tags are %s, %d journals are left", err, s.state(), m.pending(t))
	}
}

// TestSameMachine lets runs on one machine wait for each other that move the
// same tags, and only those.
func TestSameMachine(t *testing.T) {
	s, m := newScene(t), newMachine(t)
	hold, held := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/v2/a/") {
			once.Do(func() {
				close(held)
				<-hold
			})
		}
		return false
	})
	first := make(chan error, 1)
	go func() { first <- m.Publish(t.Context(), s.moves()) }()
	<-held
	again := newMachine(t)
	again.Dir = m.Dir
	other := Move{Ref: Ref{Name: s.Host + "/other:v1"}, New: s.Push("other", "x")}
	if err := again.Publish(t.Context(), []Move{other}); err != nil {
		t.Errorf("another tag: %v", err)
	}
	if pending, err := again.Pending(t.Context()); err != nil || len(pending) != 1 || !pending[0].Busy {
		t.Errorf("%+v, %v", pending, err)
	}
	if handled, err := again.Rollback(t.Context()); err != nil || len(handled) != 1 || handled[0].Err == nil {
		t.Errorf("a journal of another process: %+v, %v", handled, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	if err := again.Publish(ctx, s.to("second")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a tag that is being moved: %v", err)
	}
	cancel()
	again.hears(t, "Waiting for another run on this machine")
	second := make(chan error, 1)
	go func() { second <- again.Publish(t.Context(), s.to("second")) }()
	close(hold)
	if err := errors.Join(<-first, <-second); err != nil || s.state("second") != "second" || m.pending(t) != 0 {
		t.Errorf("%v, the tags are %s, %d journals are left", err, s.state("second"), m.pending(t))
	}
}

// TestTwoMachines publishes the same tags from several machines at once, in all
// the orders that chance gives: in the end all tags are of one of them, or one
// of them says that they are not.
func TestTwoMachines(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 5
	}
	s := newScene(t)
	for range 6 {
		s.tags = append(s.tags, fmt.Sprintf("many/n%d:v1", len(s.tags)))
		s.old = append(s.old, "")
	}
	for round := range rounds {
		s.reset()
		texts := []string{"A", "B", "C"}[:2+round%2]
		var all sync.WaitGroup
		var told atomic.Bool
		for _, text := range texts {
			moves := s.to(text)
			m := newMachine(t)
			all.Go(func() {
				var mixed *MixedError
				err := m.Publish(t.Context(), moves)
				if errors.As(err, &mixed) {
					told.Store(true)
				} else if err != nil {
					t.Errorf("round %d, %s: %v", round, text, err)
				}
			})
		}
		all.Wait()
		if got := s.state(texts...); got == "old" || got == "mixed" && !told.Load() {
			t.Fatalf("round %d: the tags are %s", round, got)
		}
	}
}

// TestOvertaken is about what a run finds when it looks at its tags again.
func TestOvertaken(t *testing.T) {
	for name, c := range map[string]struct {
		before []int // the tags that another run has moved before this one looks, by their place
		theirs []int // those that it moves after this one has
		want   string
		said   string
	}{
		"nobody":         {nil, nil, "new", ""},
		"all":            {nil, []int{0, 1, 2}, "other", "Another run has moved all of these tags since"},
		"a few":          {nil, []int{1}, "new", "1 tag moved again"},
		"first":          {nil, []int{0}, "new", "1 tag moved again"},
		"one twice":      {[]int{1}, []int{1}, "new", ""},
		"all, one twice": {[]int{1}, []int{0, 1, 2}, "new", "3 tags moved again"},
	} {
		t.Run(name, func(t *testing.T) {
			s, m := newScene(t), newMachine(t)
			other := s.to("other")
			for _, i := range c.before {
				s.SetTag(s.tags[i], other[i].New)
			}
			puts := 0
			var mu sync.Mutex
			s.Before(func(w http.ResponseWriter, r *http.Request) bool {
				mu.Lock()
				defer mu.Unlock()
				switch {
				case r.Method == http.MethodPut:
					puts++
				case r.Method == http.MethodHead && puts == len(s.tags):
					puts++
					for _, i := range c.theirs {
						s.SetTag(s.tags[i], other[i].New)
					}
				}
				return false
			})
			if err := m.Publish(t.Context(), s.moves()); err != nil || s.state("other") != c.want {
				t.Errorf("%v, the tags are %s", err, s.state("other"))
			}
			if c.said != "" {
				m.hears(t, c.said)
			}
		})
	}
}

// TestBlind wants nothing to be done by the journal of a run that was killed before it
// knew where its tags were: another machine may have moved them since.
func TestBlind(t *testing.T) {
	s, m := newScene(t), newMachine(t)
	var notes []string
	m.Note = func(line string) { notes = append(notes, line) }
	j, err := m.reserve(t.Context(), s.moves())
	if err != nil {
		t.Fatal(err)
	}
	j.drop() // as by the end of the process
	handled, err := m.Resume(t.Context())
	if err != nil || len(handled) != 0 || s.state() != "old" {
		t.Errorf("%v, %v, the tags are %s", handled, err, s.state())
	}
	if len(notes) != 1 || !strings.Contains(notes[0], s.moves()[0].Name) {
		t.Errorf("said: %q", notes)
	}
	if n := m.pending(t); n != 0 {
		t.Errorf("%d journals are left", n)
	}
}
