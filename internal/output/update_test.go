package output_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/orch-build/orch/internal/output"
)

// Nobody's update is lost, however many there are at once.
func TestUpdateTogether(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state", "list")
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			if err := output.Update(name, 0o600, func(old []byte) ([]byte, error) { return append(old, 'x'), nil }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	data, err := os.ReadFile(name)
	if err != nil || string(data) != strings.Repeat("x", 40) {
		t.Errorf("the file holds %q, %v", data, err)
	}
}

func TestUpdateLeavesWhatFails(t *testing.T) {
	name := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	fault := errors.New("no")
	if err := output.Update(name, 0o600, func([]byte) ([]byte, error) { return []byte("new"), fault }); !errors.Is(err, fault) {
		t.Errorf("error %v", err)
	}
	if err := output.Update(name, 0o600, func([]byte) ([]byte, error) { return nil, nil }); err != nil {
		t.Error(err)
	}
	if data, _ := os.ReadFile(name); string(data) != "old" {
		t.Errorf("the file holds %q", data)
	}
}
