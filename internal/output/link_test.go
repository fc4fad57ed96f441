package output

import (
	"os"
	"path/filepath"
	"testing"
)

// TestShare removes one of two names: the other keeps the file. No file that is there
// is replaced.
func TestShare(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := WriteFile(a, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Share(a, b); err != nil {
		t.Skipf("no hard links here: %v", err)
	}
	if Share(a, b) == nil {
		t.Error("a file that is there was replaced")
	}
	if err := os.Remove(a); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(b); err != nil || string(data) != "text" {
		t.Errorf("the other name has %q (%v)", data, err)
	}
}
