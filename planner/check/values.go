package check

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/planner"
)

// What BuildKit and its exporters, caches and attestations know.
var (
	knownExporters    = []string{"image", "registry", "oci", "docker", "local", "tar", "cacheonly"}
	knownCaches       = []string{"registry", "local", "inline", "gha", "s3", "azblob"}
	knownAttestations = []string{"provenance", "sbom"}
	knownCompressions = []string{"uncompressed", "gzip", "estargz", "zstd"}
	knownNetworks     = []string{"default", "none", "host", "sandbox"}
	knownEntitlements = []string{"network.host", "security.insecure", "device"}
)

// checkValues reports values that the builder would refuse, or pass over, once
// everything is built.
func (ck *checker) checkValues(b *planner.Build) {
	t := b.Target
	ck.checkNames(b, t.Tags, "tags")
	for _, o := range t.Outputs {
		before := len(ck.report.Diags)
		ck.checkExporter(b, o)
		pointAtFlag(t, "output", ck.report.Diags[before:])
	}
	for _, e := range t.CacheFrom {
		ck.checkCacheEntry(b, e, "cache-from", "src")
	}
	for _, e := range t.CacheTo {
		ck.checkCacheEntry(b, e, "cache-to", "dest")
	}
	for _, e := range t.Attest {
		ck.checkAttestation(b, e)
	}
	ck.checkCacheBlock(b)
	if t.Network != "" {
		ck.known(b, "network", "network mode", t.Network, knownNetworks)
	}
	ck.checkHosts(b)
	if v := t.Args["SOURCE_DATE_EPOCH"]; v != "" {
		if _, err := strconv.ParseInt(v, 10, 64); err != nil {
			ck.fail(b, b.Target.RangeOf("args"), "Invalid SOURCE_DATE_EPOCH", "SOURCE_DATE_EPOCH is %q, in args or in the environment. It is a number of seconds since 1970.", v)
		}
	}
	for _, e := range t.Entitlements {
		name, _, _ := strings.Cut(e, "=")
		ck.known(b, "entitlements", "entitlement", name, knownEntitlements)
	}
}

// checkHosts reports names and addresses of extra-hosts that steps would not get.
func (ck *checker) checkHosts(b *planner.Build) {
	before := len(ck.report.Diags)
	at := b.Target.RangeOf("extra-hosts")
	for _, name := range slices.Sorted(maps.Keys(b.Target.ExtraHosts)) {
		if name == "" || strings.ContainsAny(name, "=, \t\n") {
			ck.fail(b, at, "Invalid extra-hosts", "%q is not the name of a host.", name)
			continue
		}
		for ip := range strings.SplitSeq(b.Target.ExtraHosts[name], ",") {
			if _, ok := config.HostAddress(ip); !ok {
				ck.fail(b, at, "Invalid extra-hosts", "the host %q has the address %q. Write an IP address, several with commas between them, or %s.",
					name, ip, config.HostGateway)
			}
		}
	}
	pointAtFlag(b.Target, "extra-hosts", ck.report.Diags[before:])
}

// known reports a word that is none of those that there are.
func (ck *checker) known(b *planner.Build, attr, what, word string, words []string) bool {
	if slices.Contains(words, word) {
		return true
	}
	ck.fail(b, b.Target.RangeOf(attr), "Unknown "+what, "there is no %s %q; there are %s.%s",
		what, word, strings.Join(words, ", "), suggest.Sentence(word, words))
	return false
}

func (ck *checker) checkExporter(b *planner.Build, o config.Output) {
	at := b.Target.RangeOf("output")
	if !ck.known(b, "output", "exporter", o.Type, knownExporters) {
		return
	}
	ck.checkLayers(b, o.Entry, "output")
	ck.booleans(b, o.Entry, "output", o.NotBool)
	ck.checkOptions(b, o)
	if o.Mode != "" {
		ck.known(b, "output", "mode", o.Mode, []string{"copy", "delete"})
	}
	if _, written := o.Attrs["src"]; written && o.Source == "" && (o.Type == "local" || o.Type == "tar") {
		ck.fail(b, at, "Invalid output", "src is empty. Leave it out to write the whole file system.")
	}
	names, attr := b.Target.Tags, "tags"
	if len(names) == 0 && len(o.Names) > 0 {
		names, attr = o.Names, "output"
	}
	if o.Push && len(names) == 0 {
		ck.report.Fail(at, "Image without a name", "Target %q pushes an image that has no name. Write tags = [\"registry.example.com/%s:v1\"] in the target.", b.Name(), b.Name())
	}
	ck.checkExport(b, o, names, attr)
	switch o.Type {
	case "image", "registry", "oci", "docker":
		if attr == "output" {
			ck.checkNames(b, names, attr)
		}
	}
}

