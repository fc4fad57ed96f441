package explain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Only leaves the steps of a stage, as "build", or one of them, as "build-3".
func (t *Target) Only(part string) error {
	stage, nth := part, 0
	has := func(name string) bool {
		return slices.ContainsFunc(t.Steps, func(s *Step) bool { return strings.EqualFold(s.Stage, name) })
	}
	if !has(part) {
		i := strings.LastIndexByte(part, '-')
		n, err := strconv.Atoi(part[i+1:])
		if i < 0 || err != nil || !has(part[:i]) {
			return fmt.Errorf("target %s has no stage %q; it has %s", t.Name, part, strings.Join(t.stageNames(), ", "))
		}
		stage, nth = part[:i], n
	}
	var causes []*Cause
	t.Steps = slices.DeleteFunc(t.Steps, func(s *Step) bool {
		return !strings.EqualFold(s.Stage, stage) || nth > 0 && s.Nth != nth
	})
	if len(t.Steps) == 0 {
		return fmt.Errorf("stage %s of target %s has no step %d", stage, t.Name, nth)
	}
	t.Seconds = 0
	for _, s := range t.Steps {
		if s.Will == Run {
			t.Seconds += s.Seconds
		}
		if s.cause != nil && !slices.Contains(causes, s.cause) {
			causes = append(causes, s.cause)
		}
	}
	t.Causes = causes
	return nil
}

func (t *Target) stageNames() []string {
	var out []string
	for _, s := range t.Steps {
		if !slices.Contains(out, s.Stage) {
			out = append(out, s.Stage)
		}
	}
	return out
}
