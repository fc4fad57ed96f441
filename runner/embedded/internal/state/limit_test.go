//go:build linux

package state

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// A limit is named as such, and another folder does not help.
func TestExplainLimit(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.EMFILE: "ulimit -n", syscall.EFBIG: "ulimit -f", syscall.EAGAIN: "ulimit -u", syscall.ENOMEM: "memory",
	} {
		err := NewPaths("/x").Explain(fmt.Errorf("unpacking the program: %w", errno))
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "ORCH_STATE_DIR") {
			t.Errorf("%v: %v", errno, err)
		}
	}
}
