// Package project reads a definition with everything that belongs to it, as it is in
// an editor at the moment: perhaps broken, perhaps not saved. It finds what
// 'orch validate --deep' finds, and keeps what is known of the targets.
//
// It knows what files say together, and nothing of what an editor asks: where a
// cursor is, what is shown. It sends nothing and starts nothing.
package project

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/language/document"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/check"
	"github.com/orch-build/orch/planner/dockerfile"
	"github.com/orch-build/orch/schema"
)

// Machine is what is around a definition.
type Machine struct {
	// Options returns what a definition in a folder depends on besides its files.
	Options func(dir string) config.Options
	// BuildPlatform is that of the builder.
	BuildPlatform string
	// May says whether a file may be read for a definition in a folder, and MayPlan
	// whether the files of a target may; nil allows all. An editor opens folders of
	// others, and nobody is asked.
	May     func(dir, path string) bool
	MayPlan func(dir string, t *config.Target) bool
	// Repair is project.Repair, or what remembers what it found; nil is the former.
	Repair func(*document.Document) Repaired
	// Names are the sets of files that are looked for; the first set of which one
	// is there counts.
	Names [][]string
}

// Project is a definition in a folder.
type Project struct {
	Dir string // absolute
	// Files are the names of the definition's files, from Dir; without any, those
	// that every command looks for.
	Files []string
}

// Analysis is what was found out about a project. It does not change any more, but
// for what Value remembers.
type Analysis struct {
	Project
	// Version counts analyses.
	Version int
	// Files are the paths of the definition's files, imported ones too; Main are
	// those that were not imported.
	Files, Main []string
	// Documents are the texts that were read, by their paths.
	Documents map[string]*document.Document
	// Definition, Config and Plan are what the files say; where they are wrong,
	// those of the last analysis that had them, or nil.
	Definition *config.Definition
	Config     *config.Config
	Plan       *planner.Plan
	// Diags are what is wrong, with absolute paths.
	Diags hcl.Diagnostics
	// Dockerfiles are those of the targets, by their paths.
	Dockerfiles map[string]*Dockerfile
	// Names says what names mean.
	Names *Names

	broken []string   // the targets in whose blocks something could not be parsed
	mu     sync.Mutex // of evaluating expressions
}

// Dockerfile is a Dockerfile of a project.
type Dockerfile struct {
	Path string
	// Targets use it, in order.
	Targets []string
	// Planned says that Stages is known: for each stage the targets that reach it.
	Planned bool
	Stages  map[int][]string
	// Ends are the targets that end in a stage.
	Ends map[int][]string
	// Builds are those of the plan, by the names of their targets.
	Builds map[string]*planner.Build
}

