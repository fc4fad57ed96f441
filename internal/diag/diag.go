package diag

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/orch-build/orch/internal/ci"
	"github.com/orch-build/orch/internal/limits"
	"github.com/orch-build/orch/internal/regular"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/urlsecret"
)

// ErrDefinition is what is left to say when diagnostics with an error have been
// printed.
var ErrDefinition = errors.New("the definition is wrong")

// Printer prints diagnostics.
type Printer struct {
	Out io.Writer
	// JSON prints them as one JSON object.
	JSON bool
	// Getenv reads a variable of the environment; it decides on annotations.
	Getenv func(name string) string
}

// Print prints diagnostics, each once, with the source lines that they are
// about. It returns ErrDefinition if one of them is an error.
func (p *Printer) Print(diags hcl.Diagnostics, sources ...map[string][]byte) error {
	diags = Once(shown(diags))
	if p.JSON && len(diags) > 0 {
		if err := writeJSON(p.Out, diags); err != nil {
			return err
		}
		return result(diags)
	}
	w := writer{w: p.Out, sources: sources, split: map[string][]string{}}
	few := atMost(diags)
	for _, d := range few {
		w.write(d)
		ci.Annotate(p.Out, p.Getenv, annotation(d))
	}
	if more := len(diags) - len(few); more > 0 {
		fmt.Fprintf(p.Out, "… and %d more; --diagnostics json has all.\n", more)
	}
	return result(diags)
}

// shown are diagnostics as they are printed: what they say has no credentials of
// URLs, and is cut, as it may quote a value of many megabytes.
func shown(diags hcl.Diagnostics) hcl.Diagnostics {
	out := make(hcl.Diagnostics, len(diags))
	for i, d := range diags {
		one := *d
		one.Summary = termtext.Brief(urlsecret.Blank(d.Summary), termtext.MaxSource)
		one.Detail = termtext.Brief(urlsecret.Blank(d.Detail), termtext.MaxMessage)
		out[i] = &one
	}
	return out
}

// PrintError prints an error, one with places in files as what is wrong there.
func (p *Printer) PrintError(err error) {
	var diags hcl.Diagnostics
	if errors.As(err, &diags) && diags.Error() == err.Error() {
		_ = p.Print(diags, texts(diags))
		return
	}
	text := termtext.Brief(urlsecret.Blank(err.Error()), 2*termtext.MaxMessage)
	if p.JSON {
		_ = writeJSON(p.Out, hcl.Diagnostics{{Severity: hcl.DiagError, Summary: text}})
		return
	}
	fmt.Fprintf(p.Out, "orch: %s\n", text)
	if reason, ok := limits.Of(err); ok {
		fmt.Fprintf(p.Out, "The definition is not at fault: %s.\n", reason)
	}
}

// texts are the files that diagnostics are about, as far as they can be read.
func texts(diags hcl.Diagnostics) map[string][]byte {
	out := map[string][]byte{}
	for _, d := range diags {
		if d.Subject == nil || out[d.Subject.Filename] != nil {
			continue
		}
		if text, err := regular.ReadFile(d.Subject.Filename, maxText); err == nil {
			out[d.Subject.Filename] = text
		}
	}
	return out
}

// maxText is how large a file may be that is read to show lines of it.
const maxText = 1 << 20

// JSON prints diagnostics as JSON, each once, even if there are none. It
// returns ErrDefinition if one of them is an error.
func JSON(w io.Writer, diags hcl.Diagnostics) error {
	diags = Once(shown(diags))
	if err := writeJSON(w, diags); err != nil {
		return err
	}
	return result(diags)
}

func result(diags hcl.Diagnostics) error {
	if diags.HasErrors() {
		return ErrDefinition
	}
	return nil
}

// maxShown is how many diagnostics are shown as text; a file that is no
// definition at all may have thousands.
const maxShown = 100

// maxOfLine is how many of them are about one line: each shows the line again.
const maxOfLine = 10

// atMost are the first diagnostics, as many as are shown as text.
func atMost(diags hcl.Diagnostics) hcl.Diagnostics {
	type place struct {
		file string
		line int
	}
	seen := map[place]int{}
	var out hcl.Diagnostics
	for _, d := range diags {
		if at := d.Subject; at != nil {
			line := place{at.Filename, at.Start.Line}
			if seen[line]++; seen[line] > maxOfLine {
				continue
			}
		}
		if len(out) == maxShown {
			break
		}
		out = append(out, d)
	}
	return out
}

// sameFault is equal for diagnostics that say the same thing. What the machine
// answers is the same for every call that asks for it.
func sameFault(d *hcl.Diagnostic) string {
	call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d)
	if !ok || call.CalledFunctionName() != "goenv" && call.CalledFunctionName() != "homedir" {
		return d.Error()
	}
	err := call.FunctionCallError()
	var wrong function.ArgError
	if err == nil || errors.As(err, &wrong) {
		return d.Error()
	}
	return call.CalledFunctionName() + ": " + err.Error()
}

// Once returns the diagnostics without those that say the same again.
func Once(diags hcl.Diagnostics) hcl.Diagnostics {
	seen := map[string]bool{}
	var out hcl.Diagnostics
	for _, d := range diags {
		if key := sameFault(d) + severity(d); !seen[key] {
			seen[key] = true
			out = append(out, d)
		}
	}
	return out
}

// writer prints diagnostics for people.
type writer struct {
	w       io.Writer
	sources []map[string][]byte
	split   map[string][]string // the sources' lines, of those that were needed
}

