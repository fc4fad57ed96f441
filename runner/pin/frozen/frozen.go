// Package frozen says what a lock lacks for a run that takes nothing else. It
// asks nobody: what is locked is known, and what is not is wrong.
package frozen

import (
	"strings"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/shellquote"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner/outside"
	"github.com/orch-build/orch/runner/pin"
)

// For is what everything has to be in the lock for.
type For int

// A run that takes nothing else, one without a network, and a bundle.
const (
	Run For = iota
	OfflineRun
	Bundle
)

// Check reports what targets take that is not in the lock; nil means no lock. Mends is
// the command that adds it.
func Check(list *outside.List, held *lock.Lock, what For, mends string) fault.Diagnostics {
	var r fault.Report
	because, instead := ", and the run is frozen", " To build with what it means now: --frozen=false."
	switch what {
	case OfflineRun:
		because, instead = ", and the run is offline", ""
	case Bundle:
		because, instead = "", ""
	}
	for _, m := range list.Missing(held) {
		mend := "Run " + shellquote.InText(mends) + ", which adds it, and commit the lock."
		if held == nil {
			mend = "There is no " + lock.FileName + ". Run " + shellquote.InText(mends) + ", and commit what it writes."
		}
		r.Fail(m.At, "Not locked", "The %s %s, of %s, is %s%s. %s%s",
			m.Kind.Words(), pin.Familiar(m.Name), strings.Join(m.Targets, ", "), m.Why, because, mend, instead)
	}
	if what == Bundle {
		credentials(&r, list)
	}
	return r.Diags
}

// Unpinned refuses a definition from elsewhere of which nothing says which one it is.
func Unpinned(url, mends string) error {
	return usage.Errorf("the definition %s is not in the lock, and the run is frozen. Run %s and commit the lock, or write the commit behind the #", config.Redacted(url), shellquote.InText(mends))
}

// credentials reports URLs that a bundle would have to name as they are, so that a
// definition is recognized.
func credentials(r *fault.Report, list *outside.List) {
	for _, it := range list.Items {
		for _, s := range it.Sources {
			if len(config.Credentials(s.ID)) == 0 {
				continue
			}
			r.Fail(it.At, "Credentials in a URL", "The %s %s, of %s, has credentials in its URL, which a bundle must not hold. "+
				"A server that takes a bearer token gets it from the secret HTTP_AUTH_TOKEN_%[4]s, another header from HTTP_AUTH_HEADER_%[4]s.",
				it.Kind.Words(), pin.Familiar(it.Name), strings.Join(it.Targets, ", "), config.HostName(s.ID))
			break
		}
	}
}

// Offline reports what is not in a bundle, and the command that writes it anew.
func Offline(missing []outside.Missing, mends string) fault.Diagnostics {
	var r fault.Report
	for _, m := range missing {
		r.Fail(m.At, "Not in the bundle", "The %s %s, of %s, is %s, and the run is offline. Run %s where there is a network.",
			m.Kind.Words(), pin.Familiar(m.Name), strings.Join(m.Targets, ", "), m.Why, shellquote.InText(mends))
	}
	return r.Diags
}

// Old reports the entries that were looked up too long ago, as errors or warnings. Mends
// is the command that looks one up anew.
func Old(held *lock.Lock, age time.Duration, as fault.Severity, now time.Time, mends func(name string) string) fault.Diagnostics {
	var r fault.Report
	for _, e := range held.Entries() {
		if age == 0 || e.Resolved.IsZero() || now.Sub(e.Resolved) <= age {
			continue
		}
		report := r.Warn
		if as == fault.Error {
			report = r.Fail
		}
		report(e.Range, "Old entry in the lock", "The %s %s was looked up on %s, which is longer ago than the max-age of the lock block. Run %s.",
			e.Kind.Words(), pin.Familiar(e.Name), e.Resolved.Format(time.DateOnly), shellquote.InText(mends(e.Name)))
	}
	return r.Diags
}
