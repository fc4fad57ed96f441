package dockerfile

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/lazyregexp"
)

// Outline is what a Dockerfile offers to a target: the stages that it can
// build, the arguments that it can set, and the files that it must have.
type Outline struct {
	// Final lists the stages that no other stage of the file uses, in the
	// order of the file. The last stage of the file is always among them.
	Final []OutlineStage
	// Args lists the arguments that the file declares, each once, in order.
	// Those that the builder fills in by itself are not among them.
	Args []OutlineArg
	// Sources lists the paths that instructions copy from the main context. Of
	// one with a variable or a pattern it is the folder above, if that is fixed.
	Sources []string
	// Patterns lists the others, which look for files in the context itself.
	Patterns []string
}

// OutlineStage is a stage that can be built.
type OutlineStage struct {
	Name  string // "" if it has none
	Index int    // its place in the file, from 0
	Last  bool   // whether it is the last one, which a build ends in by itself
}

// OutlineArg is an argument of a Dockerfile.
type OutlineArg struct {
	Name string
	// Default is the value it has when none is given; nil if there is none,
	// if it depends on other arguments, or if stages differ in it.
	Default *string
}

// ReadOutline reads a Dockerfile. Its name is for the diagnostics.
func ReadOutline(name string, data []byte) (*Outline, fault.Diagnostics) {
	p := Parse(data)
	if len(p.Errs) > 0 {
		return nil, outlineErrors(name, data, p.Errs)
	}
	o := &Outline{}
	used := p.usedStages()
	for i, s := range p.Stages {
		if !used[i] {
			o.Final = append(o.Final, OutlineStage{Name: s.Name, Index: i, Last: i == len(p.Stages)-1})
		}
	}
	o.readArgs(p)
	defaults := defaultValues{}
	for _, a := range o.Args {
		if a.Default != nil {
			defaults[a.Name] = *a.Default
		}
	}
	for _, s := range p.Stages {
		for _, c := range s.Cmds {
			o.readSources(c.Command, func(path string) string {
				if whole, err := p.Lex.ProcessWordWithMatches(path, defaults); err == nil && len(whole.Unmatched) == 0 {
					return whole.Result
				}
				return path
			})
		}
	}
	return o, nil
}

func outlineErrors(name string, data []byte, errs []Error) fault.Diagnostics {
	src := NewSource(name, data)
	var diags fault.Diagnostics
	for _, e := range errs {
		diags = append(diags, &fault.Diagnostic{
			Severity: fault.Error,
			Summary:  "Invalid Dockerfile",
			Detail:   fault.Sentence(e.Msg),
			Subject:  src.Lines(e.Line, e.Line).Ptr(),
		})
	}
	return diags
}

// variableWord is a variable in a word of a Dockerfile.
var variableWord = lazyregexp.New(`\$(\{[^}]*\}|\w+)`)

// usedStages says which stages another stage starts or takes files from. A
// name with a variable stands for every stage that it can name.
func (p *File) usedStages() []bool {
	used := make([]bool, len(p.Stages))
	mark := func(word string, before int) {
		if i, err := strconv.Atoi(word); err == nil && i >= 0 && i < before {
			used[i] = true
			return
		}
		pattern := variableWord.ReplaceAllString(strings.ToLower(word), "*")
		for i, s := range p.Stages[:before] {
			if ok, err := path.Match(pattern, s.Name); ok && err == nil && s.Name != "" {
				used[i] = true
			}
		}
	}
	for i, s := range p.Stages {
		mark(s.Base, i)
		for _, c := range s.Cmds {
			for _, f := range c.Froms {
				mark(f.Name, i)
			}
		}
	}
	return used
}

// readArgs collects the arguments. A default before the first
// FROM holds for the stages that repeat the name alone.
func (o *Outline) readArgs(p *File) {
	global := map[string]*string{}
	at := map[string]int{}
	add := func(d Arg, value *string) {
		if IsAutomatic(d.Key) {
			return
		}
		i, seen := at[d.Key]
		if !seen {
			at[d.Key] = len(o.Args)
			o.Args = append(o.Args, OutlineArg{Name: d.Key, Default: value})
			return
		}
		if old := o.Args[i].Default; old != nil && (value == nil || *value != *old) {
			o.Args[i].Default = nil
		}
	}
	for _, c := range p.Args {
		for _, a := range c.Args {
			d := NewArg(a, p.Lex)
			global[d.Key] = d.plain()
			add(d, d.plain())
		}
	}
	for _, s := range p.Stages {
		for _, d := range s.Decls {
			value := d.plain()
			if !d.HasValue {
				value = global[d.Key]
			}
			add(d, value)
		}
	}
}

// plain returns the default, or nil if there is none that is known.
func (d *Arg) plain() *string {
	if !d.Fixed {
		return nil
	}
	return &d.Value
}

// automaticArgs are filled in by the builder, or passed on without being
// declared: https://docs.docker.com/reference/dockerfile/, "Predefined ARGs".
var automaticArgs = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY", "SOURCE_DATE_EPOCH", "TARGETSTAGE",
}

// IsAutomatic reports whether the builder fills in an argument by itself, or passes it on
// without being asked.
func IsAutomatic(name string) bool {
	for _, side := range []string{"BUILD", "TARGET"} {
		if rest, ok := strings.CutPrefix(name, side); ok {
			switch rest {
			case "PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT":
				return true
			}
		}
	}
	return slices.Contains(automaticArgs, strings.ToUpper(name)) || strings.HasPrefix(name, "BUILDKIT_")
}

// defaultValues are the arguments whose defaults are known.
type defaultValues map[string]string

// Get implements shell.EnvGetter.
func (d defaultValues) Get(name string) (string, bool) {
	value, ok := d[name]
	return value, ok
}

// Keys implements shell.EnvGetter.
func (d defaultValues) Keys() []string { return slices.Collect(maps.Keys(d)) }

// readSources collects what an instruction copies from the main context. A path with
// variables is expanded as far as that can be.
func (o *Outline) readSources(c instructions.Command, expand func(path string) string) {
	var paths []string
	switch c := c.(type) {
	case *instructions.CopyCommand:
		if c.From == "" {
			paths = c.SourcePaths
		}
	case *instructions.AddCommand:
		paths = c.SourcePaths
	case *instructions.RunCommand:
		// What a wrong mount says is said by the plan.
		_ = c.Expand(func(word string) (string, error) { return word, nil })
		for _, m := range instructions.GetMounts(c) {
			if m.Type == instructions.MountTypeBind && m.From == "" && path.Clean("/"+m.Source) != "/" {
				paths = append(paths, m.Source)
			}
		}
	}
	for _, s := range paths {
		s = expand(s)
		special := strings.IndexAny(s, "$*?[")
		switch {
		case IsRemote(s):
		case special < 0:
			o.Sources = append(o.Sources, s)
		case fixedFolder(s[:special]) != "":
			o.Sources = append(o.Sources, fixedFolder(s[:special]))
		case !strings.Contains(s, "$"):
			o.Patterns = append(o.Patterns, s)
		}
	}
}

// fixedFolder is the folder that a path is in whose beginning is known; "" if
// that is the context itself.
func fixedFolder(beginning string) string {
	dir := path.Clean(path.Dir(beginning + "x"))
	if dir == "." || dir == "/" {
		return ""
	}
	return dir
}
