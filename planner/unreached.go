package planner

import (
	"slices"
	"strings"

	"github.com/orch-build/orch/planner/dockerfile"
)

// BuildKit looks at every stage of a Dockerfile before it follows those that a
// target needs: names that mean nothing are refused wherever they are. Other
// faults of a stage count only if it is needed.

// unreachedKey is equal for targets to which the names of a Dockerfile mean the
// same.
type unreachedKey struct {
	parsed *dockerfile.File
	values string
}

// checkUnreached reports the names in stages that the target does not reach and
// that BuildKit refuses nevertheless.
func (s *stageWork) checkUnreached() bool {
	suspects := s.names.parsed.Suspects()
	if len(suspects) == 0 {
		return true
	}
	key := unreachedKey{s.names.parsed, s.globalText()}
	if ok, done := s.work.parts.unreached[key]; done {
		return ok
	}
	ok := true
	for _, st := range suspects {
		if _, reached := s.memo[st.Index]; reached {
			continue
		}
		_, platformOK := s.names.stagePlatform(st)
		_, baseOK := s.names.baseName(st)
		ok = platformOK && baseOK && s.names.checkFroms(st) && ok
	}
	s.work.parts.unreached[key] = ok
	return ok
}

// globalText is what the names in FROM can depend on, in one text.
func (s *stageWork) globalText() string {
	var b strings.Builder
	for _, k := range s.names.globals.Keys() {
		if k != "TARGETSTAGE" || slices.ContainsFunc(s.names.parsed.Suspects(), func(st *dockerfile.Stage) bool { return strings.Contains(st.Base+st.Platform, k) }) {
			b.WriteString(k + "=" + s.names.globals[k] + "\x00")
		}
	}
	return b.String()
}
