package planner

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/planner/dockerfile"
)

// predefined arguments need no ARG: those of BuildKit's Dockerfile reference,
// "Predefined ARGs" and "BuildKit built-in build args".
var predefined = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY", "SOURCE_DATE_EPOCH",
}

// checkArgs notes which arguments the Dockerfile declares, and warns of those
// that change with every run and are above steps that do not use them.
func (p *planner) checkArgs(b *Build) {
	d := p.parsedFor[b]
	if len(b.Target.Args) == 0 {
		return
	}
	if d == nil || d.parsed == nil {
		for name := range b.Target.Args {
			p.lines.note(b, "args", name, true)
		}
		return
	}
	known := p.argsOf(d)
	for _, name := range slices.Sorted(maps.Keys(b.Target.Args)) {
		if known.declared[name] {
			p.checkVolatile(b, d, name)
			p.lines.note(b, "args", name, true)
			continue
		}
		p.lines.note(b, "args", name, known.triggers)
		if strings.HasPrefix(name, "BUILDKIT_") || slices.Contains(predefined, strings.ToUpper(name)) || platformArg(name) {
			p.lines.note(b, "args", name, true)
		}
	}
}

// checkContextNames warns of contexts that nothing can mean, and notes which
// of the others a stage takes: BuildKit looks for images by the short form of
// their names.
func (p *planner) checkContextNames(b *Build) {
	for _, name := range slices.Sorted(maps.Keys(b.Target.Contexts)) {
		if p.parsedFor[b] == nil {
			p.lines.note(b, "contexts", name, true)
			continue
		}
		if want := contextKey(strings.ToLower(name)); want != name {
			p.Warn(contextRange(b.Target, "contexts."+name), "Context without effect", "No FROM and no --from means the context %q of target %q: BuildKit looks for it by the name %q.",
				name, b.Name(), want)
			continue
		}
		p.lines.note(b, "contexts", name, p.usedContexts[b][name])
	}
}

// knownArgs is what the checks have to know of a Dockerfile.
type knownArgs struct {
	declared map[string]bool
	triggers bool                      // an ONBUILD may declare more
	stages   map[int]*dockerfile.Stage // by the line of FROM
}

// argsOf reads it once for all targets of a Dockerfile.
func (p *planner) argsOf(d *file) *knownArgs {
	if k := p.args[d.parsed]; k != nil {
		return k
	}
	k := &knownArgs{declared: map[string]bool{}, stages: map[int]*dockerfile.Stage{}}
	p.args[d.parsed] = k
	for _, c := range d.parsed.Args {
		for _, a := range c.Args {
			k.declared[a.Key] = true
		}
	}
	for _, s := range d.parsed.Stages {
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
	volatileName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(^|_)(git_?(sha|commit|rev|hash|ref)|commit(_?(sha|hash|id))?|vcs_ref|revision|build_?(date|time|id|number)|timestamp|created)$`)
	})
	volatileValue = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*)$`)
	})
)

// checkVolatile warns of steps that run anew whenever an argument changes that
// they do not use: all RUN steps below an ARG have it in their environment.
func (p *planner) checkVolatile(b *Build, d *file, name string) {
	if b.Target.Volatile[name] == "" && !volatileName().MatchString(name) && !volatileValue().MatchString(b.Target.Args[name]) {
		return
	}
	for _, v := range p.reach[b.Name()] {
		if v.Kind != Stage || v.Dockerfile != d.Dockerfile {
			continue
		}
		if key := (sameVolatile{v, name}); !p.volatile[key] {
			p.volatile[key] = true
			p.volatileAbove(b, d, p.stagesTo(d, v), name)
		}
	}
}

// sameVolatile is a stage that was looked at already for an argument.
type sameVolatile struct {
	v    *Vertex
	name string
}

// stagesTo returns the stages of a Dockerfile that a vertex is built on, and
// that of the vertex itself at the end: an ARG holds for the stages on top too.
func (p *planner) stagesTo(d *file, v *Vertex) []*dockerfile.Stage {
	var out []*dockerfile.Stage
	for v.Kind == Stage && v.Dockerfile == d.Dockerfile {
		s := p.argsOf(d).stages[v.Range.Start.Line]
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
func (p *planner) volatileAbove(b *Build, d *file, stages []*dockerfile.Stage, name string) {
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
					p.warnVolatile(b, d, arg, k, name)
					return
				}
			}
		}
	}
}

func (p *planner) warnVolatile(b *Build, d *file, arg, run *dockerfile.Cmd, name string) {
	if p.volatileAt[arg] {
		return
	}
	p.volatileAt[arg] = true
	p.Warn(d.source.Lines(arg.First, arg.Last), "Argument above steps that do not use it",
		"%s changes from run to run%s, and the RUN at %s:%d, which does not use it, runs again each time: every RUN below an ARG has it in its environment. Move the ARG down to where it is used.",
		name, volatileFrom(b, name), d.Name, run.First)
}

// volatileFrom says in brackets where the value of an argument comes from, as
// far as that is known.
func volatileFrom(b *Build, name string) string {
	cause, at := b.Target.Volatile[name], contextRange(b.Target, "args."+name)
	switch {
	case at.Filename == "":
		return ""
	case cause == "":
		return fmt.Sprintf(" (it is set at %s)", fault.Place(at))
	}
	return fmt.Sprintf(" (it is %s, at %s)", cause, fault.Place(at))
}
