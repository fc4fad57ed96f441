//go:build !unix

package debugging

import gateway "github.com/moby/buildkit/frontend/gateway/client"

// follow sends the size of the terminal, once.
func follow(size func() (gateway.WinSize, bool)) (sizes <-chan gateway.WinSize, stop func()) {
	out := make(chan gateway.WinSize, 1)
	if now, ok := size(); ok {
		out <- now
	}
	return out, func() {}
}
