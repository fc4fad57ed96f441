package skip

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/registry/registrytest"
	"github.com/orch-build/orch/planner"
	plandigest "github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/inputs"
)

// TestFaults cuts a run off at each request that writes its record: there is a
// record only if it is right.
func TestFaults(t *testing.T) {
	for k := int64(1); ; k++ {
		s := newScene(t)
		one := s.target("orch3:a", "app:v1")
		img := s.push("a", one)
		var n atomic.Int64
		s.Before(func(w http.ResponseWriter, _ *http.Request) bool {
			if n.Add(1) >= k {
				registrytest.Fail(w, http.StatusForbidden, "NO", "no")
				return true
			}
			return false
		})
		s.Write(t.Context(), About{}, []Built{{Target: one, Digest: img.index}})
		s.Before(nil)
		recorded := s.Tag("app:"+tag("main", one.Input)) != ""
		if !recorded {
			s.builds(one, "recorded")
		} else {
			s.skips(one, 0)
		}
		if n.Load() < k {
			break
		}
	}
}

// TestUnfinished records nothing of an image that is not whole.
func TestUnfinished(t *testing.T) {
	s := newScene(t)
	one := s.target("orch3:a", "app:v1")
	img := s.push("a", one)
	s.SetBlob("app", img.layers[0], []byte("short"))
	s.Write(t.Context(), About{}, []Built{{Target: one, Digest: img.index}})
	s.builds(one, "recorded")
	if len(s.warned) != 1 || !strings.Contains(s.warned[0], "another length") {
		t.Errorf("warned %q", s.warned)
	}
}

// TestBounded keeps so many records of a lane, the newest.
func TestBounded(t *testing.T) {
	s := newScene(t)
	other := s.target("orch3:other", "app:v1")
	other.Skip.Lane = "pr-7"
	s.build("other", other)
	var last *Target
	for i := range mostRecords + 1 {
		last = s.target(fmt.Sprint("orch3:", i), "app:v1")
		s.now = s.now.Add(time.Minute)
		img := s.push("a", last)
		p, err := s.draft(About{}, Built{Target: last, Digest: img.index})
		s.must(err)
		s.must(s.store(t.Context(), Ready{Pending: p, Repos: last.Repos, Digest: img.index}))
	}
	s.Write(t.Context(), About{}, []Built{{Target: last, Digest: s.Tag("app:v1")}})
	tags, err := s.client.Tags(t.Context(), last.Repos[0])
	s.must(err)
	if n := len(tags); n != mostRecords*3/4+2 { // with v1, and that of the other lane
		t.Errorf("%d tags", n)
	}
	s.forget()
	s.skips(last, 0)
	s.builds(s.target("orch3:0", "app:v1"), "recorded")
	other.Skip.Lane = "pr-7"
	s.skips(other, 1)
}

// TestReject takes the word of a record back.
func TestReject(t *testing.T) {
	s := newScene(t)
	one := s.target("orch3:a", "app:v1")
	s.build("a", one)
	s.must(s.Reject(t.Context(), About{}, s.decide(one), "another build came out different"))
	s.builds(one, "rejected: another build")
	s.forget()
	s.builds(one, "rejected: another build")
	s.build("a", one)
	s.skips(one, 0)
}

// TestNever keeps the record of a build for which skip is off, unless nobody
// could believe it.
func TestNever(t *testing.T) {
	pushed := []config.Output{{Push: true, Names: []string{"example.com/app:v1"}}}
	build := func(s *config.Skip) *planner.Build {
		return &planner.Build{Wanted: true, Target: &config.Target{Name: "app", Skip: s, Outputs: pushed}}
	}
	one := &planner.Plan{Builds: []*planner.Build{build(&config.Skip{Never: true, Trusted: true})}}
	if Asked(one) || !Records(one) {
		t.Errorf("asked %t, recorded %t", Asked(one), Records(one))
	}
	got, _, err := new(Run).Target(one.Builds[0], &plandigest.Target{Publication: "orch3:a"})
	if err != nil || got == nil || got.Always == "" {
		t.Errorf("%+v: %v", got, err)
	}
	strange := build(&config.Skip{Never: true})
	if d := Check(&planner.Plan{Builds: []*planner.Build{strange}}); d.HasErrors() {
		t.Error(d)
	}
	if believed(strange) {
		t.Error("a record of a lane that is not trusted would be believed")
	}
}

// TestAnew keeps the record of a build that no-cache has asked for: it takes the
// place of an older one.
func TestAnew(t *testing.T) {
	yes := true
	b := &planner.Build{Wanted: true, Target: &config.Target{
		Name: "app", Skip: &config.Skip{}, NoCache: &yes, Outputs: []config.Output{{Push: true, Names: []string{"example.com/app:v1"}}},
	}}
	again := inputs.Unpinned{Why: inputs.NoCache, Text: "no-cache asks to run steps again"}
	tag := inputs.Unpinned{Why: inputs.MutableTag, Text: "base:1 is not pinned"}
	for _, test := range []struct {
		open     []inputs.Unpinned
		recorded bool
	}{
		{nil, true},
		{[]inputs.Unpinned{again}, true},
		{[]inputs.Unpinned{again, tag}, false},
	} {
		got, reason, err := new(Run).Target(b, &plandigest.Target{Publication: "orch3:a", Open: test.open})
		if err != nil {
			t.Fatal(err)
		}
		if (got != nil) != test.recorded {
			t.Errorf("%v: recorded %t, want %t: %s", test.open, got != nil, test.recorded, reason)
		}
		if got != nil {
			reason = got.Always
		}
		if reason != "no-cache asks for a build" {
			t.Errorf("%v: built because %q", test.open, reason)
		}
	}
}
