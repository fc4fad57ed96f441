package check

import (
	"maps"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/planner"
)

// exporterOptions are the options that the exporters of BuildKit and orch read.
// An older or newer builder may know others, which it is sent all the same.
var exporterOptions = func() map[string][]string {
	fs := []string{"dest", "platform-split", "attestation-prefix", "source-date-epoch", "rewrite-timestamp"}
	image := []string{
		"name", "compression", "compression-level", "force-compression", "oci-mediatypes", "oci-artifact",
		"attestation-inline", "prefer-nondist-layers", "rewrite-timestamp", "source-date-epoch", "buildinfo",
		"buildinfo-attrs", "dangling-name-prefix", "danging-name-empty-only", "name-canonical",
	}
	pushed := append([]string{"push", "push-by-digest", "registry.insecure", "insecure", "unpack", "store"}, image...)
	archive := append([]string{"dest", "tar", "context"}, image...)
	return map[string][]string{
		"local": append([]string{"mode", "src"}, fs...), "tar": append([]string{"src"}, fs...),
		"image": pushed, "registry": pushed, "oci": archive, "docker": archive,
	}
}()

// checkOptions warns of options that no exporter reads, and of folders whose
// name looks like an exporter: bake and the builder pass over both in silence.
func (ck *checker) checkOptions(b *planner.Build, o config.Output) {
	at := b.Target.RangeOf("output")
	if o.Type == "local" && len(o.Attrs) == 1 && looksLikeExporter(o.Attrs["dest"]) {
		ck.report.Warn(at, "Output into a folder", "Target %q writes its files into a folder with the name %q. For an exporter write type=NAME, such as type=image; for the folder ./%s.",
			b.Name(), o.Attrs["dest"], o.Attrs["dest"])
	}
	known := exporterOptions[o.Type]
	if known == nil {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(o.Attrs)) {
		if slices.Contains(known, key) || strings.HasPrefix(key, "annotation") || strings.HasPrefix(key, "attest:") {
			continue
		}
		ck.report.Warn(at, "Unknown option", "Target %q: the exporter %q does not know the option %q.%s", b.Name(), o.Type, key, suggest.Sentence(key, known))
	}
}

// looksLikeExporter says whether somebody who wrote this as a folder may have
// meant an exporter.
func looksLikeExporter(dest string) bool {
	return dest == "type" || slices.Contains(knownExporters, dest) || !strings.ContainsAny(dest, "/.") && strings.Contains(dest, "=")
}
