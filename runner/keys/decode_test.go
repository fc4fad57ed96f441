package keys

import (
	"slices"
	"testing"
)

// all decodes what a terminal sends in some pieces.
func all(pieces ...string) []Key {
	var out []Key
	var in []byte
	take := func(idle pause) {
		for len(in) > 0 {
			k, n := decode(in, idle)
			if n == 0 {
				return
			}
			in = in[n:]
			if k != "" {
				out = append(out, k)
			}
		}
	}
	for _, p := range pieces {
		in = append(in, p...)
		take(false)
	}
	take(true)
	return out
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		in   []string
		want []Key
	}{
		{[]string{"jk/ "}, []Key{"j", "k", "/", " "}},
		{[]string{"\x1b[A\x1b[B\x1bOA\x1bOB"}, []Key{Up, Down, Up, Down}},
		{[]string{"\x1b", "[", "5~"}, []Key{PageUp}},
		{[]string{"\x1b[1;5A\x1b[5;2~"}, []Key{Up, PageUp}},
		{[]string{"\x1b"}, []Key{Escape}},
		{[]string{"\x1bx"}, []Key{Escape, "x"}},
		{[]string{"\x1b\x1b[A"}, []Key{Escape, Up}},
		{[]string{"\x1b[99z", "q"}, []Key{"q"}},
		{[]string{"\x1b[200~ab\x1b[201~"}, []Key{"a", "b"}},
		{[]string{"\x1b[", "\x01q"}, []Key{"q"}},
		{[]string{"\xe6", "\x97\xa5", "ä"}, []Key{"日", "ä"}},
		{[]string{"\xff\xfeq"}, []Key{"q"}},
		{[]string{"\xe6"}, nil},
		{[]string{"\r\n\t\x7f\x08\x00\x04"}, []Key{Enter, Enter, Tab, Backspace, Backspace}},
	} {
		if got := all(c.in...); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestText(t *testing.T) {
	for k, want := range map[Key]string{"q": "q", "日": "日", " ": " ", Up: "", Escape: "", "": ""} {
		if got := k.Text(); got != want {
			t.Errorf("%q: %q, want %q", k, got, want)
		}
	}
}

// FuzzDecode holds that all bytes are taken, whatever they are.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"\x1b[A", "\x1b[1;5A", "\x1bO", "日", "\xff", "\x1b[\x1b["} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for len(in) > 0 {
			_, n := decode(in, true)
			if n < 1 || n > len(in) {
				t.Fatalf("%q: %d bytes", in, n)
			}
			in = in[n:]
		}
	})
}
