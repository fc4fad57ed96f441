package dockerfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// TriggerPaths returns the paths of the main context that the ONBUILD triggers of an
// image read, as in Local.Paths: nil means the whole context, also where a path depends
// on a variable, and an empty slice means none.
// The triggers of an image are only known once a builder has looked at it;
// the triggers of stages are part of the plan.
func TriggerPaths(triggers []string) []string {
	paths := []string{}
	for _, expr := range triggers {
		cmds, err := parseTrigger(expr, &parser.Node{})
		if err != nil {
			continue // the frontend refuses it
		}
		for _, k := range cmds {
			read, known := k.reads()
			if !known || slices.Contains(read, "") {
				return nil
			}
			paths = append(paths, read...)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// TriggersTakeStages reports whether one of the ONBUILD triggers of an image
// takes something from a stage of the Dockerfile, or from another image.
func TriggersTakeStages(triggers []string) bool {
	for _, expr := range triggers {
		cmds, err := parseTrigger(expr, &parser.Node{})
		if err != nil {
			continue
		}
		for _, k := range cmds {
			if len(k.Froms) > 0 {
				return true
			}
		}
	}
	return false
}

// TakenOver are the ONBUILD triggers of a base, as a stage has them that starts from it.
func TakenOver(triggers []*Cmd, by *Stage) []*Cmd {
	out := make([]*Cmd, len(triggers))
	for i, k := range triggers {
		own := *k
		own.First, own.Last, own.trigger = by.First, by.FromEnd, true
		out[i] = &own
	}
	return out
}

// Trigger is the ONBUILD that an instruction comes from, or "" if the stage has it itself.
func (k *Cmd) Trigger() string {
	if !k.trigger {
		return ""
	}
	if _, ok := k.Command.(*instructions.OnbuildCommand); ok {
		return k.Text // one that means nothing is kept as it is
	}
	return "ONBUILD " + k.Text
}

// Told is what is wrong with an instruction, in sentences, with where it is written if
// that is not where the message points to.
func (k *Cmd) Told(text string) string {
	if !k.trigger {
		return text
	}
	if rest, ok := strings.CutSuffix(text, "."); ok && !strings.Contains(rest, ". ") {
		return fmt.Sprintf("%s, in %q of the base.", rest, k.Trigger())
	}
	return fmt.Sprintf("%s This is in %q of the base.", text, k.Trigger())
}

// reads lists the paths of the main context that an instruction reads, as
// written; known is false if they depend on a variable.
func (k *Cmd) reads() (paths []string, known bool) {
	if !k.HasFiles {
		return nil, true
	}
	var sources []string
	switch c := k.Command.(type) {
	case *instructions.CopyCommand:
		sources = c.SourcePaths
	case *instructions.AddCommand:
		sources = slices.DeleteFunc(slices.Clone(c.SourcePaths), IsRemote)
	default:
		// The fields of a mount are only read once variables are in place.
		return nil, false
	}
	for _, src := range sources {
		if strings.ContainsAny(src, "$\\\"'`") {
			return nil, false
		}
		paths = append(paths, ContextPath(src))
	}
	return paths, true
}
