package ci

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/orch-build/orch/internal/termtext"
)

// Annotation is a message that a service shows beside a line of a file.
type Annotation struct {
	Severity string // "error" or "warning"
	File     string // "" if there is no place
	Line     int
	EndLine  int // 0 if only the line is known
	Column   int
	Title    string
	Text     string
}

// Annotate writes the annotation as a workflow command of GitHub Actions; to
// other services it writes nothing. The escapes are those of
// https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
func Annotate(w io.Writer, getenv func(string) string, a Annotation) {
	if Of(getenv) != GitHub {
		return
	}
	where := ""
	if a.File != "" {
		where = fmt.Sprintf("file=%s,line=%d,", property(fromTop(a.File, getenv("GITHUB_WORKSPACE"))), a.Line)
	}
	if a.EndLine != 0 {
		where += fmt.Sprintf("endLine=%d,col=%d,", a.EndLine, a.Column)
	}
	fmt.Fprintf(termtext.Raw(w), "::%s %stitle=%s::%s\n", a.Severity, where, property(a.Title), message(a.Text))
}

// message escapes the text of a workflow command.
func message(s string) string {
	return strings.NewReplacer("%", "%25", "\n", "%0A").Replace(termtext.Text(s))
}

// property escapes a property of a workflow command.
func property(s string) string {
	return strings.NewReplacer("%", "%25", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(termtext.Text(s))
}

// fromTop names a file from the top of the checkout, as annotations do,
// wherever in it orch runs.
func fromTop(file, top string) string {
	wd, err := os.Getwd()
	if top == "" || err != nil {
		return file
	}
	path := file
	if !filepath.IsAbs(path) {
		path = filepath.Join(wd, path)
	}
	rel, err := filepath.Rel(top, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return file
	}
	return filepath.ToSlash(rel)
}
