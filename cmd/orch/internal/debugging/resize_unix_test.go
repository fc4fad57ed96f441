//go:build unix

package debugging

import (
	"os"
	"syscall"
	"testing"
	"time"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
)

// TestFollow sends the size of the terminal at once, and again when it changes.
func TestFollow(t *testing.T) {
	rows := make(chan uint32, 2)
	rows <- 24
	sizes, stop := follow(func() (gateway.WinSize, bool) { return gateway.WinSize{Rows: <-rows}, true })
	defer stop()
	if got := <-sizes; got.Rows != 24 {
		t.Errorf("%d rows", got.Rows)
	}
	rows <- 50
	for { // one signal may come before follow waits for it
		if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-sizes:
			if got.Rows != 50 {
				t.Errorf("%d rows", got.Rows)
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}
