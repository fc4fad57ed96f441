//go:build unix

package runs

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/orch-build/orch/runner/record"
)

// TestImportFIFO imports what nobody writes into: to open it would wait for ever.
func TestImportFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.zip")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Import(record.Store{}, path); err == nil || !strings.Contains(err.Error(), "it is not a file") {
		t.Errorf("importing a FIFO: %v", err)
	}
}
