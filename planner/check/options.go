package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
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

// unread is an option that nothing reads, in a line of the definition or of the
// command line, which is no place in a file.
type unread struct {
	what, of, key, meant string
	at                   fault.Range
	flag                 string // that set it, or ""
}

// unreads collects the targets that have each such option: those that inherit a
// line share what is wrong with it.
type unreads struct {
	order []unread
	by    map[unread][]string
}

// note adds an option of a target; attr is where it is written.
func (u *unreads) note(b *planner.Build, attr string, o unread) {
	o.at = planner.ContextRange(b.Target, attr)
	set, _, _ := strings.Cut(attr, ".")
	if o.at == b.Target.Range { // the definition has no place for it
		o.flag = b.Target.Overridden[set]
	}
	if u.by[o] == nil {
		u.order = append(u.order, o)
	}
	u.by[o] = append(u.by[o], b.Name())
}

// warnUnread warns of the options that were noted, once of each.
func (ck *checker) warnUnread() {
	for _, o := range ck.unread.order {
		who := fmt.Sprintf("Target %q", ck.unread.by[o][0])
		if names := unique(ck.unread.by[o]); len(names) > 1 {
			who = "Targets " + fault.Names(names)
		}
		text := fmt.Sprintf("%s: the %s %q does not know the option %q.%s", who, o.what, o.of, o.key, o.meant)
		if o.flag == "" {
			ck.report.Warn(o.at, "Unknown option", "%s", text)
			continue
		}
		ck.report.Diags = append(ck.report.Diags, &fault.Diagnostic{
			Severity: fault.Warning, Summary: "Unknown option", Detail: text + fmt.Sprintf(" This was set by %s.", o.flag),
		})
	}
}

// checkMisspelt notes options that look like one of those that are read. Others may
// be for a newer builder, or for a scanner of one's own.
func (ck *checker) checkMisspelt(b *planner.Build, attr, what string, e config.Entry, own, others []string) {
	for _, key := range slices.Sorted(maps.Keys(e.Attrs)) {
		if slices.Contains(own, key) || slices.Contains(others, key) {
			continue
		}
		if meant := suggest.Sentence(key, own); meant != "" {
			ck.unread.note(b, attr, unread{what: what, of: e.Type, key: key, meant: meant})
		}
	}
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

// checkOptions notes options that no exporter reads, and warns of folders whose
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
		ck.unread.note(b, "output", unread{what: "exporter", of: o.Type, key: key, meant: suggest.Sentence(key, known)})
	}
}

// looksLikeExporter says whether somebody who wrote this as a folder may have
// meant an exporter.
func looksLikeExporter(dest string) bool {
	return dest == "type" || slices.Contains(knownExporters, dest) || !strings.ContainsAny(dest, "/.") && strings.Contains(dest, "=")
}
