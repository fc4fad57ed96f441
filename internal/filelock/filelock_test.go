package filelock

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// TestHold: many that change one file at the same time lose nothing.
func TestHold(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "count")
	if err := os.WriteFile(path, []byte("0"), 0o644); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			release, err := Hold(context.Background(), path+".lock")
			if err != nil {
				t.Error(err)
				return
			}
			defer release()
			data, _ := os.ReadFile(path)
			n, _ := strconv.Atoi(string(data))
			if err := os.WriteFile(path, []byte(strconv.Itoa(n+1)), 0o644); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if data, _ := os.ReadFile(path); string(data) != "20" {
		t.Errorf("counted %s, want 20", data)
	}
	if _, err := os.Stat(path + ".lock"); !os.IsNotExist(err) {
		t.Errorf("the lock is still there: %v", err)
	}
}
