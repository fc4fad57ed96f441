package print

import (
	"strings"

	"github.com/orch-build/orch/config/policy"
)

// policies says which source policies hold for a target.
func policies(s *policy.Set) string {
	if s == nil {
		return ""
	}
	var out []string
	for i := range s.Policies {
		name := s.Policies[i].Name()
		if s.Policies[i].Strict {
			name += " (strict)"
		}
		out = append(out, name)
	}
	if s.Unseen != "" {
		out = append(out, s.Unseen+" (if the context has it)")
	}
	if len(s.Off) > 0 {
		out = append(out, "switched off: "+strings.Join(s.Off, ", "))
	}
	return strings.Join(out, "; ")
}

// documentPolicies are the source policies of a target for programs.
func documentPolicies(s *policy.Set) (out []DocumentPolicy, off []string) {
	if s == nil {
		return nil, nil
	}
	if s.Unseen != "" {
		out = append(out, DocumentPolicy{Files: []string{s.Unseen}, Unseen: true})
	}
	for _, p := range s.Policies {
		d := DocumentPolicy{Files: []string{}, BuiltIn: p.BuiltIn, Strict: p.Strict, LogLevel: p.LogLevel}
		for _, f := range p.Files {
			d.Files = append(d.Files, f.Name)
		}
		out = append(out, d)
	}
	return out, s.Off
}