func (w *writer) write(d *hcl.Diagnostic) {
	label := string(termtext.Red + "Error: " + termtext.Reset)
	if d.Severity == hcl.DiagWarning {
		label = string(termtext.Yellow + "Warning: " + termtext.Reset)
	}
	fmt.Fprintf(w.w, "%s%s%s%s\n", label, termtext.Bold, termtext.Line(d.Summary), termtext.Reset)
	if d.Subject != nil {
		at := d.Subject
		fmt.Fprintf(w.w, "  %s:%d:%d\n", termtext.Line(at.Filename), at.Start.Line, at.Start.Column)
		w.excerpt(at)
	}
	if d.Detail != "" {
		fmt.Fprintf(w.w, "%s\n", termtext.Fold(w.w, d.Detail))
	}
	fmt.Fprintln(w.w)
}

// maxExcerpt is how many lines of a long range are shown.
const maxExcerpt = 4

// excerpt prints the lines of a range and underlines it.
func (w *writer) excerpt(at *hcl.Range) {
	lines := w.lines(at.Filename)
	first, last := at.Start.Line, max(at.Start.Line, at.End.Line)
	if n := len(lines); n > 0 && first == n+1 { // the end of the file
		end := hcl.Pos{Line: n, Column: utf8.RuneCountInString(lines[n-1]) + 1}
		w.excerpt(&hcl.Range{Filename: at.Filename, Start: end, End: end})
		return
	}
	if first < 1 || first > len(lines) {
		return
	}
	last = min(last, len(lines), first+maxExcerpt-1)
	width := len(fmt.Sprint(last))
	for n := first; n <= last; n++ {
		line := strings.TrimRight(urlsecret.Blank(lines[n-1]), "\r")
		start, end := 1, utf8.RuneCountInString(line)+1
		if n == first {
			start = at.Start.Column
		}
		if n == at.End.Line {
			end = at.End.Column
		}
		long := end - start
		line, start = cutLine(line, start)
		fmt.Fprintf(w.w, "%s%*d |%s %s\n", termtext.Dim, width+2, n, termtext.Reset, line)
		w.underline(line, start, min(start+long, utf8.RuneCountInString(line)+1), width)
	}
}

// cutLine cuts a long line around a column, and returns where that column is
// then. What would steer a terminal takes no room in it.
func cutLine(line string, column int) (string, int) {
	cut, at := termtext.Cut(line, column-1)
	runes := []rune(cut)
	at = min(at, len(runes))
	before, after := termtext.Indented(string(runes[:at])), termtext.Indented(string(runes[at:]))
	return before + after, utf8.RuneCountInString(before) + 1
}

// underline marks the columns from start up to end, which is not marked.
func (w *writer) underline(line string, start, end, width int) {
	indent := len(line) - len(strings.TrimLeft(line, " \t"))
	start = max(start, indent+1)
	pad := []rune(line)
	pad = pad[:min(len(pad), start-1)]
	for i, r := range pad {
		if r != '\t' {
			pad[i] = ' '
		}
	}
	marks := strings.Repeat("^", max(1, end-start))
	fmt.Fprintf(w.w, "%s%*s |%s %s%s%s%s\n", termtext.Dim, width+2, "", termtext.Reset, string(pad), termtext.Red, marks, termtext.Reset)
}

// lines returns the lines of a source, or nil if it is not at hand.
func (w *writer) lines(name string) []string {
	if lines, ok := w.split[name]; ok {
		return lines
	}
	for _, m := range w.sources {
		if src, ok := m[name]; ok {
			lines := strings.Split(string(bytes.TrimSuffix(src, []byte("\n"))), "\n")
			w.split[name] = lines
			return lines
		}
	}
	return nil
}

// annotation is a diagnostic as CI services show it beside the line.
func annotation(d *hcl.Diagnostic) ci.Annotation {
	a := ci.Annotation{
		Severity: severity(d),
		Title:    d.Summary,
		Text:     cmp.Or(d.Detail, d.Summary),
	}
	if at := d.Subject; at != nil {
		a.File, a.Line, a.EndLine, a.Column = at.Filename, at.Start.Line, at.End.Line, at.Start.Column
	}
	return a
}

// severity names the severity of a diagnostic.
func severity(d *hcl.Diagnostic) string {
	if d.Severity == hcl.DiagWarning {
		return "warning"
	}
	return "error"
}

// jsonDiagnostic is a diagnostic as --json prints it.
type jsonDiagnostic struct {
	Severity string     `json:"severity"`
	Summary  string     `json:"summary"`
	Detail   string     `json:"detail,omitempty"`
	Range    *jsonRange `json:"range,omitempty"`
}

// jsonRange is a place in a file; lines and columns begin with 1.
type jsonRange struct {
	File  string  `json:"file"`
	Start jsonPos `json:"start"`
	End   jsonPos `json:"end"`
}

type jsonPos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// writeJSON prints diagnostics as one JSON object.
func writeJSON(w io.Writer, diags hcl.Diagnostics) error {
	out := make([]jsonDiagnostic, len(diags))
	for i, d := range diags {
		out[i] = jsonDiagnostic{Severity: severity(d), Summary: d.Summary, Detail: d.Detail}
		if at := d.Subject; at != nil {
			out[i].Range = &jsonRange{
				File:  at.Filename,
				Start: jsonPos{at.Start.Line, at.Start.Column},
				End:   jsonPos{at.End.Line, at.End.Column},
			}
		}
	}
	return termtext.PrintJSON(w, map[string]any{"valid": !diags.HasErrors(), "diagnostics": out})
}
