package build

import (
	"fmt"
	"strings"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/site"
	"github.com/orch-build/orch/internal/usage"
)

// checkFleet says of the builders what is wrong, before anything is built.
func (r *Run) checkFleet() error {
	if note := site.Foreign(r.plan, r.site.Name(), r.site.Platform(), machine.LocalPlatform()); note != "" && r.Opt.Shown() {
		fmt.Fprintf(r.Stderr, "Note: %s\n", note)
	}
	s, ok := r.site.(*site.Fleet)
	if !ok {
		if err := site.Refused(r.site, r.plan); err != nil {
			return err
		}
		for _, text := range site.Unable(r.site, r.plan) {
			r.Notices.Warn(text)
		}
		return nil
	}
	if r.Opt.Publish == "each" && r.pushes() {
		return usage.Errorf("--publish=each and several builders contradict each other: their images are pushed by digest, and the tags move together at the end")
	}
	if err := s.Check(r.Session, r.plan); err != nil {
		return err
	}
	if idle := s.Idle(r.plan); len(idle) > 0 && r.Opt.Shown() {
		fmt.Fprintf(r.Stderr, "Note: nothing is built for the platforms of %s\n", strings.Join(idle, ", "))
	}
	return nil
}

// pushes says whether any image goes to a registry.
func (r *Run) pushes() bool {
	for _, b := range r.plan.Builds {
		for _, o := range b.Target.Outputs {
			if o.Push {
				return true
			}
		}
	}
	return false
}
