package mask

import (
	"fmt"
	"strings"
	"testing"
)

// A value is masked wherever the pieces of an output are cut.
func TestMaskStream(t *testing.T) {
	const secret, text = "s3cret-value", "a s3cret-value b s3cret-valu c s3cret-values3cret-value\n"
	const want = "a *** b s3cret-valu c ******\n"
	for size := 1; size <= len(text); size++ {
		m := &Mask{}
		m.Add(secret + "\n")
		var held []byte
		var out strings.Builder
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			out.Write(m.Stream(&held, []byte(rest[:n])))
			rest = rest[n:]
		}
		out.Write(held)
		if out.String() != want {
			t.Errorf("in pieces of %d: %q, want %q", size, out.String(), want)
		}
	}
}

func TestMaskText(t *testing.T) {
	m := &Mask{}
	m.Add("first-line\nsecond-line\nx\n")
	m.Add("abc") // too short to be masked
	if got := m.Text("first-line abc x, second-line"); got != "*** abc x, ***" {
		t.Errorf("got %q", got)
	}
	var none *Mask
	if got := none.Text("first-line"); got != "first-line" {
		t.Errorf("without a mask: %q", got)
	}
}

func TestMaskJSON(t *testing.T) {
	m := &Mask{}
	m.Add("s3cret-value")
	got, err := m.JSON(map[string]any{"a": []string{"x s3cret-value"}, "n": 1})
	if err != nil || fmt.Sprint(got) != "map[a:[x ***] n:1]" {
		t.Errorf("%v, error %v", got, err)
	}
}
