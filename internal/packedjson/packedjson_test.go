package packedjson

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestWriteRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json.gz")
	want := []string{"a", "b"}
	if err := Write(path, want); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	var got []string
	if err := Read(path, 1<<10, &got); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if err := Read(path, 3, &got); err == nil {
		t.Error("more was read than was asked for")
	}
	if err := os.WriteFile(path, []byte("no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	if Read(path, 1<<10, &got) == nil || Read(path+"x", 1<<10, &got) == nil {
		t.Error("no error")
	}
}
