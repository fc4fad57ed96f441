package language

import (
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/language/lsp"
	"github.com/orch-build/orch/internal/language/project"
)

// targets offers targets.
func (c *completion) targets() []choice {
	if c.a == nil {
		return nil
	}
	self, prefix := c.label(), c.prefix()
	var out []choice
	for name, b := range c.a.Names.Targets {
		short, ok := strings.CutPrefix(name, prefix)
		if !ok || short == self && c.place.outer().name == "target" {
			continue
		}
		out = append(out, choice{label: short, kind: lsp.KindReference, detail: "target", doc: c.about(name, b)})
	}
	return sorted(out)
}

// groups offers groups.
func (c *completion) groups() []choice {
	if c.a == nil {
		return nil
	}
	self, prefix := c.label(), c.prefix()
	var out []choice
	for name := range c.a.Names.Groups {
		if short, ok := strings.CutPrefix(name, prefix); ok && short != self {
			out = append(out, choice{label: short, kind: lsp.KindEnum, detail: "group"})
		}
	}
	return sorted(out)
}

// prefix is what is before the names of this file in the whole definition.
func (c *completion) prefix() string {
	if p := c.a.Names.Prefixes[c.doc.Path]; len(p) > 0 {
		return p[0]
	}
	return ""
}

func sorted(list []choice) []choice {
	slices.SortFunc(list, func(a, b choice) int { return strings.Compare(a.label, b.label) })
	return list
}

// about is the description of a target, and where it is written.
func (c *completion) about(name string, b project.Block) string {
	text := "in " + c.a.Shown(b.Path)
	if c.a.Config != nil {
		if t := c.a.Config.Target(name); t != nil && t.Description != "" {
			text = c.a.Mask(t.Description) + "\n\n" + text
		}
	}
	return text
}

// stages offers the stages of the Dockerfile.
func (c *completion) stages() []choice {
	var out []choice
	for _, file := range c.dockerfilesHere("target") {
		d := c.s.document(file)
		if d == nil {
			continue
		}
		for _, st := range c.s.files.dockerfile(d).parsed.Stages {
			if st.Name != "" {
				out = append(out, choice{label: st.Name, kind: lsp.KindClass, detail: "stage of " + c.a.Shown(file), doc: "```dockerfile\n" + st.Source + "\n```"})
			}
		}
	}
	return out
}

// dockerfilesHere are the Dockerfiles of the block at hand: those of its targets, or
// else the one that is written in it.
func (c *completion) dockerfilesHere(key string) []string {
	if out := c.dockerfiles(c.doc.Path, c.label(), key); len(out) > 0 {
		return out
	}
	if c.a == nil {
		return nil
	}
	name, dir := "Dockerfile", "."
	f := c.s.files.definition(c.doc)
	for _, b := range f.Body.Blocks {
		if b.Type != "target" || len(b.Labels) == 0 || b.Labels[0] != c.label() {
			continue
		}
		for attr, to := range map[string]*string{"dockerfile": &name, "context": &dir} {
			if written := b.Body.Attributes[attr]; written != nil {
				if texts := literals(written.Expr); len(texts) == 1 {
					*to = texts[0].value
				}
			}
		}
	}
	return []string{c.a.Abs(filepath.Join(dir, name))}
}

// buildArgs offers the arguments that the Dockerfile declares.
func (c *completion) buildArgs() []choice {
	var out []choice
	seen := map[string]bool{}
	for _, file := range c.dockerfilesHere("args") {
		d := c.s.document(file)
		if d == nil {
			continue
		}
		for _, arg := range c.s.files.dockerfile(d).arguments() {
			if !seen[arg.name] {
				seen[arg.name] = true
				out = append(out, choice{label: arg.name, kind: lsp.KindVariable, detail: "ARG of " + c.a.Shown(file), doc: "```dockerfile\n" + arg.text + "\n```"})
			}
		}
	}
	return out
}

