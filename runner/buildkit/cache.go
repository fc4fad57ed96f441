package buildkit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/lane"
)

// importsOption is the frontend option that holds the cache sources as JSON.
const importsOption = "cache-imports"

// cacheSources returns what the anchor reads: every cache source of its
// targets, once.
func (a *anchor) cacheSources(ctx context.Context) []client.CacheOptionsEntry {
	seen := map[string]bool{}
	var out []client.CacheOptionsEntry
	for _, b := range a.builds {
		for _, c := range b.CacheFrom {
			if key := entryKey(c.Entry); !seen[key] {
				seen[key] = true
				if e, ok := a.run.cacheSource(ctx, c); ok {
					out = append(out, e)
				}
			}
		}
	}
	return out
}

// cacheSource is a source as BuildKit takes it, or false if it is known
// beforehand that there is nothing to read.
func (r *run) cacheSource(ctx context.Context, c planner.Cache) (client.CacheOptionsEntry, bool) {
	e := r.cacheEntry(c.Entry)
	if r.drops.reason(c) != nil {
		return e, false
	}
	switch c.Type {
	case "local":
		if err := localCache(ctx, e.Attrs); err != nil {
			r.caches.read(c, err)
			return e, false
		}
	case "gha":
		if err := ghaCache(e.Attrs); err != nil {
			r.caches.read(c, err)
			return e, false
		}
	}
	return e, true
}

// localCache fills in which cache in a folder is meant, or says why there is
// none.
func localCache(ctx context.Context, attrs map[string]string) error {
	if attrs["digest"] != "" {
		return nil
	}
	if _, err := os.Stat(filepath.Join(attrs["src"], ocispecs.ImageIndexFile)); err != nil {
		return err
	}
	dgst, err := lane.FolderDigest(ctx, attrs["src"], localTag(attrs))
	if err == nil && dgst == "" {
		err = os.ErrNotExist
	}
	attrs["digest"] = dgst.String()
	return err
}

// localTag is the name of a cache in its folder.
func localTag(attrs map[string]string) string { return cmp.Or(attrs["tag"], "latest") }

// errNoActions is why a gha cache is of no use outside of GitHub Actions.
var errNoActions = errors.New("ACTIONS_RUNTIME_TOKEN and ACTIONS_RESULTS_URL are not set: " +
	"outside of GitHub Actions there is no such cache, and in a workflow's run step an action has to hand them on")

func ghaCache(attrs map[string]string) error {
	if attrs["token"] == "" || attrs["url"] == "" && attrs["url_v2"] == "" {
		return errNoActions
	}
	return nil
}

// cacheEntry is a cache with the credentials that the environment has for it.
// The names of the variables are those of GitHub's runner and of the AWS
// tools.
func (r *run) cacheEntry(e config.Entry) client.CacheOptionsEntry {
	attrs := maps.Clone(e.Attrs)
	if attrs == nil {
		attrs = map[string]string{}
	}
	fill := func(attr, name string) {
		if v, ok := r.opt.LookupEnv(name); ok && v != "" && attrs[attr] == "" {
			attrs[attr] = v
		}
	}
	switch e.Type {
	case "gha":
		fill("token", "ACTIONS_RUNTIME_TOKEN")
		fill("url", "ACTIONS_CACHE_URL")
		if v, _ := r.opt.LookupEnv("ACTIONS_CACHE_SERVICE_V2"); v != "" || attrs["url"] == "" {
			fill("url_v2", "ACTIONS_RESULTS_URL")
		}
	case "s3":
		if attrs["access_key_id"] == "" && attrs["secret_access_key"] == "" {
			fill("access_key_id", "AWS_ACCESS_KEY_ID")
			fill("secret_access_key", "AWS_SECRET_ACCESS_KEY")
			fill("session_token", "AWS_SESSION_TOKEN")
		}
		fill("region", "AWS_REGION")
	}
	return client.CacheOptionsEntry{Type: e.Type, Attrs: attrs}
}

// cacheOptions leaves of the sources of the anchor those of this target: each
// source that a step is looked up in costs time.
func (t *target) cacheOptions(ctx context.Context) error {
	all := t.opts[importsOption]
	delete(t.opts, importsOption)
	if all == "" || len(t.plan.CacheFrom) == 0 {
		return nil
	}
	entries, err := importEntries(map[string]string{importsOption: all})
	if err != nil {
		return err
	}
	mine := map[string]bool{}
	for _, c := range t.anchor.worthReading(ctx, t.plan.CacheFrom) {
		mine[entryKey(config.Entry(t.run.cacheEntry(c.Entry)))] = true
	}
	entries = slices.DeleteFunc(entries, func(e gateway.CacheOptionsEntry) bool {
		return !mine[entryKey(config.Entry{Type: e.Type, Attrs: e.Attrs})]
	})
	data, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	t.opts[importsOption] = string(data)
	return nil
}

// importEntries are the cache sources among the options of a frontend.
func importEntries(opts map[string]string) ([]gateway.CacheOptionsEntry, error) {
	var entries []gateway.CacheOptionsEntry
	if all := opts[importsOption]; all != "" {
		if err := json.Unmarshal([]byte(all), &entries); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// entryKey is the same for equal entries. The digest of a local cache is left
// out: BuildKit's client finds it.
func entryKey(e config.Entry) string {
	var b strings.Builder
	b.WriteString(e.Type)
	for _, k := range slices.Sorted(maps.Keys(e.Attrs)) {
		if e.Type != "local" || k != "digest" {
			b.WriteString("\x00" + k + "\x00" + e.Attrs[k])
		}
	}
	return b.String()
}
