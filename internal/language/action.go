package language

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/orch-build/orch/internal/language/document"
	"github.com/orch-build/orch/internal/language/lsp"
	"github.com/orch-build/orch/internal/language/project"
	"github.com/orch-build/orch/internal/lazyregexp"
)

var (
	meant         = lazyregexp.New(`Did you mean "([^"]+)"\?`)
	meantWord     = lazyregexp.New(`: (\S+) \(did you mean (\w+)\?\)`)
	quotedWord    = lazyregexp.New(`"([^"]+)"`)
	missingFile   = lazyregexp.New(`needs (.+?), which does not exist`)
	unusedArgName = lazyregexp.New(`sets? the argument "([^"]+)"`)
)

// Actions lists the changes that are offered for a part of a document.
func (s *Service) Actions(ctx context.Context, p lsp.CodeActionParams) []lsp.CodeAction {
	d, a := s.asked(ctx, p.TextDocument.URI)
	if d == nil {
		return nil
	}
	out := []lsp.CodeAction{}
	for _, diag := range p.Context.Diagnostics {
		if diag.Source != source {
			continue
		}
		if fix, ok := spelling(d, diag); ok {
			out = append(out, fix)
		}
		switch diag.Code {
		case "Dockerfile not found":
			out = append(out, s.createDockerfile(a, diag)...)
		case "Unused argument":
			out = append(out, s.declareArg(a, d, diag)...)
		case "Unused stage":
			out = append(out, removal(d, diag, "Remove the stage"))
		}
	}
	return out
}

// spelling writes what was probably meant.
func spelling(d *document.Document, diag lsp.Diagnostic) (lsp.CodeAction, bool) {
	start, end := d.Offset(diag.Range.Start), d.Offset(diag.Range.End)
	text := string(d.Text[start:max(start, end)])
	var wrong []string
	right := ""
	if m := meant.FindStringSubmatch(diag.Message); m != nil {
		right = m[1]
		for _, w := range quotedWord.FindAllStringSubmatch(diag.Message, -1) {
			wrong = append(wrong, w[1])
		}
	} else if m := meantWord.FindStringSubmatch(diag.Message); m != nil {
		wrong, right = []string{m[1]}, m[2]
	}
	if right == "" {
		return lsp.CodeAction{}, false
	}
	if from, to := mistaken(text, wrong, right); to > from {
		edit := lsp.TextEdit{Range: d.Range(start+from, start+to), NewText: right}
		return fix(fmt.Sprintf("Write %q", right), diag, d, edit), true
	}
	return lsp.CodeAction{}, false
}

// mistaken finds in a text the word of a message that is wrong: the last that the
// message names and the text has, since messages begin with what is around it.
func mistaken(text string, wrong []string, right string) (from, to int) {
	for i := len(wrong) - 1; i >= 0; i-- {
		if wrong[i] == right {
			continue
		}
		for at := 0; ; {
			n := strings.Index(text[at:], wrong[i])
			if n < 0 {
				break
			}
			at += n
			end := at + len(wrong[i])
			if (at == 0 || !isWord(text[at-1])) && (end == len(text) || !isWord(text[end])) {
				return at, end
			}
			at = end
		}
	}
	return 0, 0
}

func fix(title string, diag lsp.Diagnostic, d *document.Document, edits ...lsp.TextEdit) lsp.CodeAction {
	return lsp.CodeAction{
		Title: title, Kind: "quickfix", Diagnostics: []lsp.Diagnostic{diag}, IsPreferred: true,
		Edit: &lsp.WorkspaceEdit{Changes: map[string][]lsp.TextEdit{d.URI(): edits}},
	}
}

// removal takes out the lines of a diagnostic.
func removal(d *document.Document, diag lsp.Diagnostic, title string) lsp.CodeAction {
	r := diag.Range
	r.Start.Character, r.End.Character = 0, 0
	r.End.Line++
	out := fix(title, diag, d, lsp.TextEdit{Range: r})
	out.IsPreferred = false
	return out
}

// createDockerfile makes the Dockerfile that a target needs.
func (s *Service) createDockerfile(a *project.Analysis, diag lsp.Diagnostic) []lsp.CodeAction {
	m := missingFile.FindStringSubmatch(diag.Message)
	if m == nil || a == nil {
		return nil
	}
	path := a.Abs(filepath.FromSlash(m[1]))
	if s.exists(path) {
		return nil
	}
	text := "FROM alpine:3\n"
	return []lsp.CodeAction{{
		Title: "Create " + a.Shown(path), Kind: "quickfix", Diagnostics: []lsp.Diagnostic{diag}, IsPreferred: true,
		Edit: &lsp.WorkspaceEdit{DocumentChanges: []any{
			lsp.CreateFile{Kind: "create", URI: lsp.URIOf(path)},
			lsp.TextDocumentEdit{TextDocument: lsp.VersionedDocument{URI: lsp.URIOf(path)}, Edits: []lsp.TextEdit{{NewText: text}}},
		}},
	}}
}

