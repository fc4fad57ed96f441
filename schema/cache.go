package schema

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
)

// Cache is a cache block: at the top of a file where the cache of every target
// is kept, inside a target what is different for that one.
type Cache struct{ Block }

// cacheKind describes the cache block.
var cacheKind = blockKind{
	name:      "cache",
	doc:       "Where the build cache is kept, for all targets of the file or for one.",
	buildOnly: true,
	attrs: []Attribute{
		{Name: "type", Type: "string", Doc: "Where the cache is kept: registry, local, gha, s3, azblob, or none for no cache."},
		{Name: "ref", Type: "string", Doc: "registry: the repository; local: the folder; gha, s3, azblob: what the names of the caches begin with."},
		{Name: "mode", Type: "string", Doc: "max (every stage; the default), min (the final stage), or inline (stages pushed as images that hold their cache)."},
		{Name: "when", Type: "any", Doc: "When the cache is written: always (the default), ci, never, or a condition. It is always read."},
		{Name: "required", Type: "bool", Doc: "Whether a cache that cannot be read or written fails the run; otherwise it is a warning."},
		{Name: "lane", Type: "string", Doc: "Whose cache is written and read beside that of main; by default the pull request or branch."},
		{Name: "main", Type: "string", Doc: "The lane that all others read; by default the main branch of the repository, or \"main\"."},
		{Name: "trusted", Type: "bool", Doc: "false keeps this run's cache apart from those of trusted runs; runs for forks are so in any case."},
		{Name: "mounts", Type: "any", Doc: "Which cache mounts (RUN --mount=type=cache) are kept with the cache: true for all, or a list of their ids; none if it is not written."},
		{Name: "mounts-max-size", Type: "string", Doc: "How large the files of a mount may be that is kept, such as 2GB; 5GB if it is not written."},
		{Name: "mounts-max-age", Type: "string", Doc: "After which time a kept mount begins empty again, such as 12h or 30d; never if it is not written."},
		{Name: "mounts-unused", Type: "map(string)", Doc: "By the ids of kept mounts, after which time a file that nothing has used is not kept any more, such as { go-build = \"14d\" }; files are kept if it is not written."},
		{Name: "options", Type: "map(string)", Doc: "Further fields of the cache, by BuildKit's names, such as region and bucket."},
	},
	add: func(f *File, b Block) { f.Caches = append(f.Caches, &Cache{b}) },
}

// targetCacheKind is the cache block inside a target.
var targetCacheKind = blockKind{name: cacheKind.name, buildOnly: true, attrs: cacheKind.attrs}

// cacheAttribute describes the cache block of a target as an attribute, which
// it is for references, inheritance and --set.
var cacheAttribute = Attribute{
	Name: targetCacheKind.name, Type: "object", Fields: cacheKind.attrs, buildOnly: true, Effect: "saves work",
	Set: []SetKey{{Name: "cache", Shape: Named, NoAppend: true}},
}

// CacheAttributes returns the attributes of a cache block, in the order in
// which they are documented.
func CacheAttributes() []Attribute { return cacheKind.attrs }

// addCache enters the cache block that was inside the last target.
func addCache(f *File, b Block) hcl.Diagnostics {
	t := f.Targets[len(f.Targets)-1]
	if t.Cache != nil {
		return hcl.Diagnostics{{
			Severity: hcl.DiagError,
			Summary:  "Second cache block",
			Detail:   fmt.Sprintf("Target %q has a cache block at %s already. Write its attributes in one block.", t.Label, t.Cache.DefRange),
			Subject:  b.DefRange.Ptr(),
		}}
	}
	t.Cache = &Cache{b}
	return nil
}
