package runs

import (
	"io"
	"path/filepath"

	"github.com/orch-build/orch/internal/page"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner/record"
)

// PageFile is where the page of a run is kept if nobody says where.
func PageFile(k record.Kept) string { return filepath.Join(k.Dir, "report.html") }

// Page writes the page of a run.
func Page(w io.Writer, k record.Kept) error {
	rec, err := k.Record()
	if err != nil {
		return err
	}
	return page.Write(termtext.Raw(w), rec.Page(record.Beside{Plan: k.Plan(), Kept: k}))
}

// WritePage writes the page of a run to a file.
func WritePage(file string, k record.Kept) error {
	rec, err := k.Record()
	if err != nil {
		return err
	}
	return record.WritePage(file, rec, record.Beside{Plan: k.Plan(), Kept: k})
}
