package dockerfile

import (
	"strconv"
	"strings"

	"github.com/distribution/reference"
)

// Suspects returns the stages that may have such a fault: those whose names
// cannot be known from the text alone, or are wrong as they are.
func (p *File) Suspects() []*Stage {
	if p.suspected {
		return p.suspect
	}
	p.suspected = true
	for _, st := range p.Stages {
		if st.Platform != "" || strings.ContainsAny(st.Base, "$\"'\\`") || !p.known(st.Base, st.Index) || p.suspectFrom(st) {
			p.suspect = append(p.suspect, st)
		}
	}
	return p.suspect
}

func (p *File) suspectFrom(st *Stage) bool {
	for _, k := range st.Cmds {
		for _, f := range k.Froms {
			if n, err := strconv.Atoi(f.Name); err == nil && !f.Mount {
				if n < 0 || n >= len(p.Stages) {
					return true
				}
			} else if strings.Contains(f.Name, "$") || !p.known(strings.ToLower(f.Name), len(p.Stages)) && !validReference(f.Name) {
				return true
			}
		}
	}
	return false
}

// known says whether a name belongs to a stage before another one, or may be an
// image.
func (p *File) known(name string, limit int) bool {
	at, ok := p.Named[name]
	return ok && at[0] < limit || name == ScratchName || validReference(name)
}

func validReference(name string) bool {
	_, err := reference.ParseNormalizedNamed(name)
	return err == nil
}
