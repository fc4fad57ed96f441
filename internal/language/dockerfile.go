package language

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/language/document"
	"github.com/orch-build/orch/internal/language/lsp"
	"github.com/orch-build/orch/internal/language/project"
	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/planner/dockerfile"
)

// argument is an argument that a Dockerfile declares.
type argument struct {
	name string
	text string // the instruction
}

// arguments lists the arguments that a Dockerfile declares, each once.
func (f *dockerFile) arguments() []argument {
	var out []argument
	seen := map[string]bool{}
	for _, o := range dockerfileOccurrences(f) {
		if o.kind == kindArg && o.decl && !seen[o.name] && !dockerfile.IsAutomatic(o.name) {
			seen[o.name] = true
			line := f.doc.Position(o.start).Line + 1
			at := f.source.Lines(line, line)
			out = append(out, argument{o.name, strings.TrimSpace(string(f.doc.Text[at.Start.Byte:at.End.Byte]))})
		}
	}
	return out
}

// stageAt is the stage that a line (from 1) is in, or -1.
func (f *dockerFile) stageAt(line int) int {
	for i := len(f.parsed.Stages) - 1; i >= 0; i-- {
		if f.parsed.Stages[i].First <= line {
			return i
		}
	}
	return -1
}

// instructions of a Dockerfile, and what they do.
var dockerInstructions = [][2]string{
	{"FROM", "Begins a stage, from an image, another stage or a named context."},
	{"ARG", "Declares a build argument, which targets set with args."},
	{"RUN", "Runs a command."},
	{"COPY", "Copies files from the context, or with --from from a stage or an image."},
	{"ADD", "Copies files, also from URLs and out of archives."},
	{"ENV", "Sets a variable of the environment."},
	{"WORKDIR", "Sets the working directory."},
	{"USER", "Sets who runs what follows."},
	{"CMD", "What the image runs if nothing else is asked for."},
	{"ENTRYPOINT", "The program that the image runs."},
	{"EXPOSE", "A port that the program listens on."},
	{"LABEL", "Adds labels to the image."},
	{"VOLUME", "A folder that is kept outside of the image."},
	{"HEALTHCHECK", "How it is found out whether the program works."},
	{"SHELL", "The shell that RUN uses."},
	{"STOPSIGNAL", "The signal that ends the program."},
	{"ONBUILD", "What happens in a stage that starts from this one."},
}

var (
	typedFrom     = lazyregexp.New(`(?i)^\s*FROM(\s+--\S+)*\s+(\S*)$`)
	typedFromFlag = lazyregexp.New(`(?:--from|\bfrom)=([^\s,]*)$`)
	typedVariable = lazyregexp.New(`\$\{?(\w*)$`)
	typedFirst    = lazyregexp.New(`^\s*(\w*)$`)
	typedArg      = lazyregexp.New(`(?i)^\s*ARG\s+(\w*)$`)
)

// completeDockerfile lists what could be written at a place of a Dockerfile.
func (s *Service) completeDockerfile(a *project.Analysis, d *document.Document, offset int) []lsp.CompletionItem {
	f := s.files.dockerfile(d)
	c := &completion{names: names{s, a}, doc: d, place: &cursorPlace{}, offset: offset}
	begin := bytes.LastIndexByte(d.Text[:offset], '\n') + 1
	line := string(d.Text[begin:offset])
	word := func(m []int, group int) { c.place.start = begin + m[2*group] }
	stage := f.stageAt(d.Position(offset).Line + 1)
	switch {
	case strings.HasPrefix(strings.TrimSpace(line), "#"):
	case typedFrom.MatchString(line):
		word(typedFrom.FindStringSubmatchIndex(line), 2)
		c.offerStages(f, stage)
	case typedFromFlag.MatchString(line):
		word(typedFromFlag.FindStringSubmatchIndex(line), 1)
		c.offerStages(f, stage)
	case typedVariable.MatchString(line):
		word(typedVariable.FindStringSubmatchIndex(line), 1)
		for _, arg := range f.arguments() {
			c.offer(choice{label: arg.name, kind: lsp.KindVariable, detail: "ARG", doc: "```dockerfile\n" + arg.text + "\n```"})
		}
		for _, name := range []string{"TARGETPLATFORM", "TARGETOS", "TARGETARCH", "TARGETVARIANT", "BUILDPLATFORM", "BUILDOS", "BUILDARCH"} {
			c.offer(choice{label: name, kind: lsp.KindVariable, detail: "of the builder", rank: 1})
		}
	case typedArg.MatchString(line):
		word(typedArg.FindStringSubmatchIndex(line), 1)
		for _, name := range c.givenArgs() {
			c.offer(choice{label: name, kind: lsp.KindVariable, detail: "set by a target"})
		}
	case typedFirst.MatchString(line) && !continued(d, begin):
		word(typedFirst.FindStringSubmatchIndex(line), 1)
		for _, in := range dockerInstructions {
			c.offer(choice{label: in[0], kind: lsp.KindSnippet, doc: in[1], insert: in[0] + " "})
		}
	}
	return c.items
}

// continued reports whether the line before goes on in this one.
func continued(d *document.Document, begin int) bool {
	before := bytes.TrimRight(d.Text[:begin], "\r\n\t ")
	return bytes.HasSuffix(before, []byte("\\")) && begin > 0 && bytes.Count(d.Text[len(before):begin], []byte("\n")) == 1
}

// offerStages offers the stages above, and the named contexts of targets.
func (c *completion) offerStages(f *dockerFile, before int) {
	for i, st := range f.parsed.Stages {
		if st.Name != "" && i < max(before, 0) {
			c.offer(choice{label: st.Name, kind: lsp.KindClass, detail: "stage", doc: "```dockerfile\n" + st.Source + "\n```"})
		}
	}
	seen := map[string]bool{}
	for _, name := range c.targetsOf(f.doc.Path) {
		t := c.a.Config.Target(name)
		if t == nil {
			continue
		}
		for key, from := range t.Contexts {
			if !seen[key] {
				seen[key] = true
				c.offer(choice{label: key, kind: lsp.KindModule, detail: "context of target " + name, doc: c.a.Mask(from.Raw), rank: 1})
			}
		}
	}
	c.offer(choice{label: "scratch", kind: lsp.KindEnumMember, detail: "the empty image", rank: 2})
}

// targetsOf lists the targets that use a Dockerfile.
func (n names) targetsOf(path string) []string {
	if n.a == nil || n.a.Config == nil || n.a.Dockerfiles[path] == nil {
		return nil
	}
	return n.a.Dockerfiles[path].Targets
}

// givenArgs lists the arguments that targets set and the Dockerfile does not declare.
func (c *completion) givenArgs() []string {
	declared := c.s.files.dockerfile(c.doc).arguments()
	var out []string
	for _, name := range c.targetsOf(c.doc.Path) {
		if t := c.a.Config.Target(name); t != nil {
			for key := range t.Args {
				if !slices.ContainsFunc(declared, func(a argument) bool { return a.name == key }) {
					out = append(out, key)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// some lists names, cut to the first.
func some(names []string) string {
	const most = 12
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
