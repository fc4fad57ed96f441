package planner

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/planner/dockerfile"
)

// names says what the names in a Dockerfile mean for a target on one platform,
// and reports those that mean nothing. It makes no vertices.
type names struct {
	faults   *fault.Report
	vertices *vertices // for the references of images
	source   *dockerfile.Source
	parsed   *dockerfile.File
	lex      *shell.Lex
	globals  dockerfile.Variables
	target   string // the platform, as vertices have it
}

// stagePlatform is the platform that FROM asks for, or the target's.
func (ns *names) stagePlatform(st *dockerfile.Stage) (string, bool) {
	if st.Platform == "" {
		return ns.target, true
	}
	at := ns.source.Word(st.First, st.FromEnd, "--platform="+st.Platform)
	text, err := dockerfile.Expand(ns.lex, st.Platform, ns.globals)
	if err != nil {
		ns.faults.Fail(at, "Invalid platform", "%s", fault.Sentence(fault.Cause(err).Error()))
		return "", false
	}
	pl, err := config.ParsePlatform(text)
	if err != nil {
		ns.faults.Fail(at, "Invalid platform", "The platform of stage %s is %q once its arguments are filled in, which is not a platform. Arguments of FROM are declared by ARG before the first FROM.", st.Shown(), text)
		return "", false
	}
	return platforms.FormatAll(pl), true
}

// baseName is what a FROM means.
type baseName struct {
	stage int       // the index of a stage, or -1
	image imageName // empty for a stage, and for scratch
}

// baseName reads what a FROM means, and reports it if that is nothing.
func (ns *names) baseName(st *dockerfile.Stage) (baseName, bool) {
	at := ns.source.Lines(st.First, st.FromEnd)
	none := baseName{stage: -1}
	name, err := dockerfile.Expand(ns.lex, st.Base, ns.globals)
	if err != nil {
		ns.faults.Fail(at, "Invalid base", "%s", fault.Sentence(fault.Cause(err).Error()))
		return none, false
	}
	if name == "" {
		ns.faults.Fail(at, "Empty base", "%q is empty once its arguments are filled in. Declare the argument before the first FROM, with a default, or set it in args of the target.", st.Base)
		return none, false
	}
	if i, ok := ns.parsed.Before(name, st.Index); ok {
		return baseName{stage: i}, true
	}
	if name == dockerfile.ScratchName {
		return none, true
	}
	ref := ns.vertices.imageName(name)
	if ref.err != nil {
		hint := ""
		if _, ok := ns.parsed.Before(strings.ToLower(name), st.Index); ok {
			hint = fmt.Sprintf(" Stages are known by their names in lower case here: write FROM %s.", strings.ToLower(name))
		}
		ns.faults.Fail(at, "Invalid base", "%q is neither an earlier stage nor an image: %s.%s", name, ref.err, hint)
		return none, false
	}
	return baseName{-1, ref}, true
}

// fail reports what is wrong with an instruction.
func (ns *names) fail(k *dockerfile.Cmd, at fault.Range, around *fault.Range, summary, format string, args ...any) {
	ns.faults.FailIn(at, around, summary, "%s", k.Told(fmt.Sprintf(format, args...)))
}

// refImage returns the image or context that a name means and that is not a stage's.
func (ns *names) refImage(k *dockerfile.Cmd, f dockerfile.From, at fault.Range) (imageName, bool) {
	ref := ns.vertices.imageName(f.Name)
	if ref.err != nil {
		ns.fail(k, at, nil, "Invalid source", "%q is neither a stage, nor a context of the target, nor an image: %s.%s",
			f.Name, ref.err, suggest.Sentence(f.Name, slices.Collect(maps.Keys(ns.parsed.Named))))
	}
	return ref, ref.err == nil
}

// refStage returns the index of the stage that a name means. COPY knows
// stages by their index too; mounts do not.
func (ns *names) refStage(k *dockerfile.Cmd, f dockerfile.From, at fault.Range) (i int, found, ok bool) {
	if !f.Mount {
		if strings.Contains(f.Name, "$") {
			ns.fail(k, at, nil, "Variable in --from", "COPY takes no variable in --from. Name the stage or image in a FROM of its own, as in FROM %s AS source, and copy from that.", f.Name)
			return 0, false, false
		}
		if n, err := strconv.Atoi(f.Name); err == nil {
			if n < 0 || n >= len(ns.parsed.Stages) {
				ns.fail(k, at, nil, "Unknown stage", "There is no stage %d: stages are counted from 0 to %d.", n, len(ns.parsed.Stages)-1)
				return 0, false, false
			}
			return n, true, true
		}
	}
	i, found = ns.parsed.Find(f.Name)
	return i, found, true
}

// steps returns the names on a way from one stage to another, or nil.
func (ns *names) steps(i, goal int, seen map[int]bool) []string {
	st := ns.parsed.Stages[i]
	if i == goal {
		return []string{st.Shown()}
	}
	if seen[i] {
		return nil
	}
	seen[i] = true
	for _, next := range ns.needs(st) {
		if rest := ns.steps(next, goal, seen); rest != nil {
			return append([]string{st.Shown()}, rest...)
		}
	}
	return nil
}

// needs returns the stages that one names, whatever comes of it.
func (ns *names) needs(st *dockerfile.Stage) []int {
	var out []int
	if name, err := dockerfile.Expand(ns.lex, st.Base, ns.globals); err == nil {
		if i, ok := ns.parsed.Before(name, st.Index); ok {
			out = append(out, i)
		}
	}
	for _, k := range st.Cmds {
		for _, f := range k.Froms {
			if n, err := strconv.Atoi(f.Name); err == nil && !f.Mount && n >= 0 && n < len(ns.parsed.Stages) {
				out = append(out, n)
			} else if i, ok := ns.parsed.Find(f.Name); ok {
				out = append(out, i)
			}
		}
	}
	return out
}

// baseStage returns the index of the earlier stage that a stage starts from.
func (ns *names) baseStage(st *dockerfile.Stage) (int, bool) {
	name, err := dockerfile.Expand(ns.lex, st.Base, ns.globals)
	if err != nil {
		return 0, false
	}
	return ns.parsed.Before(name, st.Index)
}

// checkFroms reports what the instructions of a stage name and that is nothing.
func (ns *names) checkFroms(st *dockerfile.Stage) bool {
	ok := true
	for _, k := range st.Cmds {
		for _, f := range k.Froms {
			at := ns.source.Word(k.First, k.Last, "from="+f.Name)
			if _, found, valid := ns.refStage(k, f, at); found || !valid {
				ok = ok && valid
				continue
			}
			if _, valid := ns.refImage(k, f, at); !valid {
				ok = false
			}
		}
	}
	return ok
}