// checkNames reports what cannot be the name of an image. Tags are checked
// whether or not an output uses them: another command may.
func (ck *checker) checkNames(b *planner.Build, names []string, attr string) {
	for _, n := range names {
		if _, err := reference.ParseNormalizedNamed(strings.TrimSpace(n)); err != nil {
			ck.fail(b, b.Target.RangeOf(attr), "Invalid image name", "%q is not the name of an image: %s. Write one such as \"registry.example.com/%s:v1\".", n, err, b.Name())
		}
	}
}

// checkLayers reports wrong values of attributes that exporters and caches
// share.
func (ck *checker) checkLayers(b *planner.Build, e config.Entry, attr string) {
	if c, ok := e.Attrs["compression"]; ok {
		ck.known(b, attr, "compression", c, knownCompressions)
	}
	if level, ok := e.Attrs["compression-level"]; ok {
		if _, err := strconv.Atoi(level); err != nil {
			ck.fail(b, b.Target.RangeOf(attr), "Invalid compression level", "compression-level is %q, which is not a whole number.", level)
		}
	}
	if v := e.Attrs["source-date-epoch"]; v != "" {
		if _, err := strconv.ParseInt(v, 10, 64); err != nil {
			ck.fail(b, b.Target.RangeOf(attr), "Invalid "+attr, "source-date-epoch is %q. It is a number of seconds since 1970.", v)
		}
	}
}

// booleans reports attributes that are neither true nor false.
func (ck *checker) booleans(b *planner.Build, e config.Entry, attr string, names []string) {
	for _, name := range names {
		ck.fail(b, b.Target.RangeOf(attr), "Invalid "+attr, "%s is %q. It is true or false.", name, e.Attrs[name])
	}
}

// checkCacheEntry reports what is wrong with a written cache; place is the
// attribute that says where one of the type local is.
func (ck *checker) checkCacheEntry(b *planner.Build, e config.CacheEntry, attr, place string) {
	at := b.Target.RangeOf(attr)
	if !ck.known(b, attr, "type of cache", e.Type, knownCaches) {
		return
	}
	ck.checkLayers(b, e.Entry, attr)
	ck.booleans(b, e.Entry, attr, e.NotBool)
	own, others := cacheTypeOptions[e.Type].of(attr)
	ck.checkMisspelt(b, attr, "cache", e.Entry, own, others)
	if mode := e.Attrs["mode"]; mode != "" && attr == "cache-to" {
		ck.known(b, attr, "cache mode", mode, []string{"min", "max"})
	}
	switch e.Type {
	case "local":
		if e.Attrs[place] == "" {
			ck.fail(b, at, "Invalid "+attr, "a cache of the type local needs a folder. Write type=local,%s=FOLDER.", place)
		}
	case "registry":
		if _, err := reference.ParseNormalizedNamed(e.Attrs["ref"]); err != nil {
			ck.fail(b, at, "Invalid "+attr, "a cache of the type registry needs a repository, and ref is %q. Write type=registry,ref=registry.example.com/cache.", e.Attrs["ref"])
		}
	case "inline":
		if attr == "cache-from" {
			ck.fail(b, at, "Invalid "+attr, "the cache in an image is read as type=registry,ref=IMAGE.")
		}
	}
}

func (ck *checker) checkAttestation(b *planner.Build, e config.Attest) {
	if !ck.known(b, "attest", "attestation", e.Type, knownAttestations) {
		return
	}
	ck.checkMisspelt(b, "attest", "attestation", e.Entry, attestOptions[e.Type], nil)
	if e.Type != "provenance" {
		return
	}
	if mode := e.Attrs["mode"]; mode != "" {
		ck.known(b, "attest", "provenance mode", mode, []string{"min", "max", "full"})
	}
	if v := e.Attrs["version"]; v != "" {
		ck.known(b, "attest", "provenance version", v, []string{"v0.2", "v1"})
	}
	ck.booleans(b, e.Entry, "attest", e.NotBool)
}
