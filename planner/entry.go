package planner

import (
	"maps"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
)

// EntryList writes exporters and caches as bake files do.
func EntryList(list []config.Entry) string {
	var out []string
	for _, e := range list {
		parts := []string{"type=" + e.Type}
		attrs := PublicAttrs(e.Attrs)
		for _, k := range slices.Sorted(maps.Keys(attrs)) {
			parts = append(parts, k+"="+attrs[k])
		}
		out = append(out, strings.Join(parts, ","))
	}
	return strings.Join(out, " ")
}

// PublicAttrs masks the attributes of an exporter or cache that are
// credentials: the keys and tokens of BuildKit's s3, azblob and gha caches.
func PublicAttrs(attrs map[string]string) map[string]string {
	out := maps.Clone(attrs)
	for k := range out {
		for _, part := range []string{"secret", "token", "access_key", "account_key", "password"} {
			if strings.Contains(strings.ToLower(k), part) {
				out[k] = config.Masked
			}
		}
	}
	return out
}
