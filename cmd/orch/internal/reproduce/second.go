package reproduce

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/filelock"
	"github.com/orch-build/orch/internal/statedir"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/embedded"
)

// stopTime is how long the second builder may take to stop.
const stopTime = 30 * time.Second

// second is the session of the second build: on an embedded builder that has built
// nothing yet. With any other builder, the same one builds both times.
func (c *command) second(ctx context.Context) (*planning.Session, func(), error) {
	nothing := func() {}
	if c.sites != nil {
		return c.env, nothing, nil
	}
	here, err := c.load.Builder.IsEmbedded(c.env.Machine)
	if err != nil || !here {
		return c.env, nothing, err
	}
	state, err := statedir.Default(c.env.Getenv)
	if err != nil {
		return nil, nil, err
	}
	// Beside the state of the first builder, where there is space, and where the file
	// system is known to support snapshots.
	dir := filepath.Join(state, "repro")
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, nil, err
	}
	release, err := filelock.Hold(ctx, dir+".lock")
	if err != nil {
		return nil, nil, err
	}
	e := c.env.Over(map[string]string{"ORCH_STATE_DIR": dir})
	remove := func() {
		if err := discard(e, dir); err != nil {
			fmt.Fprintf(c.env.Stderr, "Warning: the state folder of the second build is left: %v\n", err)
		}
	}
	remove() // what a killed run has left
	return e, func() { remove(); release() }, nil
}

// discard ends the builder of a state folder, and removes the folder.
func discard(e *planning.Session, dir string) error {
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	opt, err := machine.EmbeddedOptions(e.Machine)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		// Files of other users in snapshots can be removed only by the builder.
		if err := empty(ctx, opt); err != nil {
			return err
		}
	}
	if _, err := embedded.Stop(ctx, opt, embedded.AtOnce); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// empty removes all that a builder has built.
func empty(ctx context.Context, opt embedded.Options) error {
	d, err := embedded.Ensure(ctx, opt)
	if err != nil {
		return err
	}
	b, err := builder.Dial(ctx, d.Address, "the builder of the second build", builder.TLS{})
	if err != nil {
		return err
	}
	defer b.Close()
	_, err = embedded.Prune(ctx, b.Client(), embedded.PruneOptions{All: true})
	return err
}
