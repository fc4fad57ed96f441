package main

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

	"github.com/orch-build/orch/internal/termtext"
)

// errDefinition is what is left to say when diagnostics have been printed.
var errDefinition = errors.New("the definition is wrong")

// report prints diagnostics to standard error, each once, with the source
// lines they speak of. It returns an error, already reported, if one of them
// is an error.
func (e *env) report(diags hcl.Diagnostics, sources ...map[string][]byte) error {
	diags = once(diags)
	if e.diagJSON && len(diags) > 0 {
		if err := writeDiagJSON(e.stderr, diags); err != nil {
			return err
		}
	} else {
		w := diagWriter{w: e.stderr, sources: sources, style: e.style()}
		for i, d := range diags {
			if i == maxShown {
				fmt.Fprintf(e.stderr, "… and %d more; --diagnostics json has all.\n", len(diags)-i)
				break
			}
			w.write(d)
			if e.getenv("GITHUB_ACTIONS") == "true" {
				e.writeAnnotation(d)
			}
		}
	}
	if diags.HasErrors() {
		return &errReported{code: exitUsage, err: errDefinition}
	}
	return nil
}

// maxShown is how many diagnostics are shown as text; a file that is no
// definition at all may have thousands.
const maxShown = 100

// setDiagnostics decides how what is wrong is printed: as text or json.
func (e *env) setDiagnostics(format string) error {
	if format != "text" && format != "json" {
		return usagef("--diagnostics %q: there are text and json", format)
	}
	e.diagJSON = format == "json"
	return nil
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

// once returns the diagnostics without those that say the same again.
func once(diags hcl.Diagnostics) hcl.Diagnostics {
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

// style holds the marks by which a termtext.Writer colours a text, if it may.
type style struct{ red, yellow, bold, dim, reset termtext.Style }

// style returns what messages are coloured with.
func (e *env) style() style {
	return style{red: termtext.Red, yellow: termtext.Yellow, bold: termtext.Bold, dim: termtext.Dim, reset: termtext.Reset}
}

// diagWriter prints diagnostics for people.
type diagWriter struct {
	w       io.Writer
	sources []map[string][]byte
	style
}

func (w *diagWriter) write(d *hcl.Diagnostic) {
	label := w.red + "Error: " + w.reset
	if d.Severity == hcl.DiagWarning {
		label = w.yellow + "Warning: " + w.reset
	}
	fmt.Fprintf(w.w, "%s%s%s%s\n", label, w.bold, termtext.Line(termtext.Brief(d.Summary, termtext.MaxSource)), w.reset)
	if d.Subject != nil {
		at := d.Subject
		fmt.Fprintf(w.w, "  %s:%d:%d\n", termtext.Line(at.Filename), at.Start.Line, at.Start.Column)
		w.excerpt(at)
	}
	if d.Detail != "" {
		fmt.Fprintf(w.w, "%s\n", termtext.Fold(w.w, termtext.Brief(d.Detail, termtext.MaxMessage)))
	}
	fmt.Fprintln(w.w)
}

// maxExcerpt is how many lines of a long range are shown.
const maxExcerpt = 4

// excerpt prints the lines of a range and underlines it.
func (w *diagWriter) excerpt(at *hcl.Range) {
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
		line := strings.TrimRight(lines[n-1], "\r")
		start, end := 1, utf8.RuneCountInString(line)+1
		if n == first {
			start = at.Start.Column
		}
		if n == at.End.Line {
			end = at.End.Column
		}
		long := end - start
		line, start = cutLine(line, start)
		fmt.Fprintf(w.w, "%s%*d |%s %s\n", w.dim, width+2, n, w.reset, line)
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
func (w *diagWriter) underline(line string, start, end, width int) {
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
	fmt.Fprintf(w.w, "%s%*s |%s %s%s%s%s\n", w.dim, width+2, "", w.reset, string(pad), w.red, marks, w.reset)
}

// lines returns the lines of a source, or nil if it is not at hand.
func (w *diagWriter) lines(name string) []string {
	for _, m := range w.sources {
		if src, ok := m[name]; ok {
			return strings.Split(string(bytes.TrimSuffix(src, []byte("\n"))), "\n")
		}
	}
	return nil
}

// writeAnnotation prints a diagnostic as a workflow command of GitHub
// Actions, which shows it beside the line. The escapes are those of
// https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
func (e *env) writeAnnotation(d *hcl.Diagnostic) {
	where := ""
	if at := d.Subject; at != nil {
		where = fmt.Sprintf("file=%s,line=%d,endLine=%d,col=%d,", githubProperty(e.githubPath(at.Filename)),
			at.Start.Line, at.End.Line, at.Start.Column)
	}
	fmt.Fprintf(termtext.Raw(e.stderr), "::%s %stitle=%s::%s\n", severity(d), where,
		githubProperty(termtext.Brief(d.Summary, termtext.MaxSource)), githubText(termtext.Brief(cmp.Or(d.Detail, d.Summary), termtext.MaxMessage)))
}

// githubText escapes the text of a workflow command.
func githubText(s string) string {
	return strings.NewReplacer("%", "%25", "\n", "%0A").Replace(termtext.Text(s))
}

// githubProperty escapes a property of a workflow command.
func githubProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(termtext.Text(s))
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

// reportJSON prints diagnostics as JSON to standard output.
func (e *env) reportJSON(diags hcl.Diagnostics) error {
	diags = once(diags)
	if err := writeDiagJSON(e.stdout, diags); err != nil {
		return err
	}
	if diags.HasErrors() {
		return &errReported{code: exitUsage, err: errDefinition}
	}
	return nil
}

// writeDiagJSON prints diagnostics as one JSON object.
func writeDiagJSON(w io.Writer, diags hcl.Diagnostics) error {
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
	return printJSON(w, map[string]any{"valid": !diags.HasErrors(), "diagnostics": out})
}
