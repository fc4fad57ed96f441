package regular

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("four"), 0o644); err != nil {
		t.Fatal(err)
	}
	if data, err := ReadFile(file, 4); err != nil || string(data) != "four" {
		t.Errorf("ReadFile = %q, %v", data, err)
	}
	for path, want := range map[string]string{
		file:                        "larger than 3 bytes",
		dir:                         "it is not a file",
		filepath.Join(dir, "other"): "no such file",
	} {
		if _, err := ReadFile(path, 3); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadFile(%s): %v, want %q", path, err, want)
		}
	}
}
