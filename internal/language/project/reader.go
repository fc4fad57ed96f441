package project

import (
	"fmt"
	"io/fs"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/language/document"
	"github.com/orch-build/orch/schema"
)

// reader reads the files of a definition, repaired where they are broken.
type reader struct {
	*document.View
	found  map[string]Repaired
	repair func(*document.Document) Repaired
	may    func(path string) bool
}

// errOutside says that a file is not one of the project.
var errOutside = fmt.Errorf("it is outside of the project, and is not read for an editor: %w", config.ErrNotGranted)

// denied is the error of a path that may not be read, or nil.
func (r *reader) denied(name string) error {
	if path := r.Abs(name); !r.may(path) {
		return &fs.PathError{Op: "read", Path: path, Err: errOutside}
	}
	return nil
}

// ReadDir lists a folder.
func (r *reader) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := r.denied(name); err != nil {
		return nil, err
	}
	return r.View.ReadDir(name)
}

// host is what a definition learns of files of this machine.
type host struct{ *reader }

// ReadFile returns the bytes of a file as it is.
func (h host) ReadFile(name string) ([]byte, error) {
	if err := h.denied(name); err != nil {
		return nil, err
	}
	return h.View.ReadFile(name)
}

// ReadFile returns the text of a file of the definition.
func (r *reader) ReadFile(name string) ([]byte, error) {
	if err := r.denied(name); err != nil {
		return nil, err
	}
	d, err := r.Document(name)
	if err != nil {
		return nil, err
	}
	if fixed, ok := r.found[d.Path]; ok {
		return fixed.Text, nil
	}
	fixed := Repaired{Text: d.Text}
	if syntax, ok := schema.SyntaxOf(name); ok && syntax == schema.HCL && len(d.Text) <= schema.MaxFileSize {
		if r.repair != nil {
			fixed = r.repair(d)
		} else {
			fixed = Repair(d.Path, d.Text)
		}
	}
	r.found[d.Path] = fixed
	return fixed.Text, nil
}

// diags are the errors of the parser, and whether blocks are missing.
func (r *reader) diags() (diags hcl.Diagnostics, lossy bool) {
	for _, fixed := range r.found {
		diags = append(diags, fixed.Diags...)
		lossy = lossy || fixed.Lossy
	}
	return diags, lossy
}
