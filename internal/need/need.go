// Package need is for tests that want a program of the machine. Where it is
// missing, a developer's test is skipped; on CI, where the set-up has to bring
// it, it fails. The package also says how long tests may take that can go on for
// as long as one likes.
package need

import (
	"os"
	"os/exec"
	"testing"
)

// CI says whether the tests run on a CI system.
func CI() bool { return os.Getenv("CI") != "" }

// Rounds is how many of n random or similar cases a test tries: all of them where
// ORCH_LONG_TESTS is set, as "make stress" does, and else a quarter. Under the race
// detector, which makes them many times slower, it is a twentieth: what runs beside
// what is the same in each of them.
func Rounds(n int) int {
	switch {
	case Long():
		return n
	case raceDetector:
		return n / 20
	}
	return n / 4
}

// Long says whether the long form of tests is wanted.
func Long() bool { return os.Getenv("ORCH_LONG_TESTS") != "" }

// Missing skips the test because of what is not on this machine, unless it runs
// on CI: what scripts/setup.sh installs is there.
func Missing(t testing.TB, what string) {
	t.Helper()
	if CI() {
		t.Fatalf("no %s on this machine, though CI is set: scripts/setup.sh tests installs it", what)
	}
	t.Skipf("no %s on this machine: scripts/setup.sh tests installs it", what)
}

// Browser finds a Chromium. The one without a window of its own comes first: it needs
// a third of the processor time.
func Browser(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Missing(t, "Chromium")
	return ""
}
