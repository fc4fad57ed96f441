//go:build unix

package load

import (
	"os"
	"strings"
	"testing"
)

// TestEndlessVarFile reads variables from a device that has no end.
func TestEndlessVarFile(t *testing.T) {
	if _, err := readVarFile("/dev/zero", os.LookupEnv); err == nil || !strings.Contains(err.Error(), "/dev/zero: it has more than") {
		t.Error(err)
	}
}
