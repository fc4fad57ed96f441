//go:build linux

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestStrictContext changes a context all the time while it is sent. With
// --strict-context each run ends, soon, and by the change.
func TestStrictContext(t *testing.T) {
	t.Parallel()
	files := map[string]string{"build.hcl": "target \"default\" {\n  context = \"ctx\"\n  dockerfile-inline = \"FROM scratch\\nCOPY . /\"\n  output = [\"type=cacheonly\"]\n}\n"}
	for i := range 200 {
		files[fmt.Sprintf("ctx/f%03d", i)] = strings.Repeat("x", 100_000)
	}
	dir := project(t, files)
	ctx, stop := context.WithCancel(t.Context())
	var changing sync.WaitGroup
	defer changing.Wait()
	defer stop()
	changing.Go(func() {
		// What fails did not change anything, and the next one will.
		for n := 0; ctx.Err() == nil; n++ {
			one := filepath.Join(dir, "ctx", fmt.Sprintf("f%03d", rand.IntN(200)))
			switch n % 3 {
			case 0:
				_ = os.WriteFile(one, bytes.Repeat([]byte("y"), 1+rand.IntN(300_000)), 0o644)
			case 1:
				_ = os.Remove(one)
			case 2:
				_ = os.Rename(one, one+"n")
				_ = os.Mkdir(one, 0o755)
				_ = os.Remove(one)
				_ = os.Rename(one+"n", one)
			}
			time.Sleep(time.Millisecond)
		}
	})
	failed := 0
	for range rounds(t, 8, 50) {
		begun := time.Now()
		out, err := runOrch(dir, "bake", "--no-cache", "--progress", "plain", "--strict-context").CombinedOutput()
		if time.Since(begun) > time.Minute {
			t.Fatalf("took %v:\n%s", time.Since(begun), out)
		}
		if err != nil {
			failed++
			if !bytes.Contains(out, []byte("the context ctx changed while it was read: ")) {
				t.Errorf("%v:\n%s", err, out)
			}
		}
	}
	if failed == 0 {
		t.Error("no run was ended by a change")
	}
}
