package check

import (
	"fmt"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/planner"
)

// told is what is said of a target, or of several that share a line of the
// definition: those of a matrix, and those that inherit it.
type told struct {
	severity      fault.Severity
	at            fault.Range
	summary, text string
	flags         string // that changed the target
}

type telling struct {
	diag    *fault.Diagnostic
	targets []string
	who     string // what the text begins with
}

// fail reports what is wrong with a target, once for all those of one line.
func (ck *checker) fail(b *planner.Build, at fault.Range, summary, format string, args ...any) {
	ck.tell(b, told{severity: fault.Error, at: at, summary: summary, text: fmt.Sprintf(format, args...)})
}

// warn is fail for a warning.
func (ck *checker) warn(b *planner.Build, at fault.Range, summary, format string, args ...any) {
	ck.tell(b, told{severity: fault.Warning, at: at, summary: summary, text: fmt.Sprintf(format, args...)})
}

func (ck *checker) tell(b *planner.Build, what told) {
	if len(b.Target.Overridden) > 0 {
		what.flags = fmt.Sprint(b.Target.Overridden)
	}
	t := ck.told[what]
	if t == nil {
		t = &telling{diag: &fault.Diagnostic{Severity: what.severity, Summary: what.summary, Detail: what.text, Subject: &what.at}}
		ck.told[what] = t
		ck.report.Diags = append(ck.report.Diags, t.diag)
	}
	if n := len(t.targets); n > 0 && t.targets[n-1] == b.Name() { // several outputs may have the fault
		return
	}
	rest := strings.TrimPrefix(t.diag.Detail, t.who) // with what pointAtFlag has added
	t.targets = append(t.targets, b.Name())
	t.who = fmt.Sprintf("Target %q: ", b.Name())
	if len(t.targets) > 1 {
		t.who = "Targets " + fault.Names(t.targets) + ": "
	}
	t.diag.Detail = t.who + rest
}

// pointAtFlag says of faults of an attribute that they are on the command line, if
// that is where it was written: the definition has no place for them.
func pointAtFlag(t *config.Target, attr string, faults fault.Diagnostics) {
	flag := t.Overridden[attr]
	if flag == "" {
		return
	}
	for _, d := range faults {
		if d.Subject != nil && *d.Subject == t.Range {
			d.Subject = nil
			d.Detail += fmt.Sprintf(" This was set by %s.", flag)
		}
	}
}
