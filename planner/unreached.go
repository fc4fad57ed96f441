package planner

import (
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
)

// BuildKit looks at every stage of a Dockerfile before it follows those that a
// target needs: names that mean nothing are refused wherever they stand. Other
// faults of a stage count only if it is needed.

// suspects returns the stages that may have such a fault: those whose names
// cannot be told from the text alone, or are wrong as they are.
func (p *parsed) suspects() []*stage {
	if p.suspected {
		return p.suspect
	}
	p.suspected = true
	for _, st := range p.stages {
		if st.platform != "" || strings.ContainsAny(st.base, "$\"'\\`") || !p.known(st.base, st.index) || p.suspectFrom(st) {
			p.suspect = append(p.suspect, st)
		}
	}
	return p.suspect
}

func (p *parsed) suspectFrom(st *stage) bool {
	for _, k := range st.cmds {
		for _, f := range k.froms {
			if n, err := strconv.Atoi(f.name); err == nil && !f.mount {
				if n < 0 || n >= len(p.stages) {
					return true
				}
			} else if strings.Contains(f.name, "$") || !p.known(strings.ToLower(f.name), len(p.stages)) && !validReference(f.name) {
				return true
			}
		}
	}
	return false
}

// known says whether a name is that of a stage before another one, or may be an
// image.
func (p *parsed) known(name string, limit int) bool {
	at, ok := p.named[name]
	return ok && at[0] < limit || name == scratch || validReference(name)
}

func validReference(name string) bool {
	_, err := reference.ParseNormalizedNamed(name)
	return err == nil
}

// unreachedKey is equal for targets to which the names of a Dockerfile mean the
// same.
type unreachedKey struct {
	parsed *parsed
	values string
}

// checkUnreached reports the names in stages that the target does not reach and
// that BuildKit refuses nevertheless.
func (s *stageWork) checkUnreached() bool {
	suspects := s.parsed.suspects()
	if len(suspects) == 0 {
		return true
	}
	key := unreachedKey{s.parsed, s.globalText()}
	if ok, done := s.unreached[key]; done {
		return ok
	}
	ok := true
	for _, st := range suspects {
		if _, reached := s.memo[st.index]; reached {
			continue
		}
		_, platformOK := s.stagePlatform(st)
		_, baseOK := s.baseName(st)
		ok = platformOK && baseOK && s.checkFroms(st) && ok
	}
	s.unreached[key] = ok
	return ok
}

// globalText is what the names in FROM can depend on, in one text.
func (s *stageWork) globalText() string {
	var b strings.Builder
	for _, k := range s.globals.Keys() {
		if k != "TARGETSTAGE" || slices.ContainsFunc(s.parsed.suspects(), func(st *stage) bool { return strings.Contains(st.base+st.platform, k) }) {
			b.WriteString(k + "=" + s.globals[k] + "\x00")
		}
	}
	return b.String()
}

func (s *stageWork) checkFroms(st *stage) bool {
	ok := true
	for _, k := range st.cmds {
		for _, f := range k.froms {
			at := s.d.word(k.first, k.last, "from="+f.name)
			if _, found, valid := s.refStage(k, f, at); found || !valid {
				ok = ok && valid
				continue
			}
			if _, valid := s.refImage(f, at); !valid {
				ok = false
			}
		}
	}
	return ok
}
