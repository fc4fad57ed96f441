//go:build unix

package debugging

import (
	"os"
	"os/signal"
	"syscall"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
)

// follow sends the size of the terminal, now and whenever it changes.
func follow(size func() (gateway.WinSize, bool)) (sizes <-chan gateway.WinSize, stop func()) {
	out := make(chan gateway.WinSize, 1)
	changed := make(chan os.Signal, 1)
	done := make(chan struct{})
	signal.Notify(changed, syscall.SIGWINCH)
	go func() {
		for {
			if now, ok := size(); ok {
				select {
				case out <- now:
				case <-done:
					return
				}
			}
			select {
			case <-changed:
			case <-done:
				return
			}
		}
	}()
	return out, func() {
		signal.Stop(changed)
		close(done)
	}
}