// declareArg declares an argument in the Dockerfile of the target that sets it.
func (s *Service) declareArg(a *project.Analysis, d *document.Document, diag lsp.Diagnostic) []lsp.CodeAction {
	m := unusedArgName.FindStringSubmatch(diag.Message)
	if m == nil || a == nil {
		return nil
	}
	n := names{s, a}
	label := ""
	offset := d.Offset(diag.Range.Start)
	if isHCL(d.Path) {
		label = labelAt(s.files.definition(d).Body, offset)
	}
	if label == "" {
		return nil
	}
	var out []lsp.CodeAction
	for _, path := range n.dockerfiles(d.Path, label, "args."+m[1]) {
		target := s.document(path)
		if target == nil {
			continue
		}
		f := s.files.dockerfile(target)
		stage := s.endOf(a, f, path, n.block(d.Path, label))
		if stage < 0 {
			continue
		}
		at := lsp.Position{Line: f.parsed.Stages[stage].FromEnd}
		text := "ARG " + m[1] + "\n"
		if at.Line >= target.Lines() {
			at = target.Position(len(target.Text))
			text = "\n" + text
		}
		title := fmt.Sprintf("Declare ARG %s in %s", m[1], a.Shown(path))
		out = append(out, fix(title, diag, target, lsp.TextEdit{Range: lsp.Range{Start: at, End: at}, NewText: text}))
	}
	return out
}

// endOf is the stage that the targets of a block end in, or -1.
func (s *Service) endOf(a *project.Analysis, f *dockerFile, path string, b project.Block) int {
	if use := a.Dockerfiles[path]; use != nil {
		for i := range f.parsed.Stages {
			for _, t := range a.Names.Blocks[b] {
				if slices.Contains(use.Ends[i], t.Name) {
					return i
				}
			}
		}
	}
	return len(f.parsed.Stages) - 1
}

// labelAt is the label of the target block around a byte, or "".
func labelAt(body *hclsyntax.Body, offset int) string {
	for _, b := range body.Blocks {
		if r := b.Range(); r.Start.Byte <= offset && offset <= r.End.Byte && b.Type == "target" && len(b.Labels) > 0 {
			return b.Labels[0]
		}
	}
	return ""
}

// The commands of lenses, which the editor's side of orch runs.
const (
	CommandBuild = "orch.build"
	CommandPlan  = "orch.plan"
)

// Lenses lists what is shown above lines: commands for targets and groups, and who
// uses the stages of a Dockerfile.
func (s *Service) Lenses(ctx context.Context, uri string) []lsp.CodeLens {
	d, a := s.asked(ctx, uri)
	s.mu.Lock()
	on := s.opt.Lenses
	s.mu.Unlock()
	switch {
	case d == nil || a == nil || !on:
		return nil
	case isHCL(d.Path) && slices.Contains(a.Files, d.Path):
		return s.definitionLenses(a, d)
	case a.Dockerfiles[d.Path] != nil:
		return s.stageLenses(a, d)
	}
	return nil
}

func (s *Service) definitionLenses(a *project.Analysis, d *document.Document) []lsp.CodeLens {
	n := names{s, a}
	prefix := ""
	if p := a.Names.Prefixes[d.Path]; len(p) > 0 {
		prefix = p[0]
	}
	var out []lsp.CodeLens
	for _, b := range s.files.definition(d).Body.Blocks {
		if (b.Type != "target" && b.Type != "group") || len(b.Labels) == 0 {
			continue
		}
		name := prefix + b.Labels[0]
		if targets := a.Names.Blocks[n.block(d.Path, b.Labels[0])]; b.Type == "target" && len(targets) > 0 && targets[0].Template {
			continue
		}
		for _, c := range [][2]string{{"build", CommandBuild}, {"plan", CommandPlan}} {
			out = append(out, lsp.CodeLens{Range: d.RangeOf(b.TypeRange), Command: &lsp.Command{
				Title: c[0], Command: c[1], Arguments: []any{map[string]any{"dir": a.Dir, "target": name, "files": a.Project.Files}},
			}})
		}
	}
	return out
}

func (s *Service) stageLenses(a *project.Analysis, d *document.Document) []lsp.CodeLens {
	use := a.Dockerfiles[d.Path]
	if !use.Planned {
		return nil
	}
	var out []lsp.CodeLens
	f := s.files.dockerfile(d)
	for i, st := range f.parsed.Stages {
		title := "no target uses this stage"
		if targets := use.Stages[i]; len(targets) > 0 {
			title = "used by " + some(targets)
		}
		out = append(out, lsp.CodeLens{Range: d.RangeOf(f.source.Lines(st.First, st.First)), Command: &lsp.Command{Title: title}})
	}
	return out
}
