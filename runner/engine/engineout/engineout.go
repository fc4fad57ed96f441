// Package engineout says how the outputs of targets are written by the BuildKit
// in a Docker Engine: images by its own exporter, which keeps them in the engine
// under whole names, and the rest by what its image store can do. It knows what
// targets have, and calls nobody.
package engineout

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// Store is how an engine keeps images.
type Store int

const (
	// None is for a builder that is not an engine.
	None Store = iota
	// Plain keeps one platform of an image and no attestations, and writes no
	// archives.
	Plain
	// Containerd is containerd's store, which does all that BuildKit does.
	Containerd
)

// Exporter is the type of the engine's own exporter.
const Exporter = "moby"

// Check says, before anything is built, what an engine without containerd's
// image store cannot write.
func Check(plan *planner.Plan, engine string) error {
	var faults []error
	for _, b := range plan.Builds {
		if err := check(b); err != nil {
			faults = append(faults, fmt.Errorf("target %s: %w", b.Name(), err))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%w\n  (%s keeps images without containerd's image store: switch that on in the engine, or choose another builder)", errors.Join(faults...), engine)
}

func check(b *planner.Build) error {
	if len(b.Platforms) > 1 {
		return fmt.Errorf("it has %d platforms (%s), and the engine keeps images of one", len(b.Platforms), strings.Join(b.Platforms, ", "))
	}
	for _, a := range b.Target.Attest {
		if !a.Disabled && !a.InlineOnly {
			return fmt.Errorf("it attests %s, and the engine keeps no attestations", a.Type)
		}
	}
	for _, o := range b.Target.Outputs {
		switch {
		case (o.Type == "oci" || o.Type == "docker") && o.Form != config.EngineForm:
			return fmt.Errorf("the engine writes no archives (output type=%s); local, tar and images go", o.Type)
		case o.Push && o.ByDigest:
			return errors.New("the engine pushes by tags, and not by digest (push-by-digest)")
		case o.Push && len(b.Target.Tags) == 0 && len(o.Names) == 0:
			return errors.New("a tag is needed to push an image: write tags = [\"registry/name:tag\"]")
		}
	}
	return nil
}

// Outputs are those of a target. One that has none is an image in the engine, if
// it was asked for.
func (s Store) Outputs(b *planner.Build) []config.Output {
	if s == None || len(b.Target.Outputs) > 0 || !b.Wanted {
		return b.Target.Outputs
	}
	return []config.Output{config.NewOutput(config.Entry{Type: "docker"})}
}

// IsImage says whether an output is an image that the engine keeps.
func IsImage(o config.Output) bool { return o.Form == config.ImageForm || o.Form == config.EngineForm }

// Keep are the attributes with which the engine keeps an image; those of a push
// are left out.
func Keep(attrs map[string]string) map[string]string {
	out := maps.Clone(attrs)
	for _, name := range []string{"push", "push-by-digest", "registry.insecure", "tar", "unpack", "store"} {
		delete(out, name)
	}
	return out
}

// Names are the whole names of an image, each once: the engine takes what it
// gets for the name itself.
func Names(names string) (string, error) {
	var out []string
	for name := range strings.SplitSeq(names, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		ref, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			return "", fmt.Errorf("name of an image %q: %w", name, err)
		}
		if whole := reference.TagNameOnly(ref).String(); !slices.Contains(out, whole) {
			out = append(out, whole)
		}
	}
	return strings.Join(out, ","), nil
}

// Pushed are the names under which the targets' images are to be in registries.
func Pushed(b *planner.Build) []string {
	var out []string
	for _, o := range b.Target.Outputs {
		if !o.Push {
			continue
		}
		names := b.Target.Tags
		if len(names) == 0 {
			names = o.Names
		}
		for _, name := range names {
			if whole, err := Names(name); err == nil && !slices.Contains(out, whole) {
				out = append(out, whole)
			}
		}
	}
	return out
}
