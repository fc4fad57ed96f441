package lock

import "testing"

// TestUse reads back what says that something is used.
func TestUse(t *testing.T) {
	for _, u := range []Use{
		{"api", "Dockerfile", ""}, {"api", "services/api (old)/Dockerfile", ""}, {"api", "Dockerfile (inline in api)", "other.hcl"},
		{"a.b", "Dockerfile", "ci/a.hcl, b.hcl"}, {"api", "", ""},
	} {
		if got := ParseUse(u.String()); got != u {
			t.Errorf("%q is read as %+v", u.String(), got)
		}
	}
	for _, text := range []string{"", "api", "api (x", "api)", " (", "api (x) in ", "api (x) by y"} {
		_ = ParseUse(text).String() // whatever somebody has written
	}
	if got := ParseUse("api (Dockerfile)").Target; got != "api" {
		t.Error(got)
	}
}
