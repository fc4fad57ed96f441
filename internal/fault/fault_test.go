package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestReport(t *testing.T) {
	var r Report
	at := Range{Filename: "build.hcl", Start: Pos{Line: 3}}
	r.Warn(at, "Odd", "%d times", 2)
	r.Fail(at, "Wrong", "here")
	r.Fail(at, "Wrong", "here")
	r.Warn(at, "Wrong", "here")
	if len(r.Diags) != 2 || r.Diags[0].Severity != Warning || r.Diags[1].Severity != Error {
		t.Errorf("got %v", r.Diags)
	}
	if got := Place(at); got != "build.hcl:3" {
		t.Errorf("the place is %s", got)
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		Names([]string{"a", "b"}):  `"a", "b"`,
		Sentence("no such file. "): "No such file.",
		Path(""):                   ".",
		Path("a\nb"):               `"a\nb"`,
		Reason(&fs.PathError{Path: "x", Err: fs.ErrExist}):            "file already exists",
		Cause(fmt.Errorf("reading: %w", errors.New("wrong"))).Error(): "wrong",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
