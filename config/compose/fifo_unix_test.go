//go:build unix

package compose

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// TestFIFO reads Compose files that name a FIFO, which nobody writes to.
func TestFIFO(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text  string
		wrong bool
	}{
		"env_file": {"services: {a: {build: {context: .}, env_file: " + dir + "/fifo}}", true},
		"include":  {"include: [" + dir + "/fifo]", true},
		"extends":  {"services: {a: {extends: {file: " + dir + "/fifo, service: b}}}", true},
		"nothing":  {"services: {a: {build: {context: .}, env_file: " + os.DevNull + "}}", false},
	} {
		files := []types.ConfigFile{{Filename: filepath.Join(dir, "compose.yaml"), Content: []byte(c.text)}}
		_, err := Load(files, map[string]string{}, false, func(string) error { return nil })
		if (err != nil) != c.wrong || c.wrong && !strings.Contains(err.Error(), "fifo is not a file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
