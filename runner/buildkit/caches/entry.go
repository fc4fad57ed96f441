package caches

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
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/lane"
)

// ImportsOption is the frontend option that holds the cache sources as JSON.
const ImportsOption = "cache-imports"

// Access is how the places of caches are reached.
type Access struct {
	// LookupEnv reads the variables that hold credentials.
	LookupEnv func(string) (string, bool)
	// Registry reaches registries from here.
	Registry *registry.Client
}

// Source is a cache to read as BuildKit takes it. The error says that there is
// nothing to read, where that is known beforehand.
func (a Access) Source(ctx context.Context, c planner.Cache) (client.CacheOptionsEntry, error) {
	e := a.Entry(c.Entry)
	switch c.Type {
	case "local":
		if err := localCache(ctx, e.Attrs); err != nil {
			return e, err
		}
		if gone := lane.FolderLacks(e.Attrs["src"], digest.Digest(e.Attrs["digest"])); gone != "" {
			return e, partGone(gone.String())
		}
		return e, nil
	case "gha":
		return e, ghaCache(e.Attrs)
	}
	return e, nil
}

// localCache fills in which cache in a folder is meant, or says why there is
// none.
func localCache(ctx context.Context, attrs map[string]string) error {
	if attrs["digest"] != "" {
		_, err := os.Stat(attrs["src"])
		return err
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

// ErrNoActions is why a gha cache is of no use outside of GitHub Actions.
var ErrNoActions = errors.New("ACTIONS_RUNTIME_TOKEN and ACTIONS_RESULTS_URL are not set: " +
	"outside of GitHub Actions there is no such cache, and in a workflow's run step an action has to hand them on")

func ghaCache(attrs map[string]string) error {
	if attrs["token"] == "" || attrs["url"] == "" && attrs["url_v2"] == "" {
		return ErrNoActions
	}
	return nil
}

// Entry is a cache with the credentials that the environment has for it.
// The names of the variables are those of GitHub's runner and of the AWS
// tools.
func (a Access) Entry(e config.Entry) client.CacheOptionsEntry {
	attrs := maps.Clone(e.Attrs)
	if attrs == nil {
		attrs = map[string]string{}
	}
	fill := func(attr, name string) {
		if v, ok := a.LookupEnv(name); ok && v != "" && attrs[attr] == "" {
			attrs[attr] = v
		}
	}
	switch e.Type {
	case "gha":
		fill("token", "ACTIONS_RUNTIME_TOKEN")
		fill("url", "ACTIONS_CACHE_URL")
		if v, _ := a.LookupEnv("ACTIONS_CACHE_SERVICE_V2"); v != "" || attrs["url"] == "" {
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

// Imports are the cache sources among the options of a frontend.
func Imports(opts map[string]string) ([]gateway.CacheOptionsEntry, error) {
	var entries []gateway.CacheOptionsEntry
	if all := opts[ImportsOption]; all != "" {
		if err := json.Unmarshal([]byte(all), &entries); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// Key is the same for equal entries. The digest of a local cache is left
// out: BuildKit's client finds it.
func Key(e config.Entry) string {
	var b strings.Builder
	b.WriteString(e.Type)
	for _, k := range slices.Sorted(maps.Keys(e.Attrs)) {
		if e.Type != "local" || k != "digest" {
			b.WriteString("\x00" + k + "\x00" + e.Attrs[k])
		}
	}
	return b.String()
}

// Place names a cache for people; credentials are not part of it.
func Place(c planner.Cache) string {
	a := c.Attrs
	switch c.Type {
	case "registry":
		return a["ref"]
	case "local":
		place := a["src"] + a["dest"]
		if a["tag"] != "" {
			place += ":" + a["tag"]
		}
		return place
	}
	if name := a["scope"] + a["name"]; name != "" {
		return c.Type + ":" + name
	}
	return c.Type
}
