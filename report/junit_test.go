package report

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// junitForm is what the schema that Jenkins publishes for JUnit's XML allows:
// for each element its attributes, those that must be there first, and the
// elements in it.
// https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd
var junitForm = map[string]struct {
	must, may, in []string
}{
	"testsuites": {nil, []string{"name", "time", "tests", "failures", "errors", "disabled"}, []string{"testsuite"}},
	"testsuite": {[]string{"name", "tests"}, []string{"failures", "errors", "time", "disabled", "skipped", "timestamp", "hostname", "id", "package"},
		[]string{"testcase", "properties", "system-out", "system-err"}},
	"testcase": {[]string{"name"}, []string{"classname", "time", "status", "assertions", "file", "line"},
		[]string{"skipped", "error", "failure", "system-out", "system-err"}},
	"failure":    {nil, []string{"message", "type"}, nil},
	"skipped":    {nil, []string{"message", "type"}, nil},
	"system-out": {},
}

func TestJUnit(t *testing.T) {
	tests := []*config.Test{{Name: "good"}, {Name: `bad <"&`}}
	report := &runner.Report{Targets: []*runner.TargetReport{
		{Build: &planner.Build{Target: &config.Target{Name: "app", Tests: tests}}, State: runner.Failed, Err: &runner.Failure{Tests: []runner.TestResult{
			{Name: "good", Took: time.Second, Output: []string{"one", "two"}},
			{Name: `bad <"&`, Took: time.Second / 2, Failure: "it is <bad>", Output: []string{"red ]]> \x01 \xff", "&amp;"}},
		}}},
		{Build: &planner.Build{Target: &config.Target{Name: "other", Tests: tests[:1]}}, State: runner.Blocked},
		{Build: &planner.Build{Target: &config.Target{Name: "untested"}}, State: runner.Done},
	}}
	path := filepath.Join(t.TempDir(), "junit.xml")
	if err := WriteJUnit(path, report); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	checkJUnitForm(t, string(data))
	for _, want := range []string{
		`<testsuites tests="3" failures="1">`,
		`<testsuite name="app" tests="2" failures="1" errors="0" skipped="0" time="1.500">`,
		`<testsuite name="other" tests="1" failures="0" errors="0" skipped="1" time="0.000">`,
		`<skipped message="the target is blocked">`,
		`<failure message="it is &lt;bad&gt;" type="failure">red ]]&gt; `,
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %s in\n%s", want, data)
		}
	}
	if strings.Contains(string(data), "untested") {
		t.Errorf("a target without tests is in\n%s", data)
	}
}

// checkJUnitForm holds a document against junitForm.
func checkJUnitForm(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	var open []string
	for {
		token, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		switch e := token.(type) {
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.StartElement:
			form, known := junitForm[e.Name.Local]
			if parent := len(open) - 1; !known || parent >= 0 && !slices.Contains(junitForm[open[parent]].in, e.Name.Local) {
				t.Errorf("<%s> is in %v", e.Name.Local, open)
			}
			open = append(open, e.Name.Local)
			has := map[string]bool{}
			for _, a := range e.Attr {
				has[a.Name.Local] = true
				if !slices.Contains(form.must, a.Name.Local) && !slices.Contains(form.may, a.Name.Local) {
					t.Errorf("<%s> has the attribute %s", e.Name.Local, a.Name.Local)
				}
			}
			for _, name := range form.must {
				if !has[name] {
					t.Errorf("<%s> has no attribute %s", e.Name.Local, name)
				}
			}
		}
	}
}