// contextNames offers what the Dockerfile takes from outside: images, and names that a
// context may stand for.
func (c *completion) contextNames() []choice {
	var out []choice
	seen := map[string]bool{}
	for _, file := range c.dockerfilesHere("contexts") {
		d := c.s.document(file)
		if d == nil {
			continue
		}
		for _, o := range dockerfileOccurrences(c.s.files.dockerfile(d)) {
			name := string(d.Text[o.start:o.end])
			if o.kind != kindContext && (o.kind != kindStage || !o.decl) || seen[name] {
				continue
			}
			seen[name] = true
			detail := "taken by " + c.a.Shown(file)
			if o.kind == kindStage {
				detail = "stage of " + c.a.Shown(file)
			}
			ch := choice{label: name, kind: lsp.KindModule, detail: detail}
			if strings.ContainsAny(name, ":./@") && !c.place.inText() {
				ch.insert = `"` + name + `"`
			}
			out = append(out, ch)
		}
	}
	return out
}

// contexts offers values of contexts.
func (c *completion) contexts() []choice {
	var out []choice
	for _, t := range c.targets() {
		t.label = "target:" + t.label
		out = append(out, t)
	}
	for _, scheme := range [][2]string{
		{"docker-image://", "An image of a registry."}, {"oci-layout://", "An image in an OCI layout folder."}, {"https://", "A git repository or an archive."},
	} {
		out = append(out, choice{label: scheme[0], kind: lsp.KindEnumMember, doc: scheme[1], rank: 1})
	}
	return out
}

// dockerfileNames offers the Dockerfiles in the context.
func (c *completion) dockerfileNames() []choice {
	return slices.DeleteFunc(c.files(), func(ch choice) bool {
		return ch.kind != lsp.KindFolder && !strings.Contains(strings.ToLower(ch.label), "dockerfile") && !strings.Contains(strings.ToLower(ch.label), "containerfile")
	})
}

// definitionFiles offers definitions that can be imported.
func (c *completion) definitionFiles() []choice {
	return slices.DeleteFunc(c.files(), func(ch choice) bool {
		return ch.kind != lsp.KindFolder && !strings.HasSuffix(ch.label, ".hcl") && !strings.HasSuffix(ch.label, ".json")
	})
}

// maxFiles is how many files are offered.
const maxFiles = 200

// files offers files and folders.
func (c *completion) files() []choice {
	return c.entries(func(fs.DirEntry) bool { return true })
}

// folders offers folders.
func (c *completion) folders() []choice { return c.entries(fs.DirEntry.IsDir) }

// entries offers some of what is in the folder that the word at hand names. Imports
// start from the file that has them, all else from the project or the context.
func (c *completion) entries(wanted func(fs.DirEntry) bool) []choice {
	base := filepath.Dir(c.doc.Path)
	attr, _ := c.attribute()
	if c.a != nil && attr != "import.source" {
		if slices.Contains(c.a.Main, c.doc.Path) {
			base = c.a.Dir
		}
		if attr == "target.dockerfile" {
			base = filepath.Join(base, c.literal("context"))
		}
	}
	word := c.place.word
	dir := word[:strings.LastIndexByte(word, '/')+1]
	if strings.Contains(word, "://") || filepath.IsAbs(dir) {
		return nil
	}
	entries, err := c.s.store.View(base).ReadDir(filepath.FromSlash(path.Clean("./" + dir)))
	if err != nil {
		return nil
	}
	var out []choice
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || len(out) == maxFiles || !wanted(e) {
			continue
		}
		if e.IsDir() {
			out = append(out, choice{label: dir + e.Name() + "/", kind: lsp.KindFolder, insert: dir + e.Name(), rank: 1})
		} else {
			out = append(out, choice{label: dir + e.Name(), kind: lsp.KindFile})
		}
	}
	return out
}

// literal is the text of an attribute of the block at hand, or "".
func (c *completion) literal(attr string) string {
	for _, b := range c.s.files.definition(c.doc).Body.Blocks {
		if b.Type == "target" && len(b.Labels) > 0 && b.Labels[0] == c.label() && b.Body.Attributes[attr] != nil {
			if texts := literals(b.Body.Attributes[attr].Expr); len(texts) == 1 {
				return texts[0].value
			}
		}
	}
	return ""
}
