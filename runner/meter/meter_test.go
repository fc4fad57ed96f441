package meter

import "testing"

func TestParse(t *testing.T) {
	for _, m := range []Movement{
		{Sent: true, Repository: "r.example:5000/a/b", Object: "sha256:0"},
		{Repository: "r.example/a", Object: "latest"},
	} {
		if got, ok := Parse(m.ID()); !ok || got != m {
			t.Errorf("%q: %+v, %v", m.ID(), got, ok)
		}
	}
	for _, id := range []string{"", "pushing layers", "sent to registry x", "sha256:0"} {
		if m, ok := Parse(id); ok {
			t.Errorf("%q: %+v", id, m)
		}
	}
}
