package block

import (
	"fmt"
	"regexp"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/eval"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/schema"
)

// testTimeout is how long a test may take that does not say.
const testTimeout = time.Minute

// Test is a test block and the target or group that it names.
type Test struct {
	spec.Test
	Target string
	At     hcl.Range // of the target's name
}

// Tests evaluates the test blocks of files.
func (x *Index) Tests(files []*schema.File) ([]*Test, hcl.Diagnostics) {
	var tests []*Test
	var diags hcl.Diagnostics
	seen := map[string]*schema.Test{}
	for _, f := range files {
		for _, b := range f.Tests {
			if earlier := seen[b.Label]; earlier != nil {
				diags = append(diags, Twice("Two tests of one name", fmt.Sprintf("The test %q", b.Label), b.LabelRange, earlier.LabelRange))
				continue
			}
			seen[b.Label] = b
			r := testReader{ev: x.ev, block: b}
			t := r.read()
			diags = append(diags, r.diags...)
			if !r.diags.HasErrors() {
				tests = append(tests, t)
			}
		}
	}
	return tests, diags
}

// testReader reads one test block.
type testReader struct {
	ev    *eval.Evaluator
	block *schema.Test
	diags hcl.Diagnostics
}

func (r *testReader) read() *Test {
	b := r.block
	t := &Test{
		Test: spec.Test{Name: b.Label, Timeout: testTimeout, Range: b.DefRange},
		At:   b.AttrRange("target"),
	}
	if v, ok := r.attr("target", attribute.Text{}).(string); ok {
		t.Target = v
	}
	if v, ok := r.attr("run", attribute.List{}).([]string); ok {
		if t.Run = v; len(v) == 0 {
			r.wrong("run", `It is empty: write the program and its arguments, as ["/bin/server", "--version"].`)
		}
	}
	if v, ok := r.attr("env", attribute.Table{}).(map[string]*string); ok {
		t.Env = attribute.Plain(v)
	}
	if v, ok := r.attr("exit-code", attribute.Number{Max: 255}).(int); ok {
		t.ExitCode = v
	}
	if v, ok := r.attr("timeout", attribute.Text{}).(string); ok {
		r.timeout(t, v)
	}
	if v, ok := r.attr("output", attribute.Text{}).(string); ok {
		if _, err := regexp.Compile(v); err != nil {
			r.wrong("output", fmt.Sprintf("It is not a regular expression: %v.", err))
		}
		t.Output = v
	}
	return t
}

func (r *testReader) timeout(t *Test, text string) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		r.wrong("timeout", fmt.Sprintf("%q is not a duration: write one as 30s or 2m.", text))
		return
	}
	t.Timeout = d
}

// attr evaluates one attribute; nil is one that was not written.
func (r *testReader) attr(name string, k attribute.Kind) any {
	expr := r.block.Attr(name)
	if expr == nil {
		return nil
	}
	v, diags := r.ev.Root(expr, eval.WithRefs)
	r.diags = append(r.diags, diags...)
	if diags.HasErrors() || v.IsNull() || !v.IsWhollyKnown() {
		return nil
	}
	out, err := k.Decode(v)
	if err != nil {
		r.diags = append(r.diags, r.ev.WrongType(name, expr, err))
		return nil
	}
	return out
}

func (r *testReader) wrong(name, detail string) {
	r.diags = append(r.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  fmt.Sprintf("Invalid value for %q", name),
		Detail:   detail,
		Subject:  r.block.AttrRange(name).Ptr(),
	})
}
