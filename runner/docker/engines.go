package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// Engines are the Docker engines that images of a run are loaded into, by their
// docker contexts.
type Engines struct {
	// whole are those that keep an image as it is, with all of its platforms and
	// attestations.
	whole map[string]bool
}

// KeepsIndex says whether an engine keeps images of several platforms and with
// attestations.
func (e *Engines) KeepsIndex(engine string) bool { return e != nil && e.whole[engine] }

// Ask makes sure, before anything is built, that the engines answer into which
// images are to be loaded, and that they can keep these images. Without such
// images nobody is asked, and the result is nil.
func Ask(ctx context.Context, plan *planner.Plan) (*Engines, error) {
	names := enginesOf(plan)
	if len(names) == 0 {
		return nil, nil
	}
	if _, err := exec.LookPath("docker"); err != nil {
		return nil, fmt.Errorf("loading images into Docker takes the command docker, which is not on PATH\n  (%s)", withoutDocker)
	}
	engines := &Engines{whole: map[string]bool{}}
	for _, name := range names {
		out, err := command(ctx, name, "version", "--format", "{{.Server.Version}}").CombinedOutput()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("no Docker engine answers%s, into which images could be loaded: %s\n  (%s)", contextText(name), strings.TrimSpace(string(out)), withoutDocker)
		}
		engines.whole[name] = keepsWhole(ctx, name)
	}
	return engines, engines.check(plan)
}

// enginesOf are the docker contexts of the engines that a plan loads images into.
func enginesOf(plan *planner.Plan) []string {
	var names []string
	for _, b := range plan.Builds {
		for _, o := range b.Target.Outputs {
			if o.Form == config.EngineForm {
				names = append(names, o.Engine)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// contextText names an engine in a message.
func contextText(engine string) string {
	if engine == "" {
		return ""
	}
	return fmt.Sprintf(" (docker context %q)", engine)
}

// keepsWhole asks an engine whether it keeps images in containerd's store. One
// that does not say is taken for one that does not.
func keepsWhole(ctx context.Context, engine string) bool {
	out, err := command(ctx, engine, "info", "--format", "{{json .DriverStatus}}").Output()
	if err != nil {
		return false
	}
	var status [][2]string
	store := [2]string{"driver-type", "io.containerd.snapshotter.v1"}
	return json.Unmarshal(out, &status) == nil && slices.Contains(status, store)
}

// check says which images the engines cannot keep.
func (e *Engines) check(plan *planner.Plan) error {
	var faults []error
	for _, b := range plan.Builds {
		for _, o := range b.Target.Outputs {
			if o.Form != config.EngineForm || e.whole[o.Engine] {
				continue
			}
			if why := tooMuch(b); why != "" {
				faults = append(faults, fmt.Errorf("target %s: %s%s", b.Name(), why, contextText(o.Engine)))
				break
			}
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%w\n  (switch on containerd's image store in the engine: {\"features\": {\"containerd-snapshotter\": true}} in its daemon.json; or write a file: -o type=oci,dest=image.tar)", errors.Join(faults...))
}

// tooMuch says what an image has that an engine without containerd's store cannot
// keep.
func tooMuch(b *planner.Build) string {
	if len(b.Platforms) > 1 {
		return fmt.Sprintf("it has %d platforms (%s), and the Docker engine keeps images of one", len(b.Platforms), strings.Join(b.Platforms, ", "))
	}
	for _, a := range b.Target.Attest {
		if !a.Disabled && !a.InlineOnly {
			return fmt.Sprintf("it has an attestation (%s), and the Docker engine keeps none", a.Type)
		}
	}
	return ""
}
