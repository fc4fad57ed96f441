package reproduce

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/clitest"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/parts"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/runner/embedded"
)

// thisProgram has no parts, and is the builder itself.
type thisProgram struct{ parts.Parts }

func (thisProgram) SetProgram(*cli.Env, *embedded.Options) {}

// TestSecond gives the second build of the embedded builder a state folder that is empty
// at first and gone afterwards; another builder builds both times.
func TestSecond(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("without root, a builder is started to remove what another has left")
	}
	for builder, own := range map[string]bool{"embedded": true, "tcp://127.0.0.1:1": false} {
		state := t.TempDir()
		left := filepath.Join(state, "repro", "left")
		if err := os.MkdirAll(left, 0o700); err != nil {
			t.Fatal(err)
		}
		e, _, stderr := clitest.Env(map[string]string{"ORCH_STATE_DIR": state, "HOME": state, "DOCKER_CONFIG": state}, "repro")
		c := &command{env: planning.New(machine.New(e, thisProgram{}))}
		c.load.Builder.Name(builder)
		second, clean, err := c.second(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(left); (err == nil) == own {
			t.Errorf("%s: what another run left: %v", builder, err)
		}
		want := state
		if own {
			want = filepath.Join(state, "repro")
		}
		if got := second.Getenv("ORCH_STATE_DIR"); got != want {
			t.Errorf("%s: the second build is in %s, want %s", builder, got, want)
		}
		if err := os.MkdirAll(left, 0o700); err != nil {
			t.Fatal(err)
		}
		clean()
		if _, err := os.Stat(left); (err == nil) == own {
			t.Errorf("%s: what the second build left: %v", builder, err)
		}
		if stderr.Len() > 0 {
			t.Errorf("%s: %s", builder, stderr)
		}
	}
}
