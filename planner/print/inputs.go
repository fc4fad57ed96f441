package print

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/inputs"
)

// Files prints what the stages read of local contexts, stage by stage,
// each file with its size. Folders that are read with many files in them are
// one line, so that a stage has about a hundred lines at most.
func Files(w io.Writer, r *inputs.Reads) error {
	out := bufio.NewWriter(w)
	any := false
	for _, v := range r.Plan.Graph.Vertices {
		reads := r.Of(v)
		if len(reads) == 0 {
			continue
		}
		if any {
			fmt.Fprintln(out)
		}
		any = true
		fmt.Fprintf(out, "%s%s  for %s\n", v.Name, platformSuffix(r.Plan, v), strings.Join(v.Targets, ", "))
		for _, c := range reads {
			fmt.Fprintf(out, "  %s  %s\n", fault.Path(c.Name), amountText(inputs.Amount{Files: len(c.Files), Bytes: c.Bytes}))
			for _, row := range rows(c.Files) {
				fmt.Fprintf(out, "  %9s  %s\n", row.size, row.name)
			}
		}
	}
	if !any {
		fmt.Fprintln(out, "no stage reads a local context")
	}
	unmatchedText(out, r)
	if err := out.Flush(); err != nil {
		return err
	}
	return Hints(w, r)
}

// platformSuffix names the platform where vertices differ in theirs.
func platformSuffix(p *planner.Plan, v *planner.Vertex) string {
	for _, other := range p.Graph.Vertices {
		if v.Platform != "" && other.Platform != "" && other.Platform != v.Platform {
			return " on " + v.Platform
		}
	}
	return ""
}

type row struct{ size, name string }

// rows are the lines of a list of files. The folder with the most files is put
// into one line until the others fit.
func rows(files []inputs.File) []row {
	const most = 100
	return rowsOf(files, fold(files, most))
}

func foldedIn(p string, folded map[string]inputs.Amount) (string, bool) {
	for d := p; ; {
		i := strings.LastIndexByte(d, '/')
		if i < 0 {
			return "", false
		}
		d = d[:i]
		if _, ok := folded[d]; ok {
			return d, true
		}
	}
}

func rowsOf(files []inputs.File, folded map[string]inputs.Amount) []row {
	var out []row
	last := ""
	for _, f := range files {
		if d, ok := foldedIn(f.Path, folded); ok {
			if d != last {
				out = append(out, row{sizeText(folded[d].Bytes), fmt.Sprintf("%s/  (%s)", fault.Path(d), termtext.Count(folded[d].Files, "file"))})
			}
			last = d
			continue
		}
		out = append(out, row{sizeOf(f), nameOf(f)})
	}
	return out
}

func sizeOf(f inputs.File) string {
	if !f.Mode.IsRegular() {
		return fileType(f.Mode)
	}
	return sizeText(f.Size)
}

func nameOf(f inputs.File) string {
	switch {
	case f.Mode.IsDir():
		return strings.TrimPrefix(fault.Path(f.Path)+"/", "./")
	case f.Mode&fs.ModeSymlink != 0:
		return fault.Path(f.Path) + " -> " + fault.Path(f.Link)
	}
	return fault.Path(f.Path)
}

// fileType is the word for a type of file in text and JSON.
func fileType(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return "file"
	case m.IsDir():
		return "folder"
	case m&fs.ModeSymlink != 0:
		return "link"
	case m&fs.ModeNamedPipe != 0:
		return "pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}

func unmatchedText(w io.Writer, r *inputs.Reads) {
	list := r.Unmatched()
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(w, "\nNothing found")
	for _, u := range list {
		what := "copies nothing"
		if u.Fails {
			what = "fails the build"
		}
		fmt.Fprintf(w, "  %s  in %s:%d, stage %s: %s\n", fault.Path(u.Source), u.Range.Filename, u.Range.Start.Line, u.Vertex.Name, what)
	}
}

// Digests prints the digests of targets, and of the stages that they are
// made of, with what they leave open.
func Digests(w io.Writer, in *inputs.Inputs) error {
	out := bufio.NewWriter(w)
	p := in.Reads.Plan
	left := 0
	for _, b := range p.Builds {
		left = max(left, termtext.Width(b.Name()))
	}
	for _, v := range p.Graph.Vertices {
		if v.Runs() {
			left = max(left, termtext.Width(v.Name+platformSuffix(p, v)))
		}
	}
	fmt.Fprintln(out, "Targets")
	for _, b := range p.Builds {
		digestRow(out, left, b.Name(), in.Build(b))
	}
	fmt.Fprintln(out, "\nStages")
	for _, v := range p.Graph.Vertices {
		if v.Runs() {
			digestRow(out, left, v.Name+platformSuffix(p, v), in.Vertex(v))
		}
	}
	openText(out, in)
	return out.Flush()
}

func digestRow(w io.Writer, left int, name string, d *inputs.Digest) {
	mark := ""
	if len(d.Open) > 0 {
		mark = "  open"
	}
	fmt.Fprintf(w, "  %s%s  %s%s\n", name, strings.Repeat(" ", max(left-termtext.Width(name), 0)), d.Sum, mark)
}

// openText says once what leaves digests open.
func openText(w io.Writer, in *inputs.Inputs) {
	all := in.Open()
	if len(all) == 0 {
		return
	}
	slices.SortStableFunc(all, func(a, b inputs.Unpinned) int {
		return cmp.Or(cmp.Compare(a.Range.Filename, b.Range.Filename), cmp.Compare(a.Range.Start.Line, b.Range.Start.Line))
	})
	fmt.Fprintln(w, "\nOpen: the result may change without the digest, because")
	for _, o := range all {
		at := ""
		if o.Range.Filename != "" {
			at = fmt.Sprintf("  (%s:%d)", o.Range.Filename, o.Range.Start.Line)
		}
		fmt.Fprintf(w, "  %s%s\n", o.Text, at)
	}
}
