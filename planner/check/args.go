package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/dockerfile"
)

// predefined arguments need no ARG: those of BuildKit's Dockerfile reference,
// "Predefined ARGs" and "BuildKit built-in build args".
var predefined = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY", "SOURCE_DATE_EPOCH",
}

// checkArgs notes which arguments the Dockerfile declares, and warns of those
// that change with every run and are above steps that do not use them.
func (ck *checker) checkArgs(b *planner.Build) {
	d := b.Parsed
	if len(b.Target.Args) == 0 {
		return
	}
	if d == nil {
		for name := range b.Target.Args {
			ck.uses.note(b, "args", name, true)
		}
		return
	}
	known := ck.argsOf(d.File)
	for _, name := range slices.Sorted(maps.Keys(b.Target.Args)) {
		if known.declared[name] {
			ck.checkVolatile(b, name)
			ck.uses.note(b, "args", name, true)
			continue
		}
		ck.uses.note(b, "args", name, known.triggers)
		if strings.HasPrefix(name, "BUILDKIT_") || slices.Contains(predefined, strings.ToUpper(name)) || platformArg(name) {
			ck.uses.note(b, "args", name, true)
		}
	}
}

// checkContextNames warns of contexts that nothing can mean, and notes which
// of the others a stage takes: BuildKit looks for images by the short form of
// their names.
func (ck *checker) checkContextNames(b *planner.Build) {
	for _, name := range slices.Sorted(maps.Keys(b.Target.Contexts)) {
		if b.Parsed == nil {
			ck.uses.note(b, "contexts", name, true)
			continue
		}
		if want := planner.ContextKey(strings.ToLower(name)); want != name {
			ck.report.Warn(planner.ContextRange(b.Target, "contexts."+name), "Context without effect", "No FROM and no --from means the context %q of target %q: BuildKit looks for it by the name %q.",
				name, b.Name(), want)
			continue
		}
		ck.uses.note(b, "contexts", name, b.Used[name])
	}
}

// knownArgs is what the checks have to know of a Dockerfile.
type knownArgs struct {
	declared map[string]bool
	triggers bool                      // an ONBUILD may declare more
	stages   map[int]*dockerfile.Stage // by the line of FROM
}

// argsOf reads it once for all targets of a Dockerfile.
func (ck *checker) argsOf(d *dockerfile.File) *knownArgs {
	if k := ck.args[d]; k != nil {
		return k
	}
	k := &knownArgs{declared: map[string]bool{}, stages: map[int]*dockerfile.Stage{}}
	ck.args[d] = k
	for _, c := range d.Args {
		for _, a := range c.Args {
			k.declared[a.Key] = true
		}
	}
	for _, s := range d.Stages {
		k.stages[s.First] = s
		for _, a := range s.Decls {
			k.declared[a.Key] = true
		}
		for _, c := range s.Cmds {
			k.triggers = k.triggers || len(c.Onbuild) > 0
		}
	}
	return k
}

// platformArg says whether an argument is one that BuildKit sets by itself.
func platformArg(name string) bool {
	for _, prefix := range []string{"TARGET", "BUILD"} {
		switch strings.TrimPrefix(name, prefix) {
		case "PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT", "STAGE":
			return true
		}
	}
	return false
}

// volatileName and volatileValue match arguments that are different in nearly
// every run: commits and times.
var (
	volatileName  = lazyregexp.New(`(?i)(^|_)(git_?(sha|commit|rev|hash|ref)|commit(_?(sha|hash|id))?|vcs_ref|revision|build_?(date|time|id|number)|timestamp|created)$`)
	volatileValue = lazyregexp.New(`^([0-9a-f]{40}|[0-9a-f]{64}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*)$`)
)

// checkVolatile warns of steps that run anew whenever an argument changes that
// they do not use: all RUN steps below an ARG have it in their environment.
func (ck *checker) checkVolatile(b *planner.Build, name string) {
	if b.Target.Volatile[name] == "" && !volatileName.MatchString(name) && !volatileValue.MatchString(b.Target.Args[name]) {
		return
	}
	for _, v := range ck.reach[b.Name()] {
		if v.Kind != planner.Stage || v.Dockerfile != b.Dockerfile {
			continue
		}
		if key := (sameVolatile{v, name}); !ck.volatile[key] {
			ck.volatile[key] = true
			ck.volatileAbove(b, ck.stagesTo(b, v), name)
		}
	}
}

// sameVolatile is a stage that was looked at already for an argument.
type sameVolatile struct {
	v    *planner.Vertex
	name string
}

// stagesTo returns the stages of a Dockerfile that a vertex is built on, and
// that of the vertex itself at the end: an ARG holds for the stages on top too.
func (ck *checker) stagesTo(b *planner.Build, v *planner.Vertex) []*dockerfile.Stage {
	var out []*dockerfile.Stage
	for v.Kind == planner.Stage && v.Dockerfile == b.Dockerfile {
		s := ck.argsOf(b.Parsed.File).stages[v.Range.Start.Line]
		if s == nil {
			break
		}
		out = append(out, s)
		v = v.Inputs[0].From
	}
	slices.Reverse(out)
	return out
}

// volatileAbove looks for the first RUN below an ARG. One that uses the
// argument has to run again, and so have all below it.
func (ck *checker) volatileAbove(b *planner.Build, stages []*dockerfile.Stage, name string) {
	var arg *dockerfile.Cmd
	for _, s := range stages {
		for _, k := range s.Cmds {
			switch c := k.Command.(type) {
			case *instructions.ArgCommand:
				if slices.ContainsFunc(c.Args, func(a instructions.KeyValuePairOptional) bool { return a.Key == name }) {
					arg = k
				}
			case *instructions.RunCommand:
				switch {
				case arg == nil:
				case slices.ContainsFunc(k.Words, func(w string) bool { return strings.Contains(w, name) }):
					return
				default:
					ck.warnVolatile(b, arg, k, name)
					return
				}
			}
		}
	}
}

func (ck *checker) warnVolatile(b *planner.Build, arg, run *dockerfile.Cmd, name string) {
	if ck.volatileAt[arg] {
		return
	}
	ck.volatileAt[arg] = true
	ck.report.Warn(ck.lines.of(b.Dockerfile).Lines(arg.First, arg.Last), "Argument above steps that do not use it",
		"%s changes from run to run%s, and the RUN at %s:%d, which does not use it, runs again each time: every RUN below an ARG has it in its environment. Move the ARG down to where it is used.",
		name, volatileFrom(b, name), b.Dockerfile.Name, run.First)
}

// volatileFrom says in brackets where the value of an argument comes from, as
// far as that is known.
func volatileFrom(b *planner.Build, name string) string {
	cause, at := b.Target.Volatile[name], planner.ContextRange(b.Target, "args."+name)
	switch {
	case at.Filename == "":
		return ""
	case cause == "":
		return fmt.Sprintf(" (it is set at %s)", fault.Place(at))
	}
	return fmt.Sprintf(" (it is %s, at %s)", cause, fault.Place(at))
}
