package planner

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/fault"
)

// FilesText prints what the stages read of local contexts, stage by stage,
// each file with its size. Folders that are read with many files in them are
// one line, so that a stage has about a hundred lines at most.
func (r *Reads) FilesText(w io.Writer) error {
	out := bufio.NewWriter(w)
	any := false
	for _, v := range r.plan.Graph.Vertices {
		reads := r.Of(v)
		if len(reads) == 0 {
			continue
		}
		if any {
			fmt.Fprintln(out)
		}
		any = true
		fmt.Fprintf(out, "%s%s  for %s\n", v.Name, platformSuffix(r.plan, v), strings.Join(v.Targets, ", "))
		for _, c := range reads {
			fmt.Fprintf(out, "  %s  %s\n", fault.Path(c.Name), Amount{len(c.Files), c.Bytes})
			for _, row := range rows(c.Files) {
				fmt.Fprintf(out, "  %9s  %s\n", row.size, row.name)
			}
		}
	}
	if !any {
		fmt.Fprintln(out, "no stage reads a local context")
	}
	r.unmatchedText(out)
	if err := out.Flush(); err != nil {
		return err
	}
	return r.HintsText(w)
}

// platformSuffix names the platform where vertices differ in theirs.
func platformSuffix(p *Plan, v *Vertex) string {
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
func rows(files []File) []row {
	const most = 100
	return rowsOf(files, fold(files, most))
}

func foldedIn(p string, folded map[string]Amount) (string, bool) {
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

func rowsOf(files []File, folded map[string]Amount) []row {
	var out []row
	last := ""
	for _, f := range files {
		if d, ok := foldedIn(f.Path, folded); ok {
			if d != last {
				out = append(out, row{SizeText(folded[d].Bytes), fmt.Sprintf("%s/  (%s)", fault.Path(d), count(folded[d].Files, "file"))})
			}
			last = d
			continue
		}
		out = append(out, row{sizeOf(f), nameOf(f)})
	}
	return out
}

func sizeOf(f File) string {
	if !f.Mode.IsRegular() {
		return FileType(f.Mode)
	}
	return SizeText(f.Size)
}

func nameOf(f File) string {
	switch {
	case f.Mode.IsDir():
		return strings.TrimPrefix(fault.Path(f.Path)+"/", "./")
	case f.Mode&fs.ModeSymlink != 0:
		return fault.Path(f.Path) + " -> " + fault.Path(f.Link)
	}
	return fault.Path(f.Path)
}

// FileType is the word for a type of file in text and JSON.
func FileType(m fs.FileMode) string {
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

func (r *Reads) unmatchedText(w io.Writer) {
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

// excessText prints the contexts that let through much more than is read, with
// the lines of an ignore file that would help.
func (r *Reads) excessText(w io.Writer) {
	list := r.Excess()
	for i, e := range list {
		if i == 0 {
			fmt.Fprintln(w, "\nNot read by any of these stages")
		}
		fmt.Fprintf(w, "  %s lets through %s more than the %s that are read\n", fault.Path(e.Name), e.Unread, e.Read)
		var lines []string
		for _, c := range e.Culprits {
			name := fault.Path(c.Path)
			if c.Dir {
				name += "/  (" + count(c.Amount.Files, "file") + ")"
			}
			fmt.Fprintf(w, "  %9s  %s\n", SizeText(c.Amount.Bytes), name)
			if line := c.Ignore(); line != "" {
				lines = append(lines, line)
			}
		}
		if len(lines) > 0 {
			fmt.Fprintf(w, "  add to %s:\n", fault.Path(ignoreFileOf(e.Name)))
			for _, l := range lines {
				fmt.Fprintf(w, "      %s\n", l)
			}
		}
	}
}

// DigestsText prints the digests of targets, and of the stages that they are
// made of, with what they leave open.
func (in *Inputs) DigestsText(w io.Writer) error {
	out := bufio.NewWriter(w)
	p := in.Reads.plan
	left := 0
	for _, b := range p.Builds {
		left = max(left, runeLen(b.Name()))
	}
	for _, v := range p.Graph.Vertices {
		if runs(v) {
			left = max(left, runeLen(v.Name+platformSuffix(p, v)))
		}
	}
	fmt.Fprintln(out, "Targets")
	for _, b := range p.Builds {
		digestRow(out, left, b.Name(), in.builds[b])
	}
	fmt.Fprintln(out, "\nStages")
	for _, v := range p.Graph.Vertices {
		if runs(v) {
			digestRow(out, left, v.Name+platformSuffix(p, v), in.vertices[v])
		}
	}
	in.openText(out)
	return out.Flush()
}

func digestRow(w io.Writer, left int, name string, d *Digest) {
	mark := ""
	if len(d.Open) > 0 {
		mark = "  open"
	}
	fmt.Fprintf(w, "  %s%s  %s%s\n", name, strings.Repeat(" ", max(left-runeLen(name), 0)), d.Sum, mark)
}

// openText says once what leaves digests open.
func (in *Inputs) openText(w io.Writer) {
	var all []Open
	for _, b := range in.Reads.plan.Builds {
		all = append(all, in.builds[b].Open...)
	}
	if all = eachOnce(all); len(all) == 0 {
		return
	}
	slices.SortStableFunc(all, func(a, b Open) int {
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
