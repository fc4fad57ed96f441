package decide

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/internal/fault"
)

// checker collects what is wrong with one target.
type checker struct {
	r     *Draft
	in    *Inputs
	known wrongValues
	diags hcl.Diagnostics
}

// check reports values that cannot be built. Contexts and Dockerfiles
// are not looked at: planning does that.
func (d *Decider) check(r *Draft) hcl.Diagnostics {
	c := &checker{r: r, in: d.in, known: d.wrongValues}
	c.checkPlaces()
	c.checkRemoteDockerfile()
	c.checkValues()
	c.checkOutputs()
	if c.in.Host != nil {
		c.checkSecrets()
		c.checkSSH()
	}
	return c.diags
}

// wrongValue is what is wrong with a value that several targets may have: those of a
// matrix, and those that inherit it.
type wrongValue struct {
	attr, text, flag string
	at               hcl.Range
}

// wrongValues holds those that were reported.
type wrongValues map[wrongValue]*reported

type reported struct {
	diag    *hcl.Diagnostic
	targets []string // that have the value
}

// note says which target has the value too.
func (r *reported) note(w wrongValue, target string) {
	where := "target "
	if r.targets = append(r.targets, target); len(r.targets) > 1 {
		where = "targets "
	}
	r.diag.Detail = w.text + "\nThis is in the " + where + fault.Names(r.targets) + "."
	if w.flag != "" {
		r.diag.Detail += fmt.Sprintf(" It was set by %s.", w.flag)
	}
}

// wrong reports a value of an attribute.
func (c *checker) wrong(attr string, format string, args ...any) {
	w := wrongValue{attr: attr, text: attribute.Sentence(fmt.Errorf(format, args...)), flag: c.r.Overridden[attr]}
	if w.flag == "" {
		w.at = c.r.RangeOf(attr, "")
	}
	known := c.known[w]
	if known == nil {
		known = &reported{diag: &hcl.Diagnostic{Severity: hcl.DiagError, Summary: fmt.Sprintf("Invalid value for %q", attr)}}
		if w.at.Filename != "" {
			known.diag.Subject = &w.at
		}
		c.known[w] = known
		c.diags = append(c.diags, known.diag)
	}
	if n := len(known.targets); n == 0 || known.targets[n-1] != c.r.Name { // a value may be wrong twice
		known.note(w, c.r.Name)
	}
}

func (c *checker) text(attr string) string {
	s, _ := c.r.Values[attribute.AttributeIndex(attr)].(string)
	return s
}

func (c *checker) checkPlaces() {
	if p, ok := c.r.Values[attribute.AtContext].(attribute.Place); ok && p.Raw == "-" {
		c.wrong("context", "%w", attribute.ErrContextStdin)
	}
	if c.text("dockerfile") == "-" {
		c.wrong("dockerfile", "it cannot be %q: a definition has no Dockerfile on standard input", "-")
	}
}

// checkValues looks at each attribute by itself.
func (c *checker) checkValues() {
	for i := range attribute.Attributes {
		if v := c.r.Values[i]; v != nil && attribute.Attributes[i].Check != nil {
			for _, err := range attribute.Attributes[i].Check(v) {
				c.wrong(attribute.Attributes[i].Name, "%w", err)
			}
		}
	}
}

// checkOutputs looks at the destinations of exporters.
func (c *checker) checkOutputs() {
	entries, _ := c.r.Values[attribute.AtOutput].([]spec.Entry)
	toStdout, layouts := 0, 0
	for _, e := range entries {
		dest := e.Attrs["dest"]
		form := spec.NewOutput(e).Form
		if form == spec.FolderForm && e.Type != "local" {
			layouts++
		}
		switch {
		case form == spec.FolderForm && dest == "":
			c.wrong("output", "the exporter %q needs dest, the folder to write to", e.Type)
		case form == spec.FolderForm && dest == "-":
			c.wrong("output", "the exporter %q writes a folder, which cannot go to standard output", e.Type)
		case form == spec.FolderForm:
			c.checkFolder(dest)
		case form == spec.FileForm && dest == "-":
			toStdout++
		case form == spec.FileForm && dest != "":
			c.checkFile(dest)
		}
	}
	if toStdout > 1 {
		c.wrong("output", "several outputs go to standard output")
	}
	if layouts > 1 {
		c.wrong("output", "a builder writes one folder with an image (tar=false) of a target, and this has %d: write the others as files, or in a target that inherits this one", layouts)
	}
}

// checkFile reports a destination that is a folder already.
func (c *checker) checkFile(dest string) {
	if info := c.destination(dest); info != nil && info.IsDir() {
		c.wrong("output", "the destination %s must be a file, and it is a folder", dest)
	}
}

// checkFolder reports a destination that is a file already.
func (c *checker) checkFolder(dest string) {
	if info := c.destination(dest); info != nil && !info.IsDir() {
		c.wrong("output", "the destination %s must be a folder, and it is a file", dest)
	}
}

// destination is what is at a destination; nil if that is nothing.
func (c *checker) destination(dest string) fs.FileInfo {
	if c.in.Host == nil {
		return nil
	}
	info, err := c.in.Host.Stat(dest)
	if err == nil {
		return info
	}
	if !errors.Is(err, fs.ErrNotExist) {
		c.wrong("output", "the destination %s cannot be used: %w", dest, err)
	}
	return nil
}
