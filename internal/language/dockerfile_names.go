package language

import (
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/planner/dockerfile"
)

var (
	// stageName is the name behind AS; fromName what FROM starts from.
	stageName = lazyregexp.New(`(?i)\sAS\s+(\S+)`)
	fromName  = lazyregexp.New(`(?i)^\s*FROM(?:\s+--\S+)*\s+(\S+)`)
	argNames  = lazyregexp.New(`(?i)^\s*(?:ONBUILD\s+)?ARG\s`)
	usedName  = lazyregexp.New(`\$\{?([A-Za-z_]\w*)`)
	fromFlag  = lazyregexp.New(`(?:--from|\bfrom)=([^\s,]+)`)
)

// dockerfileWalk finds the names in a Dockerfile.
type dockerfileWalk struct {
	*dockerFile
	path string
	out  []occurrence
	args map[string]bool
}

// dockerfileOccurrences lists the places in a Dockerfile where something is named.
func dockerfileOccurrences(f *dockerFile) []occurrence {
	w := &dockerfileWalk{dockerFile: f, path: f.doc.Path, args: map[string]bool{}}
	first := f.doc.Lines() + 1
	if len(f.parsed.Stages) > 0 {
		first = f.parsed.Stages[0].First
	}
	for _, c := range f.parsed.Args {
		w.declares(c)
	}
	for _, st := range f.parsed.Stages {
		for _, a := range st.Decls {
			w.args[a.Key] = true
		}
	}
	if first > 1 {
		w.lines(1, first-1)
	}
	for i, st := range f.parsed.Stages {
		w.stage(st)
		last := f.doc.Lines()
		if i+1 < len(f.parsed.Stages) {
			last = f.parsed.Stages[i+1].First - 1
		}
		w.lines(st.First, last)
	}
	return w.out
}

func (w *dockerfileWalk) declares(c *instructions.ArgCommand) {
	for _, a := range c.Args {
		w.args[a.Key] = true
	}
}

// declare enters where something is declared.
func (w *dockerfileWalk) declare(s symbol, start, end int) {
	w.refer(s, start, end)
	w.out[len(w.out)-1].decl = true
}

// refer enters where something is named that is declared elsewhere.
func (w *dockerfileWalk) refer(s symbol, start, end int) {
	w.out = append(w.out, occurrence{symbol: s, path: w.path, start: start, end: end})
}

// stage enters the name of a stage and what it takes from.
func (w *dockerfileWalk) stage(st *dockerfile.Stage) {
	at := w.source.Lines(st.First, st.FromEnd)
	text := w.doc.Text[at.Start.Byte:at.End.Byte]
	if m := stageName.FindSubmatchIndex(text); m != nil && st.Name != "" {
		w.declare(symbol{kindStage, w.path, st.Name}, at.Start.Byte+m[2], at.Start.Byte+m[3])
	}
	if m := fromName.FindSubmatchIndex(text); m != nil && string(text[m[2]:m[3]]) == st.Base {
		w.named(st.Base, st.Index, at.Start.Byte+m[2], at.Start.Byte+m[3])
	}
	for _, k := range st.Cmds {
		if len(k.Froms) == 0 {
			continue
		}
		at := w.source.Lines(k.First, k.Last)
		for _, m := range fromFlag.FindAllSubmatchIndex(w.doc.Text[at.Start.Byte:at.End.Byte], -1) {
			start, end := at.Start.Byte+m[2], at.Start.Byte+m[3]
			name := string(w.doc.Text[start:end])
			for _, from := range k.Froms {
				if from.Name == name {
					w.named(name, st.Index, start, end)
					break
				}
			}
		}
	}
}

// named enters what a stage takes from: another stage, by its name or number, or what
// may be a named context.
func (w *dockerfileWalk) named(name string, before, start, end int) {
	lower := strings.ToLower(name)
	if strings.Contains(name, "$") {
		return
	}
	if _, ok := w.parsed.Find(lower); ok {
		w.refer(symbol{kindStage, w.path, lower}, start, end)
		return
	}
	if i, err := strconv.Atoi(name); err == nil {
		if i >= 0 && i < before && w.parsed.Stages[i].Name != "" {
			w.refer(symbol{kindStage, w.path, w.parsed.Stages[i].Name}, start, end)
			w.out[len(w.out)-1].other = true
		}
		return
	}
	w.refer(symbol{kindContext, w.path, lower}, start, end)
}

// lines enters the arguments in some lines: where they are declared, and where their
// values are put in.
func (w *dockerfileWalk) lines(first, last int) {
	for n := first; n <= last; n++ {
		at := w.source.Lines(n, n)
		if at.Start.Line != n {
			return // the file ends before
		}
		text := w.doc.Text[at.Start.Byte:at.End.Byte]
		if m := argNames.FindIndex(text); m != nil {
			w.declared(text, at.Start.Byte, m[1])
		}
		for _, m := range usedName.FindAllSubmatchIndex(text, -1) {
			if name := string(text[m[2]:m[3]]); w.args[name] {
				w.refer(symbol{kindArg, w.path, name}, at.Start.Byte+m[2], at.Start.Byte+m[3])
			}
		}
	}
}

// declaredName is a name in an ARG instruction.
var declaredName = lazyregexp.New(`(?:^|\s)([A-Za-z_]\w*)(?:=(?:"(?:[^"\\]|\\.)*"|'[^']*'|\S*))?`)

func (w *dockerfileWalk) declared(text []byte, base, from int) {
	for _, m := range declaredName.FindAllSubmatchIndex(text[from:], -1) {
		if name := string(text[from+m[2] : from+m[3]]); w.args[name] {
			w.declare(symbol{kindArg, w.path, name}, base+from+m[2], base+from+m[3])
		}
	}
}
