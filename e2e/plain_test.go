//go:build linux

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestPlainOrder builds targets of which the builder has every step, where the
// end of a target is known about as soon as its steps are shown: its line comes
// after theirs.
func TestPlainOrder(t *testing.T) {
	t.Parallel()
	builderSocket(t, shared.state)
	dir := project(t, map[string]string{
		"build.hcl": fmt.Sprintf(`
variable "BUSYBOX" {}
target "default" {
  name     = "t${i}"
  matrix   = { i = range(30) }
  contexts = { busybox = BUSYBOX }
  args     = { I = "${i}", NONCE = "order%d" }
  output   = ["type=cacheonly"]
}`, os.Getpid()),
		"Dockerfile": "FROM scratch AS base\nCOPY --from=busybox / /\nFROM base AS app\nARG NONCE\nARG I\nRUN echo $NONCE $I\n",
	})
	for i := range 4 {
		out, err := runOrch(dir, "bake", "--progress", "plain").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if n := strings.Count(string(out), " done in "); n != 30 {
			t.Errorf("run %d: %d targets are said to be done\n%s", i, n, out)
		}
		endsInOrder(t, string(out))
	}
}
