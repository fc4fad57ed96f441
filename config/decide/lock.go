package decide

import (
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/internal/suggest"
)

// LockAge says how old the entries of a lock may be.
type LockAge struct {
	Max   time.Duration // 0 is any age
	Fails bool          // an older one is an error
}

// tooOld are the words for what an older entry is.
var tooOld = []string{"warning", "error"}

// NewLockAge reads the attributes of a lock block; at is where each is written.
func NewLockAge(s attribute.SkipSettings, at func(attr string) hcl.Range) (LockAge, hcl.Diagnostics) {
	var out LockAge
	var diags hcl.Diagnostics
	fail := func(attr, format string, args ...any) {
		where := at(attr)
		diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Invalid value in a lock block", Detail: fmt.Sprintf(format, args...), Subject: &where})
	}
	if text, ok := s["max-age"]; ok {
		if out.Max, ok = age(text); !ok {
			fail("max-age", "%q is not a duration: write one as 12h or 30d.", text)
		}
	}
	switch text, ok := s["too-old"]; {
	case !ok || text == tooOld[0]:
	case text == tooOld[1]:
		out.Fails = true
	default:
		fail("too-old", "%q is neither warning nor error.%s", text, suggest.Sentence(text, tooOld))
	}
	return out, diags
}
