package language

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/funcs"
	"github.com/orch-build/orch/internal/language/project"
	"github.com/orch-build/orch/planner"
)

// local shows the values of an axis.
func (h *hovering) local(f *definitionFile) {
	for _, b := range f.Body.Blocks {
		r := b.Range()
		if r.Start.Byte > h.offset || h.offset > r.End.Byte {
			continue
		}
		attr := b.Body.Attributes["matrix"]
		if attr == nil {
			h.say("A parameter of the function `%s`", strings.Join(b.Labels, ""))
			return
		}
		name := string(h.doc.Text[h.start:h.end])
		for _, e := range elements(attr.Expr) {
			if e.key == name {
				h.say("**%s** axis of the matrix", name)
				h.value(f, nil, e.value)
			}
		}
	}
}

// variable says what a variable or constant is, and where its value comes from.
func (h *hovering) variable(o occurrence) {
	if h.a == nil || h.a.Definition == nil {
		return
	}
	for _, m := range h.a.Definition.Modules() {
		if len(m.Files) == 0 || h.scope(h.a.Abs(m.Files[0].Name)) != o.scope {
			continue
		}
		for _, v := range h.a.Variables(m) {
			if v.Name != o.name {
				continue
			}
			h.say("**%s** variable `%s`", v.Name, cmp.Or(v.Type, "any"))
			h.say("%s", v.Description)
			if v.Value != nil {
				h.say("```hcl\n%s = %s\n```", v.Name, *v.Value)
				h.say("from %s", map[string]string{"environment": "the environment", "default": "its default", "import": "the import"}[v.Source])
			} else {
				h.say("It has no value.")
			}
			return
		}
		for _, f := range m.Files {
			if c := f.Constants[o.name]; c != nil {
				h.say("**%s** constant", o.name)
				if text, ok := h.a.Value(m, c.Expr, ""); ok {
					h.say("```hcl\n%s = %s\n```", o.name, text)
				}
				h.say("from %s:%d", c.Range.Filename, c.Range.Start.Line)
				return
			}
		}
	}
}

// function says what a function does.
func (h *hovering) function(o occurrence) {
	if f, ok := funcs.Standard(funcs.Machine{})[o.name]; ok {
		h.say("```hcl\n%s\n```", funcs.Signature(o.name, f))
		h.say("%s", funcs.Describe(o.name, f))
		return
	}
	h.say("**%s** function of the definition", o.name)
}

// target says what a target or group is.
func (h *hovering) target(o occurrence) {
	if h.a == nil || h.a.Config == nil {
		return
	}
	path := o.scope
	if path == "" {
		path = h.doc.Path
	}
	b := h.names.block(path, o.name)
	if o.kind == kindGroup {
		h.group(b)
		return
	}
	targets := h.a.Names.Blocks[b]
	word := string(h.doc.Text[h.start:h.end])
	for _, t := range targets {
		if len(targets) > 1 && (t.Name == word || strings.HasSuffix(t.Name, "."+word)) {
			targets = []*config.Target{t} // one of a matrix
			break
		}
	}
	if len(targets) > 1 {
		var list []string
		for _, t := range targets {
			list = append(list, t.Name)
		}
		h.say("**%s** makes %d targets: %s", o.name, len(targets), some(list))
		return
	}
	for _, t := range targets {
		h.oneTarget(t)
	}
}

func (h *hovering) group(b project.Block) {
	for _, g := range h.a.Definition.Groups() {
		if h.a.Names.Groups[g.Name] == b {
			h.say("**%s** group", g.Name)
			h.say("%s", g.Description)
			h.say("%s", some(g.Targets))
		}
	}
}

