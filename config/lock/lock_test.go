package lock

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the goldens")

// TestParse reads the locks of testdata: what is wrong with each is in its golden,
// or else what is written when it is written again.
func TestParse(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := outcome(a.Files[0].Data)
			if *update {
				a.Files = append(a.Files[:1], txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if len(a.Files) < 2 || got != string(a.Files[1].Data) {
				t.Errorf("got\n%s", got)
			}
		})
	}
}

func outcome(data []byte) string {
	l, diags := Parse(FileName, data)
	var b strings.Builder
	for _, d := range diags {
		fmt.Fprintf(&b, "%s: %s: %s\n", d.Subject, d.Summary, d.Detail)
	}
	if l == nil {
		return b.String()
	}
	text := l.Bytes()
	b.Write(text)
	again, diags := Parse(FileName, text)
	if diags.HasErrors() || string(again.Bytes()) != string(text) {
		fmt.Fprintf(&b, "another time it is another text: %v\n", diags)
	}
	return b.String()
}

// TestNames finds entries by each way to write their names.
func TestNames(t *testing.T) {
	l := New("sub/" + FileName)
	l.Put(Entry{Key: Key{Image, "alpine"}, Digest: "sha256:" + strings.Repeat("a", 64)})
	for _, name := range []string{"alpine", "alpine:latest", "docker.io/library/alpine", "index.docker.io/library/alpine:latest"} {
		if l.ImageDigest(name) == "" {
			t.Errorf("%s is not found", name)
		}
	}
	if got := l.ImageDigest("alpine@sha256:" + strings.Repeat("b", 64)); got != "" {
		t.Errorf("a name with a digest has %s", got)
	}
	if got := l.LayoutName("sub/images:v1"); got != "images:v1" {
		t.Errorf("a layout is %s", got)
	}
	var none *Lock
	if none.ImageDigest("alpine") != "" || none.Len() != 0 || none.Entries() != nil || none.Get(Git, "x") != nil {
		t.Error("no lock has something")
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		if a, err := txtar.ParseFile(file); err == nil {
			f.Add(a.Files[0].Data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, diags := Parse(FileName, data)
		if (l == nil) != diags.HasErrors() {
			t.Fatalf("a lock and errors, or neither: %v", diags)
		}
		if l == nil {
			return
		}
		if text := outcome(data); strings.Contains(text, "another time") {
			t.Fatal(text)
		}
	})
}

// TestTooDeep reads a lock by which the parser would end the process.
func TestTooDeep(t *testing.T) {
	_, diags := Parse(FileName, []byte("version = 1\nx = "+strings.Repeat("[", 10_000)))
	if len(diags) != 1 || diags[0].Summary != "Nested too deeply" || diags[0].Subject.Start.Line != 2 {
		t.Errorf("%v", diags)
	}
}
