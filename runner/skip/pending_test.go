package skip

import (
	"crypto/ed25519"
	"strings"
	"testing"
)

// TestPending records a build from what its shards say of it.
func TestPending(t *testing.T) {
	s := newScene(t)
	public, private, err := ed25519.GenerateKey(nil)
	s.must(err)
	one := s.target("orch3:a", "app:v1", "other/app:v1")
	one.Skip.Signed, one.key, one.Tests = true, VerifyKey(public), "tests"
	img := s.push("a", one)
	var parts []*Pending
	for _, test := range []string{"smoke", ""} {
		b := Built{Target: one}
		if test != "" {
			b.Tests = []string{test}
		}
		text, err := s.Skipper.Pending(t.Context(), About{Run: "run"}, []Built{b})["app"].Encode()
		s.must(err)
		p, err := DecodePending(text)
		s.must(err)
		parts = append(parts, p)
	}
	whole, err := Join(parts)
	s.must(err)
	ready := []Ready{{Name: "app", Pending: whole, Repos: one.Repos, Digest: img.index}}
	s.forget()
	s.Keep(t.Context(), ready)
	s.builds(one, "recorded") // without the key, others write it
	s.Key = &SigningKey{private}
	s.Keep(t.Context(), ready)
	s.forget()
	s.skips(one, 0)
	if r := s.decide(one).Record; r == nil || r.Run != "run" || strings.Join(r.TestNames, " ") != "smoke" {
		t.Errorf("the record is %+v", r)
	}
	if len(s.warned) > 0 {
		t.Errorf("warned %q", s.warned)
	}
	_, other, err := ed25519.GenerateKey(nil)
	s.must(err)
	s.Key = &SigningKey{other}
	s.Keep(t.Context(), ready)
	if len(s.warned) != 1 || !strings.Contains(s.warned[0], KeyVariable) {
		t.Errorf("with another key, warned %q", s.warned)
	}
}

// TestPendingDisagree refuses parts that are not of one target, and what is not of
// orch.
func TestPendingDisagree(t *testing.T) {
	s := newScene(t)
	var parts []*Pending
	for _, publication := range []string{"orch3:a", "orch3:b"} {
		p, err := s.draft(About{}, Built{Target: s.target(publication, "app:v1")})
		s.must(err)
		parts = append(parts, p)
	}
	if _, err := Join(parts); err == nil {
		t.Error("two inputs were joined")
	}
	good, err := parts[0].Encode()
	s.must(err)
	for what, text := range map[string]string{
		"nothing":         "null",
		"text":            `"x"`,
		"another version": strings.Replace(string(good), `"v":1`, `"v":9`, 1),
		"no input":        strings.Replace(string(good), `"input":"`, `"input":"x`, 1),
		"a lane":          strings.Replace(string(good), `"lane":"main"`, `"rejected":"x"`, 1),
	} {
		if _, err := DecodePending([]byte(text)); err == nil {
			t.Errorf("%s was read", what)
		}
	}
}