// oneTarget says what a target is built from, and with what it shares its stages.
func (h *hovering) oneTarget(t *config.Target) {
	h.say("**%s** target", t.Name)
	h.say("%s", t.Description)
	if t.Template {
		h.say("It is there to be inherited.")
	}
	var lines []string
	if file := h.a.DockerfileOf(t); file != "" {
		lines = append(lines, "Dockerfile: `"+h.a.Shown(file)+"`")
	}
	if t.Context.Raw != "" {
		lines = append(lines, "context: `"+t.Context.Raw+"`")
	}
	if len(t.Tags) > 0 {
		lines = append(lines, "tags: `"+some(t.Tags)+"`")
	}
	if len(t.Platforms) > 0 {
		var list []string
		for _, p := range t.Platforms {
			list = append(list, p.String())
		}
		lines = append(lines, "platforms: `"+some(list)+"`")
	}
	if b := h.a.Build(t.Name); b != nil {
		lines = append(lines, h.stages(b)...)
		ctx, cancel := context.WithTimeout(h.ctx, digestWait)
		defer cancel()
		digest, waiting := h.s.digests.get(ctx, h.a.Plan, t.Name)
		switch {
		case digest != "":
			lines = append(lines, "digest: `"+digest+"`")
		case waiting:
			lines = append(lines, "digest: being computed, see again in a moment")
		}
	}
	if len(lines) > 0 {
		h.say("%s", "- "+strings.Join(lines, "\n- "))
	}
}

// stages lists the stages of a build, and the targets that share them.
func (h *hovering) stages(b *planner.Build) []string {
	var own, lines []string
	sharing := map[string][]string{}
	var order []string
	for _, v := range h.a.Plan.Reached()[b.Name()] {
		if v.Kind != planner.Stage || slices.Contains(own, v.Name) {
			continue
		}
		own = append(own, v.Name)
		others := slices.DeleteFunc(slices.Clone(v.Targets), func(name string) bool { return name == b.Name() })
		if key := some(others); len(others) > 0 {
			if sharing[key] == nil {
				order = append(order, key)
			}
			sharing[key] = append(sharing[key], v.Name)
		}
	}
	if len(own) > 0 {
		lines = append(lines, "stages: "+some(own))
	}
	for _, key := range order {
		lines = append(lines, fmt.Sprintf("shares %s with %s", some(sharing[key]), key))
	}
	return lines
}

// stage says what a stage of a Dockerfile is, and who uses it.
func (h *hovering) stage(path, name string) {
	d := h.s.document(path)
	if d == nil {
		return
	}
	f := h.s.files.dockerfile(d)
	i, ok := f.parsed.Find(name)
	if !ok {
		return
	}
	st := f.parsed.Stages[i]
	h.say("**%s** stage of `%s`", st.Shown(), h.shown(path))
	h.say("```dockerfile\n%s\n```", st.Source)
	h.usedBy(path, i)
}

func (h *hovering) shown(path string) string {
	if h.a == nil {
		return path
	}
	return h.a.Shown(path)
}

// usedBy says which targets use a stage.
func (h *hovering) usedBy(path string, i int) {
	if h.a == nil || h.a.Dockerfiles[path] == nil {
		return
	}
	use := h.a.Dockerfiles[path]
	if ends := use.Ends[i]; len(ends) > 0 {
		h.say("built by %s", some(ends))
	}
	rest := slices.DeleteFunc(slices.Clone(use.Stages[i]), func(name string) bool { return slices.Contains(use.Ends[i], name) })
	switch {
	case len(rest) > 0:
		h.say("used by %s", some(rest))
	case use.Planned && len(use.Stages[i]) == 0:
		h.say("No target of the project uses it.")
	}
}

// arg says what values targets give to an argument.
func (h *hovering) arg(path, name string) {
	d := h.s.document(path)
	if d == nil {
		return
	}
	for _, arg := range h.s.files.dockerfile(d).arguments() {
		if arg.name == name {
			h.say("**%s** argument of `%s`", name, h.shown(path))
			h.say("```dockerfile\n%s\n```", arg.text)
		}
	}
	values := map[string][]string{}
	var order []string
	for _, target := range h.targetsOf(path) {
		t := h.a.Config.Target(target)
		if t == nil {
			continue
		}
		if v, ok := t.Args[name]; ok {
			if values[v] == nil {
				order = append(order, v)
			}
			values[v] = append(values[v], target)
		}
	}
	for _, v := range order {
		h.say("`%s` in %s", v, some(values[v]))
	}
}

// namedContext says what targets put in the place of a name.
func (h *hovering) namedContext(o occurrence) {
	for _, name := range h.targetsOf(o.scope) {
		t := h.a.Config.Target(name)
		if t == nil {
			continue
		}
		for key, c := range t.Contexts {
			if strings.EqualFold(key, o.name) {
				h.say("`%s` is `%s` in target %s", key, c.Raw, name)
			}
		}
	}
}
