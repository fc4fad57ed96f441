package embedded

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// A builder that was killed and has its lock for a while yet leaves no steps.
func TestKillOrphansOfDying(t *testing.T) {
	p := newPaths(t.TempDir())
	step := exec.Command("sleep", "1000")
	if err := step.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = step.Wait()
		close(ended)
	}()
	defer func() { _ = step.Process.Kill() }()
	file := filepath.Join(p.Run, "runc", "x", "state.json")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`{"init_process_pid":%d,"init_process_start":%d}`, step.Process.Pid, startTime(step.Process.Pid))
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(p.Lock), 0o755); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(p.Lock)
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() { _ = lock.Unlock() })
	if err := killOrphans(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the step still runs")
	}
}
