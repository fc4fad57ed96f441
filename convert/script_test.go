package convert

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// options report diagnostics as an error.
func options(t *testing.T) Options {
	return Options{
		Report: func(diags hcl.Diagnostics, _ map[string][]byte) error {
			if diags.HasErrors() {
				return diags
			}
			return nil
		},
		Note:     func(line string) { t.Log(line) },
		Platform: "linux/amd64",
	}
}

// TestScripts turns the scripts of testdata into definitions: "want" is what
// comes out, or the error.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no test data", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			ar, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Abs(name)
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			if err := os.WriteFile("build.sh", ar.Files[0].Data, 0o644); err != nil {
				t.Fatal(err)
			}
			got := converted(t, "build.sh")
			if *update {
				ar.Files = append(ar.Files[:1], txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if len(ar.Files) < 2 || got != string(ar.Files[1].Data) {
				t.Errorf("got:\n%s", got)
			}
		})
	}
}

func converted(t *testing.T, path string) string {
	in, err := Find([]string{path}, options(t))
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	text, err := in.Definition()
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	return string(text)
}

// Variables that use each other many times are evaluated once each.
func TestManyVariables(t *testing.T) {
	var src strings.Builder
	for i := range 100 {
		fmt.Fprintf(&src, "V%d=$V%d$V%d\n", i, i+1, i+1)
	}
	src.WriteString("docker build -t $V0 .\n")
	path := filepath.Join(t.TempDir(), "build.sh")
	if err := os.WriteFile(path, []byte(src.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	d := &document{}
	if err := d.fromScript(path); err != nil || len(d.variables) != 101 {
		t.Errorf("%d variables, %v", len(d.variables), err)
	}
}

// FuzzScript gives the reader of scripts any text: what comes out can be loaded.
func FuzzScript(f *testing.F) {
	f.Add("docker build -t \"a/$B:${C:-d}\" --build-arg X=$(git rev-parse HEAD) .")
	f.Add("x=$(docker create $(docker build -q .)); docker cp $x:/a b; (cd c && docker build -f d/e .)")
	f.Add("docker build -t \x00\"${a[1]}\"$((1+2))`b` 'c$d' <<EOF\n$x\nEOF\n")
	f.Fuzz(func(t *testing.T, src string) {
		path := filepath.Join(t.TempDir(), "build.sh")
		if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
		d := &document{}
		if d.fromScript(path) != nil || len(d.targets) == 0 {
			return
		}
		in, err := Find([]string{path}, options(t))
		if err != nil {
			t.Fatal(err)
		}
		var wrong hcl.Diagnostics
		if _, err := in.Definition(); errors.As(err, &wrong) {
			for _, d := range wrong {
				if strings.Contains(d.Summary, "yntax") || strings.Contains(d.Summary, "Unterminated") {
					t.Errorf("%v of %q", err, src)
				}
			}
		}
	})
}