// Find lists the names of the definition's files in a folder, as every command
// looks for them; without a Compose reader, not those of Compose.
func (m Machine) Find(view *document.View, compose bool) []string {
	for _, set := range m.Names {
		var found []string
		for _, name := range set {
			if syntax, _ := schema.SyntaxOf(name); syntax == schema.Compose && !compose {
				continue
			}
			if text, err := view.ReadFile(name); err == nil && len(text) > 0 {
				found = append(found, name)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// Analyze reads a project. It returns nil once ctx is done. last is what the
// analysis before found, or nil.
func (p Project) Analyze(ctx context.Context, m Machine, view *document.View, last *Analysis) *Analysis {
	a := &Analysis{Project: p, Dockerfiles: map[string]*Dockerfile{}}
	r := &reader{View: view, found: map[string]Repaired{}, repair: m.Repair, may: func(path string) bool { return m.May == nil || m.May(p.Dir, path) }}
	opts := m.Options(p.Dir)
	opts.Files, opts.Host, opts.All = r, host{r}, true
	names := p.Files
	if len(names) == 0 {
		names = m.Find(view, opts.Compose != nil)
	}
	found := a.resolve(ctx, names, opts, r)
	if ctx.Err() != nil {
		return nil
	}
	if a.Config != nil {
		a.plan(m, view, found)
	}
	if ctx.Err() != nil {
		return nil
	}
	a.keep(last)
	a.placeAll(view)
	a.Documents = view.Documents()
	for path := range r.found {
		if d, err := view.Document(path); err == nil {
			a.Documents[path] = d
			a.Files = append(a.Files, path)
		}
	}
	slices.Sort(a.Files)
	for _, name := range names {
		a.Main = append(a.Main, view.Abs(name))
	}
	a.files()
	a.names()
	return a
}

// resolve evaluates the files, and returns whether something is wrong with them.
func (a *Analysis) resolve(ctx context.Context, names []string, opts config.Options, r *reader) (wrong bool) {
	var files []*schema.File
	for _, name := range names {
		text, err := r.ReadFile(name)
		if err != nil {
			continue
		}
		f, diags := config.Parse(name, text, &opts)
		a.Diags = append(a.Diags, diags...)
		if !f.Broken {
			files = append(files, f)
		}
	}
	var diags hcl.Diagnostics
	a.Definition, diags = config.Evaluate(files, opts)
	if ctx.Err() != nil {
		return true
	}
	cfg, more := a.Definition.Choose()
	diags = append(diags, more...)
	a.Config = cfg
	for range 3 {
		if a.Config != nil || !more.HasErrors() || ctx.Err() != nil {
			break
		}
		// The other targets are shown as they are.
		broken := a.blamed(slices.DeleteFunc(more, func(d *hcl.Diagnostic) bool { return d.Severity != hcl.DiagError }))
		if len(broken) == 0 {
			break
		}
		opts.Except = append(opts.Except, broken...)
		d, _ := config.Evaluate(files, opts)
		a.Config, more = d.Choose()
	}
	syntax, lossy := r.diags()
	if lossy {
		diags = slices.DeleteFunc(diags, missing)
	}
	a.broken = a.blamed(syntax)
	a.Diags = append(append(a.Diags, syntax...), diags...)
	return a.Diags.HasErrors()
}

// missing reports whether a diagnostic may be about something that is in a block
// which was left out.
func missing(d *hcl.Diagnostic) bool {
	text := strings.ToLower(d.Summary)
	return strings.Contains(text, "unknown") || strings.Contains(text, "not found") || strings.Contains(text, "no target")
}

// blamed lists the targets in whose blocks diagnostics are.
func (a *Analysis) blamed(diags hcl.Diagnostics) []string {
	targets, _ := a.Definition.Places()
	var out []string
	for _, d := range diags {
		if d.Subject == nil {
			continue
		}
		// The block is the last that begins above the error.
		best := hcl.Range{}
		var names []string
		for name, at := range targets {
			if a.abs(at.Filename) != a.abs(d.Subject.Filename) || at.Start.Line > d.Subject.Start.Line || at.Start.Line < best.Start.Line {
				continue
			}
			if at.Start.Line > best.Start.Line {
				best, names = at, nil
			}
			names = append(names, name)
		}
		out = append(out, names...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// plan makes the plan, and checks it. Of a target in whose block something is wrong,
// only what is wrong in its Dockerfile is reported. Targets that cannot be planned
// are left out, so that something is known of the others.
func (a *Analysis) plan(m Machine, view *document.View, wrong bool) {
	opt := planner.Options{Files: view, Dir: a.Dir, BuildPlatform: m.BuildPlatform}
	// What the parser refused has an absolute path, and is only one line.
	bad := a.blamed(slices.DeleteFunc(slices.Clone(a.Diags), func(d *hcl.Diagnostic) bool {
		return d.Severity != hcl.DiagError || strings.HasPrefix(d.Summary, "Unknown attr") || filepath.IsAbs(name(d))
	}))
	cfg := a.allowed(m, a.Config.WithoutTemplates())
	for range 3 {
		plan, diags := planner.New(cfg, opt)
		a.Config.Hide(plan.Credentials...)
		failed := diags.HasErrors()
		if !failed {
			a.Plan = plan
			diags = append(diags, check.Check(plan, check.Options{Files: view, Dir: a.Dir, Independent: true})...)
		}
		for _, d := range diags {
			if wrong && cfg.Sources[name(d)] != nil && slices.ContainsFunc(a.blamed(hcl.Diagnostics{d}), func(t string) bool {
				return slices.Contains(bad, t) || strings.HasSuffix(d.Summary, "not found") && slices.Contains(a.broken, t)
			}) {
				continue // it may only follow from what is wrong in the block
			}
			a.Diags = append(a.Diags, inline(cfg, view, d))
		}
		if !failed {
			return
		}
		rest := a.without(cfg, diags)
		if len(rest.Targets) == len(cfg.Targets) {
			return
		}
		cfg = rest
	}
}

// without returns the definition without the targets that errors are about, and
// those that are built on them.
func (a *Analysis) without(cfg *config.Config, diags hcl.Diagnostics) *config.Config {
	gone := map[string]bool{}
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		for _, name := range a.blamed(hcl.Diagnostics{d}) {
			gone[name] = true
		}
		for _, t := range cfg.Targets {
			if file := name(d); file != "" && a.DockerfileOf(t) == a.abs(file) || file == inlineName+t.Name+")" {
				gone[t.Name] = true
			}
		}
	}
	return leaveOut(cfg, gone)
}

// allowed returns the definition without the targets whose files may not be read.
func (a *Analysis) allowed(m Machine, cfg *config.Config) *config.Config {
	if m.MayPlan == nil {
		return cfg
	}
	gone := map[string]bool{}
	for _, t := range cfg.Targets {
		if !m.MayPlan(a.Dir, t) {
			gone[t.Name] = true
		}
	}
	if len(gone) == 0 {
		return cfg
	}
	return leaveOut(cfg, gone)
}

// leaveOut returns a definition without some targets, and those that are built on
// them.
func leaveOut(cfg *config.Config, gone map[string]bool) *config.Config {
	for n := -1; n != len(gone); {
		n = len(gone)
		for _, t := range cfg.Targets {
			for _, c := range t.Contexts {
				if c.Kind == config.LinkedTarget && gone[c.Value] {
					gone[t.Name] = true
				}
			}
		}
	}
	rest := *cfg
	rest.Targets = slices.DeleteFunc(slices.Clone(cfg.Targets), func(t *config.Target) bool { return gone[t.Name] })
	rest.Chosen = slices.DeleteFunc(slices.Clone(cfg.Chosen), func(name string) bool { return gone[name] })
	return &rest
}

// name is the file that a diagnostic is about, or "".
func name(d *hcl.Diagnostic) string {
	if d.Subject == nil {
		return ""
	}
	return d.Subject.Filename
}

// inline moves what is wrong in an inline Dockerfile to the target that has it: to its
// line, if the text is written line by line.
func inline(cfg *config.Config, view *document.View, d *hcl.Diagnostic) *hcl.Diagnostic {
	if d.Subject == nil || !strings.HasPrefix(d.Subject.Filename, inlineName) {
		return d
	}
	t := cfg.Target(strings.TrimSuffix(strings.TrimPrefix(d.Subject.Filename, inlineName), ")"))
	if t == nil {
		return d
	}
	moved := *d
	at := t.RangeOf("dockerfile-inline")
	moved.Subject = &at
	text, err := view.Document(at.Filename)
	if err != nil {
		return &moved
	}
	start, end := text.Span(at)
	first, rest, _ := strings.Cut(string(text.Text[start:end]), "\n")
	lines := strings.Split(rest, "\n")
	n := d.Subject.Start.Line
	if !strings.Contains(first, "<<") || n < 1 || n > len(lines) {
		return &moved
	}
	from := start + len(first) + 1 + len(strings.Join(lines[:n-1], "\n"))
	if n > 1 {
		from++
	}
	line := at.Start.Line + n
	at.Start = hcl.Pos{Line: line, Column: 1, Byte: from}
	at.End = hcl.Pos{Line: line, Column: len(lines[n-1]) + 1, Byte: from + len(lines[n-1])}
	return &moved
}

// inlineName is how inline Dockerfiles are called, with their target behind.
const inlineName = "Dockerfile (inline in "

// keep takes over what this analysis could not find out.
func (a *Analysis) keep(last *Analysis) {
	if last != nil {
		a.Version = last.Version + 1
	}
	if last == nil {
		return
	}
	if a.Config == nil {
		a.Config = last.Config
	}
	if a.Plan == nil {
		a.Plan = last.Plan
	}
}

// files finds out which targets use which Dockerfile.
func (a *Analysis) files() {
	if a.Config == nil {
		return
	}
	for _, t := range a.Config.Targets {
		if path := a.DockerfileOf(t); path != "" {
			d := a.dockerfile(path)
			d.Targets = append(d.Targets, t.Name)
		}
	}
	if a.Plan == nil {
		return
	}
	for _, b := range a.Plan.Builds {
		if b.Dockerfile == nil || b.Parsed == nil || b.Target.Inline() {
			continue
		}
		d := a.dockerfile(a.abs(b.Dockerfile.Name))
		d.Planned = true
		d.Builds[b.Name()] = b
		for _, i := range b.Parsed.Needs {
			d.Stages[i] = append(d.Stages[i], b.Name())
		}
		for i := range b.Parsed.Stages {
			if endsIn(b, i) {
				d.Ends[i] = append(d.Ends[i], b.Name())
			}
		}
	}
}

// endsIn reports whether a stage is the one that a target asks for.
func endsIn(b *planner.Build, i int) bool {
	if b.Target.Stage == "" {
		return i == len(b.Parsed.Stages)-1
	}
	at, ok := b.Parsed.Find(b.Target.Stage)
	return ok && at == i
}

func (a *Analysis) dockerfile(path string) *Dockerfile {
	d := a.Dockerfiles[path]
	if d == nil {
		d = &Dockerfile{Path: path, Stages: map[int][]string{}, Ends: map[int][]string{}, Builds: map[string]*planner.Build{}}
		a.Dockerfiles[path] = d
	}
	return d
}

// DockerfileOf is the path of the Dockerfile of a target, or "".
func (a *Analysis) DockerfileOf(t *config.Target) string {
	if t.Inline() {
		return ""
	}
	path, ok := planner.DockerfilePath(t)
	if !ok {
		return ""
	}
	return a.abs(path)
}

// Covers reports whether a file belongs to the project.
func (a *Analysis) Covers(path string) bool {
	return slices.Contains(a.Files, path) || a.Dockerfiles[path] != nil
}

// Build returns the build of a target, or nil.
func (a *Analysis) Build(name string) *planner.Build {
	if a.Plan == nil {
		return nil
	}
	i := slices.IndexFunc(a.Plan.Builds, func(b *planner.Build) bool { return b.Name() == name })
	if i < 0 {
		return nil
	}
	return a.Plan.Builds[i]
}

// Module returns the module of a file; of one that is imported several times, the
// first.
func (a *Analysis) Module(path string) (config.Module, bool) {
	if a.Definition == nil {
		return config.Module{}, false
	}
	for _, m := range a.Definition.Modules() {
		for _, f := range m.Files {
			if a.abs(f.Name) == path {
				return m, true
			}
		}
	}
	return config.Module{}, false
}

// Value evaluates an expression in the scope of a target, or of a file for "".
func (a *Analysis) Value(m config.Module, expr hcl.Expression, target string) (text string, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v, ok := m.Value(expr, target)
	if !ok {
		return "", false
	}
	return a.Mask(config.ValueText(v)), true
}

// Variables lists the variables of a module.
func (a *Analysis) Variables(m config.Module) []config.ListedVariable {
	a.mu.Lock()
	defer a.mu.Unlock()
	return m.Variables()
}

// Mask makes sensitive values unreadable.
func (a *Analysis) Mask(text string) string {
	if a.Definition != nil {
		text = a.Definition.Mask(text)
	}
	if a.Config != nil {
		text = a.Config.Mask(text)
	}
	return text
}

func (a *Analysis) abs(name string) string {
	name = filepath.FromSlash(name)
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(a.Dir, name)
}

// Abs makes a name of the definition absolute.
func (a *Analysis) Abs(name string) string { return a.abs(name) }

// placeAll makes the paths of diagnostics absolute.
func (a *Analysis) placeAll(view *document.View) {
	for i, d := range a.Diags {
		if d.Subject == nil {
			continue
		}
		moved := *d
		at := *d.Subject
		at.Filename = view.Abs(filepath.FromSlash(at.Filename))
		moved.Subject = &at
		a.Diags[i] = &moved
	}
}

// Alone finds what is wrong in a Dockerfile that belongs to no project.
func Alone(path string, text []byte) hcl.Diagnostics {
	_, diags := dockerfile.ReadOutline(path, text)
	return diags
}

// Shown is a path as the project calls it.
func (a *Analysis) Shown(path string) string {
	if rel, err := filepath.Rel(a.Dir, path); err == nil {
		return filepath.ToSlash(rel)
	}
	return path
}
