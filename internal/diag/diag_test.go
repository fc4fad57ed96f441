package diag

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
)

// What is said may quote a value of many megabytes.
func TestLongText(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	diags := hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Wrong " + long, Detail: "There is no " + long}}
	for name, print := range map[string]func(*bytes.Buffer) error{
		"text":             func(b *bytes.Buffer) error { return (&Printer{Out: b, Getenv: noVariable}).Print(diags) },
		"JSON of a run":    func(b *bytes.Buffer) error { return (&Printer{Out: b, JSON: true}).Print(diags) },
		"JSON of validate": func(b *bytes.Buffer) error { return JSON(b, diags) },
		"an error": func(b *bytes.Buffer) error {
			(&Printer{Out: b, JSON: true}).PrintError(errors.New(long))
			return ErrDefinition
		},
	} {
		var out bytes.Buffer
		if err := print(&out); !errors.Is(err, ErrDefinition) {
			t.Errorf("%s: %v", name, err)
		}
		if out.Len() > 8000 || !strings.Contains(out.String(), "bytes more") {
			t.Errorf("%s: %d bytes: %.300s", name, out.Len(), out.String())
		}
	}
}

// A call with hundreds of wrong arguments shows its line a few times only, and what is
// wrong elsewhere is still shown.
func TestManyOfOneLine(t *testing.T) {
	var diags hcl.Diagnostics
	add := func(line, n int) {
		at := &hcl.Range{Filename: "build.hcl", Start: hcl.Pos{Line: line, Column: n}, End: hcl.Pos{Line: line, Column: n + 1}}
		diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Unknown variable", Detail: fmt.Sprintf("There is no v%d.", n), Subject: at})
	}
	for n := range 500 {
		add(1, n+1)
	}
	add(2, 1)
	var out bytes.Buffer
	if err := (&Printer{Out: &out, Getenv: noVariable}).Print(diags); !errors.Is(err, ErrDefinition) {
		t.Error(err)
	}
	if n := strings.Count(out.String(), "build.hcl:1:"); n != maxOfLine {
		t.Errorf("line 1 is shown %d times", n)
	}
	for _, want := range []string{"build.hcl:2:1", "… and 490 more"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in %s", want, out.String())
		}
	}
}

func noVariable(string) string { return "" }
