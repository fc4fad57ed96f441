package outputs

import (
	"fmt"

	"golang.org/x/mod/semver"

	"github.com/orch-build/orch/planner"
)

// sourceSince is the first BuildKit whose local and tar exporters know src. One
// before it passes over the option and writes the whole file system.
const sourceSince = "v0.34.0"

// CheckSource refuses an output that asks for a part of the result where the
// builder would write all of it. A builder that does not say of which version it
// is, such as one made from a checkout, is trusted.
func CheckSource(b *planner.Build, version string) error {
	if !semver.IsValid(version) || semver.Compare(version, sourceSince) >= 0 || semver.Build(version) != "" {
		return nil
	}
	for _, o := range b.Target.Outputs {
		if _, asked := o.Attrs["src"]; !asked || o.Type != "local" && o.Type != "tar" {
			continue
		}
		at := b.Target.RangeOf("output")
		return fmt.Errorf("%s:%d: the output type=%s with src=%s needs a builder with BuildKit %s; this one has %s, "+
			"which would write the whole file system: take a newer builder, or copy %s into a stage of its own and leave src out",
			at.Filename, at.Start.Line, o.Type, o.Source, sourceSince, version, o.Source)
	}
	return nil
}
