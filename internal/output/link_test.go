package output

import (
	"os"
	"path/filepath"
	"testing"
)

// TestShare writes one of two names anew: the other keeps what it had.
func TestShare(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := WriteFile(a, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Share(a, b); err != nil {
		t.Skipf("no hard links here: %v", err)
	}
	if Share(a, b) == nil {
		t.Error("a file that is there was replaced")
	}
	if err := WriteFile(a, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(b); err != nil || string(data) != "old" {
		t.Errorf("the other name has %q (%v)", data, err)
	}
}
