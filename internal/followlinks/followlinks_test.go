package followlinks

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestPaths(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []string{"real/h/f", "real/h2/f2", "real/a.txt", "d1/f", "d2/f"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(f)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{
		"lnk": "real", "chain": "lnk", "real/up": "../d1", "abs": "/real/h", "out": "../../../real", "self": ".", "loop": "loop",
		"grow": "grow/x", "d2/in": "../lnk/h", "file": "real/a.txt",
	} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ paths, want []string }{
		{[]string{"real/h", "real/*"}, []string{"d1", "real/*", "real/h", "real/up"}},
		{[]string{"real/h", "d1"}, []string{"real/h", "d1"}},
		{[]string{"lnk/h", "lnk/h2"}, []string{"lnk", "lnk/h", "lnk/h2", "real/h", "real/h2"}},
		{[]string{"chain/h2"}, []string{"chain", "chain/h2", "lnk", "real/h2"}},
		{[]string{"chain/up/f"}, []string{"chain", "chain/up/f", "d1/f", "lnk", "real/up"}},
		{[]string{"abs/f", "out/h2"}, []string{"abs", "abs/f", "out", "out/h2", "real/h/f", "real/h2"}},
		{[]string{"self/d1/f"}, []string{"d1/f", "self", "self/d1/f"}},
		{[]string{"lnk/*.txt"}, []string{"lnk", "lnk/*.txt", "real/*.txt"}},
		{[]string{"d*/in/f"}, []string{"d*/in/f", "d2/in", "lnk", "real/h/f"}},
		{[]string{"file"}, []string{"file", "real/a.txt"}},
		{[]string{"nothing/x", "nothing/*/y"}, []string{"nothing/x", "nothing/*/y"}},
		{[]string{}, []string{}},
	} {
		if got := Paths(dir, tt.paths); !slices.Equal(got, tt.want) {
			t.Errorf("%q: %q, want %q", tt.paths, got, tt.want)
		}
	}
	for _, p := range []string{"loop/x", "grow/x", "loop"} {
		if got := Paths(dir, []string{p}); !slices.Contains(got, p) {
			t.Errorf("%q: %q", p, got)
		}
	}
	if Paths(dir, nil) != nil {
		t.Error("no paths became some")
	}
}

// BenchmarkPaths has thousands of paths without and with a link in them.
func BenchmarkPaths(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		for _, first := range []string{"real", "lnk"} {
			b.Run(fmt.Sprint(first, n), func(b *testing.B) {
				dir := b.TempDir()
				if err := os.Symlink("real", filepath.Join(dir, "lnk")); err != nil {
					b.Fatal(err)
				}
				var paths []string
				for i := range n {
					paths = append(paths, fmt.Sprintf("%s/d%d/f", first, i))
				}
				for b.Loop() {
					Paths(dir, paths)
				}
			})
		}
	}
}
