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

// cacheOptions are the options that BuildKit reads of a source and a destination
// of cache.
type cacheOptions struct{ from, to []string }

// of are those of an attribute, and others those of the other one.
func (o cacheOptions) of(attr string) (own, others []string) {
	if attr == "cache-from" {
		return o.from, o.to
	}
	return o.to, o.from
}

var cacheTypeOptions = func() map[string]cacheOptions {
	every := []string{"mode", "ignore-error"}
	layers := append([]string{"compression", "compression-level", "force-compression", "image-manifest", "oci-mediatypes"}, every...)
	gha := []string{"scope", "timeout", "token", "url", "url_v2", "repository", "ghtoken", "version"}
	s3 := []string{
		"bucket", "region", "prefix", "manifests_prefix", "blobs_prefix", "name", "touch_refresh", "endpoint_url", "access_key_id",
		"secret_access_key", "session_token", "use_path_style", "upload_parallelism", "disable_accept_encoding", "retry_mode",
		"retry_max_attempts",
	}
	azblob := []string{
		"secret_access_key", "account_name", "account_url", "prefix", "manifests_prefix", "blobs_prefix", "name", "container",
	}
	return map[string]cacheOptions{
		"registry": {from: []string{"ref", "registry.insecure"}, to: slices.Concat([]string{"ref", "registry.insecure"}, layers)},
		"local":    {from: []string{"src", "digest", "tag"}, to: slices.Concat([]string{"dest", "tag", "reset"}, layers)},
		"inline":   {to: every},
		"gha":      {from: gha, to: slices.Concat(every, gha)},
		"s3":       {from: s3, to: slices.Concat(every, s3)},
		"azblob":   {from: azblob, to: slices.Concat(every, azblob)},
	}
}()

// attestOptions are the options that BuildKit and its clients read of attestations.
var attestOptions = map[string][]string{
	"provenance": {
		"disabled", "mode", "version", "reproducible", "capture-usage", "complete-materials", "builder-id", "inline-only", "filename",
	},
	"sbom": {"disabled", "generator"},
}

// checkMisspelt warns of options that look like one of those that are read. Others may
// be for a newer builder, or for a scanner of one's own.
func (ck *checker) checkMisspelt(b *planner.Build, attr, what string, e config.Entry, own, others []string) {
	before := len(ck.report.Diags)
	for _, key := range slices.Sorted(maps.Keys(e.Attrs)) {
		if slices.Contains(own, key) || slices.Contains(others, key) {
			continue
		}
		if meant := suggest.Sentence(key, own); meant != "" {
			ck.unread(b, attr, what, e.Type, key, meant)
		}
	}
	set, _, _ := strings.Cut(attr, ".")
	pointAtFlag(b.Target, set, ck.report.Diags[before:])
}

// unread warns of an option that nothing reads.
func (ck *checker) unread(b *planner.Build, attr, what, typ, key, meant string) {
	ck.warn(b, planner.ContextRange(b.Target, attr), "Unknown option", "the %s %q does not know the option %q.%s", what, typ, key, meant)
}

// checkCacheBlock looks at the options of a cache block, which are for sources and
// destinations alike.
func (ck *checker) checkCacheBlock(b *planner.Build) {
	c := b.Target.Cache
	if c == nil {
		return
	}
	known := cacheTypeOptions[c.Type]
	ck.checkMisspelt(b, "cache.options", "cache", config.Entry{Type: c.Type, Attrs: c.Options}, slices.Concat(known.to, known.from), nil)
}

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
		ck.unread(b, "output", "exporter", o.Type, key, suggest.Sentence(key, known))
	}
}

// looksLikeExporter says whether somebody who wrote this as a folder may have
// meant an exporter.
func looksLikeExporter(dest string) bool {
	return dest == "type" || slices.Contains(knownExporters, dest) || !strings.ContainsAny(dest, "/.") && strings.Contains(dest, "=")
}
