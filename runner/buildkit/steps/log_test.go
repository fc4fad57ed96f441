package steps

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestShortenLog demands that the beginning and the end of a long output stay,
// in whole lines.
func TestShortenLog(t *testing.T) {
	name := filepath.Join(t.TempDir(), "1.log")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shorten := func() string {
		t.Helper()
		size, err := shortenLog(name, 100)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(name)
		if err != nil || int64(len(data)) != size {
			t.Fatalf("%v: %d bytes, said to be %d", err, len(data), size)
		}
		return string(data)
	}
	write("first\n" + strings.Repeat("middle\n", 100) + "last")
	got := shorten()
	if !strings.HasPrefix(got, "first\nmiddle\n") || !strings.HasSuffix(got, "\nmiddle\nlast") || strings.Count(got, "left out here]\n") != 1 {
		t.Errorf("shortened to %q", got)
	}
	for line := range strings.Lines(got) {
		if l := strings.TrimSuffix(line, "\n"); l != "first" && l != "middle" && l != "last" && !strings.HasPrefix(l, "[orch: ") {
			t.Errorf("a line is cut: %q", l)
		}
	}
	write("short\n")
	if got := shorten(); got != "short\n" {
		t.Errorf("a short one became %q", got)
	}
	write(strings.Repeat("x", 1000))
	if got := shorten(); !strings.Contains(got, "800 bytes") {
		t.Errorf("a line without an end became %q", got)
	}
}
