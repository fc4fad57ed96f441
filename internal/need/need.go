// Package need is for tests that want a program of the machine. Where it is
// missing, a developer's test is skipped; on CI, where the set-up has to bring
// it, it fails.
package need

import (
	"os"
	"os/exec"
	"testing"
)

// CI says whether the tests run on a CI system.
func CI() bool { return os.Getenv("CI") != "" }

// Missing skips the test because of what is not on this machine, unless it runs
// on CI: what scripts/setup.sh installs is there.
func Missing(t testing.TB, what string) {
	t.Helper()
	if CI() {
		t.Fatalf("no %s on this machine, though CI is set: scripts/setup.sh tests installs it", what)
	}
	t.Skipf("no %s on this machine: scripts/setup.sh tests installs it", what)
}

// Browser finds a Chromium.
func Browser(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Missing(t, "Chromium")
	return ""
}
