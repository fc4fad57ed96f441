package config

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/schema"
)

// testTimeout is how long a test may take that does not say.
const testTimeout = time.Minute

// definedTest is a test block and the target or group that it names.
type definedTest struct {
	spec.Test
	target string
	at     hcl.Range // of the target's name
}

// addTests evaluates the test blocks of the files.
func (d *Definition) addTests() hcl.Diagnostics {
	var diags hcl.Diagnostics
	seen := map[string]*schema.Test{}
	for _, f := range d.files {
		for _, b := range f.Tests {
			if earlier := seen[b.Label]; earlier != nil {
				diags = append(diags, twice("Two tests of one name", fmt.Sprintf("The test %q", b.Label), b.LabelRange, earlier.LabelRange))
				continue
			}
			seen[b.Label] = b
			r := testReader{Definition: d, block: b}
			t := r.read()
			diags = append(diags, r.diags...)
			if !r.diags.HasErrors() {
				d.tests = append(d.tests, t)
			}
		}
	}
	return diags
}

// testReader reads one test block.
type testReader struct {
	*Definition
	block *schema.Test
	diags hcl.Diagnostics
}

func (r *testReader) read() *definedTest {
	b := r.block
	t := &definedTest{
		Test: spec.Test{Name: b.Label, Timeout: testTimeout, Range: b.DefRange},
		at:   b.AttrRange("target"),
	}
	if v, ok := r.attr("target", attribute.Text{}).(string); ok {
		t.target = v
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

func (r *testReader) timeout(t *definedTest, text string) {
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
	v, diags := r.ev.eval(expr, r.ev.root, true)
	r.diags = append(r.diags, diags...)
	if diags.HasErrors() || v.IsNull() || !v.IsWhollyKnown() {
		return nil
	}
	out, err := k.Decode(v)
	if err != nil {
		r.diags = append(r.diags, wrongType(name, expr, r.ev.root, err))
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

// placeTests finds out which targets the tests are of.
func (d *Definition) placeTests() hcl.Diagnostics {
	var diags hcl.Diagnostics
	d.testsOf = map[string][]*spec.Test{}
	for _, t := range d.tests {
		names := d.tested(t.target, map[string]bool{})
		if len(names) == 0 {
			diags = append(diags, d.unknownTarget(t.target, t.at))
		}
		for _, name := range attribute.Unique(names) {
			d.testsOf[name] = append(d.testsOf[name], &t.Test)
		}
	}
	return diags
}

// tested lists the targets that a name stands for.
func (d *Definition) tested(name string, seen map[string]bool) []string {
	if d.targets[name] != nil {
		return []string{name}
	}
	g := d.ev.groups[name]
	if g == nil || seen[name] {
		return nil
	}
	seen[name] = true
	var out []string
	for _, m := range g.Targets {
		out = slices.Concat(out, d.tested(m, seen))
	}
	return out
}
