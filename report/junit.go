package report

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
)

// The form of JUnit's XML that CI systems read.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Seconds  string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Seconds string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
		Skipped *junitSkipped `xml:"skipped,omitempty"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		// Text is the output again: some systems show nothing else.
		Text string `xml:",chardata"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
)

// WriteJUnit writes the results of the tests, a suite for each target that has
// any. Tests of a target that did not come to them are skipped.
func WriteJUnit(path string, report *runner.Report) error {
	var all junitSuites
	for _, t := range report.Targets {
		if len(t.Build.Target.Tests) > 0 {
			s := junitOf(t)
			all.Suites = append(all.Suites, s)
			all.Tests += s.Tests
			all.Failures += s.Failures
		}
	}
	data, err := xml.MarshalIndent(all, "", "  ")
	if err == nil {
		err = output.WriteFile(path, []byte(xml.Header+string(data)+"\n"), 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing test results: %w", err)
	}
	return nil
}

func junitOf(t *runner.TargetReport) junitSuite {
	results := map[string]runner.TestResult{}
	for _, r := range t.Tests() {
		results[r.Name] = r
	}
	s := junitSuite{Name: termtext.XML(t.Name())}
	var total float64
	for _, test := range t.Build.Target.Tests {
		c := junitCase{Name: termtext.XML(test.Name), Class: termtext.XML(t.Name()), Seconds: "0"}
		r, ran := results[test.Name]
		switch {
		case !ran:
			s.Skipped++
			c.Skipped = &junitSkipped{Message: "the target is " + t.State.String()}
		default:
			total += r.Took.Seconds()
			c.Seconds = fmt.Sprintf("%.3f", r.Took.Seconds())
			c.Output = termtext.XML(strings.Join(r.Output, "\n"))
			if r.Failure != "" {
				s.Failures++
				c.Failure = &junitFailure{Message: termtext.XML(r.Failure), Type: "failure", Text: c.Output}
			}
		}
		s.Cases = append(s.Cases, c)
	}
	s.Tests = len(s.Cases)
	s.Seconds = fmt.Sprintf("%.3f", total)
	return s
}

// passedTests counts the tests of a run.
func passedTests(report *runner.Report) int {
	n := 0
	for _, t := range report.Targets {
		n += len(t.Tests())
	}
	return n
}
