package skip

import (
	"crypto/ed25519"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/registry/registrytest"
	"github.com/orch-build/orch/planner"
	plandigest "github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/inputs"
)

// TestFailureClasses lists all that may be wrong with a record, or with what it
// says, each with the right outcome. What needs a builder is in e2e: runs that are
// killed, audits, tests that fail.
func TestFailureClasses(t *testing.T) {
	for _, row := range []struct {
		name string
		try  func(s *scene, one *Target, img image)
	}{
		{"nothing is wrong", func(s *scene, one *Target, _ image) { s.skips(one, 0) }},
		{"the tag is deleted", func(s *scene, one *Target, _ image) {
			s.SetTag("app:v1", "")
			s.skips(one, 1) // the image is whole, so that the tag is put back
		}},
		{"a platform is deleted", func(s *scene, one *Target, img image) {
			s.Drop("app", img.platforms[1])
			s.builds(one, "does not have all of the image")
		}},
		{"an attestation is deleted", func(s *scene, one *Target, img image) {
			s.Drop("app", img.attestation)
			s.builds(one, "does not have all of the image")
		}},
		{"a layer is deleted", func(s *scene, one *Target, img image) {
			s.Drop("app", img.layers[0])
			s.builds(one, "does not have all of the image")
		}},
		{"a layer is cut off", func(s *scene, one *Target, img image) {
			s.SetBlob("app", img.layers[0], []byte("short"))
			s.builds(one, "does not have all of the image")
		}},
		{"the record is deleted", func(s *scene, one *Target, _ image) {
			s.forget()
			s.SetTag("app:"+tag("main", one.Input), "")
			s.builds(one, "no build of what it is now is recorded")
		}},
		{"a run that failed leaves no record", func(s *scene, _ *Target, _ image) {
			failed := s.target("orch3:failed", "app:v1")
			s.push("failed", failed) // and Write is not reached
			s.builds(failed, "no build of what it is now is recorded")
		}},
		{"an image that is not whole leaves no record", func(s *scene, _ *Target, _ image) {
			half := s.target("orch3:half", "app:v1")
			img := s.push("half", half)
			s.Drop("app", img.layers[1])
			s.Write(s.Context(), About{}, []Built{{Target: half, Digest: img.index}})
			s.builds(half, "no build of what it is now is recorded")
		}},
		{"a revert moves the tag back", func(s *scene, one *Target, img image) {
			s.build("b", s.target("orch3:b", "app:v1"))
			s.skips(one, 1)
			if v := s.decide(one); v.Moves[0].Tag != "v1" || v.Record.Image.Digest.String() != img.index {
				s.Errorf("moves %v to %s", v.Moves, v.Record.Image.Digest)
			}
		}},
		{"the base has moved", func(s *scene, _ *Target, _ image) {
			s.builds(s.target("orch3:with another base", "app:v1"), "no build of what it is now is recorded")
		}},
		{"the digest is open", func(s *scene, _ *Target, _ image) {
			b := &planner.Build{Wanted: true, Target: &config.Target{Name: "app", Tags: []string{"r/a:1"}, Outputs: []config.Output{exporter("registry")}, Skip: &config.Skip{}}}
			got, reason, err := new(Run).Target(b, &plandigest.Target{Publication: "orch3:a", Open: []inputs.Unpinned{{Why: inputs.MutableTag, Text: "base:1 is not pinned"}}})
			if err != nil || got != nil || !strings.Contains(reason, "is not pinned") {
				s.Errorf("%+v, %q, %v", got, reason, err)
			}
		}},
		{"another lane's record", func(s *scene, _ *Target, _ image) {
			pr := s.target("orch3:pr", "app:v1")
			pr.Skip.Lane = "pr-7"
			s.build("pr", pr)
			s.forget()
			s.builds(s.target("orch3:pr", "app:v1"), "no build of what it is now is recorded")
			s.skips(pr, 0)
		}},
		{"the main lane's record, for a pull request", func(s *scene, _ *Target, _ image) {
			pr := s.target("orch3:a", "app:v1")
			pr.Skip.Lane = "pr-7"
			s.skips(pr, 0)
		}},
		{"a fork's record", func(s *scene, _ *Target, _ image) {
			fork := s.target("orch3:fork", "app:v1")
			fork.Skip.Lane, fork.Skip.Trusted = "pr-7", false
			s.build("fork", fork)
			s.forget()
			s.builds(s.target("orch3:fork", "app:v1"), "no build of what it is now is recorded")
		}},
		{"a fork pushes to the repository, without a key", func(s *scene, _ *Target, _ image) {
			d := Check(&planner.Plan{Builds: []*planner.Build{{Wanted: true, Target: &config.Target{
				Name: "app", Skip: &config.Skip{Lane: "pr-7", Main: "main"}, Outputs: []config.Output{{Push: true, Names: []string{"example.com/app:v1"}}},
			}}}})
			if !d.HasErrors() || !strings.Contains(d.Error(), "key") {
				s.Errorf("not refused: %v", d)
			}
		}},
		{"a poisoned record, and no key", func(s *scene, one *Target, _ image) {
			evil := s.build("evil", one)
			s.forget()
			v := s.decide(one) // who can write it can move the tag as well
			if v.Record == nil || v.Record.Image.Digest.String() != evil.index {
				s.Errorf("%+v", v)
			}
		}},
		{"a poisoned record, and a key", func(s *scene, one *Target, _ image) {
			public, private, err := ed25519.GenerateKey(nil)
			s.must(err)
			s.build("evil", one)
			s.forget()
			one.Skip.Signed, one.key = true, VerifyKey(public)
			s.builds(one, "not signed")
			s.Key = &SigningKey{private}
			s.build("good", one)
			s.skips(one, 0)
		}},
		{"a record of another repository", func(s *scene, one *Target, _ image) {
			data, err := s.client.Manifest(s.Context(), registry.Ref{Repo: one.Repos[0], Tag: tag("main", one.Input)})
			s.must(err)
			far := s.target("orch3:a", "far:v1")
			s.push("a", far)
			s.must(s.client.Put(s.Context(), registry.Ref{Repo: far.Repos[0], Tag: tag("main", far.Input)}, data))
			s.builds(far, "another input, repository or lane")
		}},
		{"a clock in 2020, reading", func(s *scene, one *Target, _ image) {
			s.now = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
			s.skips(one, 0)
			one.Skip.MaxAge = time.Hour
			s.builds(one, "future")
		}},
		{"a clock in 2020, writing", func(s *scene, _ *Target, _ image) {
			s.now = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
			old := s.target("orch3:old", "app:v1")
			s.build("old", old)
			s.now = start
			s.skips(old, 0)
			old.Skip.MaxAge = time.Hour
			s.builds(old, "max-age")
		}},
		{"two runs at once", func(s *scene, one *Target, img image) {
			var wait sync.WaitGroup
			for range 4 {
				wait.Go(func() { s.Write(s.Context(), About{}, []Built{{Target: one, Digest: img.index}}) })
			}
			wait.Wait()
			s.forget()
			s.skips(one, 0)
		}},
		{"an audit found a difference", func(s *scene, one *Target, _ image) {
			s.must(s.Reject(s.Context(), About{Run: "run-2"}, s.decide(one), "layer 1 differs"))
			s.builds(one, "rejected: layer 1 differs")
			s.forget()
			s.builds(one, "rejected: layer 1 differs")
			s.build("again", one)
			s.skips(one, 0)
		}},
		{"a record of another version of orch", func(s *scene, one *Target, _ image) {
			r := &Record{Version: recordVersion + 1, Input: one.Input, Repository: one.Repos[0].String(), Lane: "main"}
			m, _, err := r.encode(nil)
			s.must(err)
			s.forget()
			s.must(s.client.Put(s.Context(), registry.Ref{Repo: one.Repos[0], Tag: tag("main", one.Input)}, m))
			s.builds(one, "version")
		}},
		{"a digest of an older version", func(s *scene, _ *Target, _ image) {
			s.builds(s.target("orch1:a", "app:v1"), "no build of what it is now is recorded")
		}},
		{"tests that were not passed", func(s *scene, one *Target, _ image) {
			one.Tests = "others"
			s.builds(one, "tests")
		}},
		{"a registry without referrers", func(s *scene, one *Target, _ image) {
			s.Asked()
			s.build("a", one)
			s.forget()
			s.skips(one, 0)
			for _, asked := range s.Asked() {
				if strings.Contains(asked, "/referrers/") {
					s.Errorf("asked %s", asked)
				}
			}
		}},
		{"a registry whose tags never change", func(s *scene, one *Target, _ image) {
			s.Before(refusing(http.MethodPut, http.StatusConflict))
			s.now = start.Add(time.Hour)
			s.build("a", one)
			s.skips(one, 0)
		}},
		{"records cannot be read: 401", unreadable(http.StatusUnauthorized)},
		{"records cannot be read: 403", unreadable(http.StatusForbidden)},
		{"records cannot be read: 429", unreadable(http.StatusTooManyRequests)},
		{"records cannot be read: 500", unreadable(http.StatusInternalServerError)},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScene(t)
			one := s.target("orch3:a", "app:v1")
			one.Skip.Full = true
			row.try(s, one, s.build("a", one))
		})
	}
}

// refusing fails requests of a method for records.
func refusing(method string, status int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || !strings.Contains(r.URL.Path, "/manifests/orch-") {
			return false
		}
		registrytest.Fail(w, status, "NO", "no")
		return true
	}
}

// unreadable has a registry refuse to read records: the target is built, with a
// warning.
func unreadable(status int) func(*scene, *Target, image) {
	return func(s *scene, one *Target, _ image) {
		s.forget()
		s.Before(refusing(http.MethodGet, status))
		s.builds(one, "cannot be read")
		if len(s.warned) != 1 {
			s.Errorf("warned %q", s.warned)
		}
	}
}
