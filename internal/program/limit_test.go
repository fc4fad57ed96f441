//go:build linux

package program

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A process that may open few files only is told so.
func TestFewFiles(t *testing.T) {
	const marker = "TEST_FEW_FILES"
	if os.Getenv(marker) == "" {
		cmd := exec.Command("sh", "-c", "ulimit -n 64; exec "+os.Args[0]+" -test.run TestFewFiles")
		cmd.Env = append(os.Environ(), marker+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	_, err := Unpack(t.TempDir(), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(nil)), nil })
	if !errors.Is(err, unix.EMFILE) || !strings.Contains(err.Error(), "too many open files") {
		t.Errorf("got %v", err)
	}
}
