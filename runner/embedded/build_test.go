//go:build linux

package embedded

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Of two builds, one is always the newer, so that they do not take turns; and
// copies of one build are the same.
func TestNewerBuild(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	copied, other := filepath.Join(dir, "copied"), filepath.Join(dir, "other")
	if out, err := exec.Command("cp", self, copied).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(other, []byte("another program"), 0o755); err != nil {
		t.Fatal(err)
	}
	if b := buildOf(self); b.id == "" || b.id != buildOf(copied).id {
		t.Errorf("a copy has the id %q, the program %q", buildOf(copied).id, b.id)
	}
	now := time.Now()
	for _, c := range []struct {
		caller, callerVersion, builder, builderVersion string
		age                                            time.Duration // of the caller, against the builder
		want                                           bool
	}{
		{copied, "dev", self, "dev", -time.Hour, false},
		{copied, "1.0.0", self, "1.1.0", -time.Hour, false},
		{copied, "1.1.0", self, "1.0.0", time.Hour, true},
		{other, "dev", self, "dev", -time.Hour, true},
		{other, "dev", self, "dev", time.Hour, false},
		{other, "dev", self, "1.0.0", -time.Hour, true},
		{other, "1.0.0", self, "1.0.0", -time.Hour, true},
		{other, "1.0.0", self, "1.1.0", -time.Hour, false},
	} {
		for file, when := range map[string]time.Time{c.builder: now, c.caller: now.Add(-c.age)} {
			if file == self {
				continue // its time is what it is
			}
			if err := os.Chtimes(file, when, when); err != nil {
				t.Fatal(err)
			}
		}
		info := &Info{Version: c.builderVersion, executable: c.builder, build: buildOf(c.builder)}
		if c.builder == self {
			info.build.time = now.UnixNano()
		}
		o := Options{Version: c.callerVersion, Executable: c.caller}
		if got := outdated(o, info); got != c.want {
			t.Errorf("%+v: outdated is %t", c, got)
		}
		callers := buildOf(c.caller)
		if info.build.after(callers) && callers.after(info.build) {
			t.Errorf("%+v: each is after the other", c)
		}
	}
}
