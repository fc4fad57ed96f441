package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config"
)

// Cache is a cache source or destination of a build.
type Cache struct {
	config.Entry
	// Wired caches come from a cache block: that nothing is there yet is no
	// fault, because the first run of a lane makes it.
	Wired bool
	// Set marks a cache that holds all of the targets that this run builds
	// with one cache block. Where there is one, it is the only one of the block
	// that a run has to read.
	Set bool
	// Required makes it an error that the cache cannot be read or written.
	Required bool
	// Range is where the cache is asked for.
	Range hcl.Range
}

// SharedCache is a cache destination that a run writes once for several
// builds.
type SharedCache struct {
	Cache
	// Whole says that all that the builds reach belongs into it; otherwise
	// only what two or more of them share.
	Whole bool
	// Builds holds the builds whose cache it is, in the order of the plan.
	Builds []*Build
}

// wireCaches fills the cache sources and destinations of all builds: those
// that are written out, and those that follow from the cache blocks.
func (p *planner) wireCaches() {
	w := &wiring{planner: p, writers: map[string]*writer{}, clashes: map[[2]hcl.Range]bool{}, valid: map[string]bool{}, full: map[string]string{}, tags: map[string]string{}}
	builds := slices.Clone(p.plan.Builds)
	slices.SortFunc(builds, func(a, b *Build) int { return strings.Compare(a.Name(), b.Name()) })
	w.nameSets(builds)
	for _, b := range builds {
		w.written(b)
		if b.Target.Cache != nil {
			w.wire(b)
		}
	}
	w.share()
}

// wiring is the state of wireCaches.
type wiring struct {
	*planner
	writers map[string]*writer    // by destination
	clashes map[[2]hcl.Range]bool // of blocks, that were reported
	// What references mean, each worked out once.
	full, tags map[string]string
	valid      map[string]bool
	// sets holds, by setKey, how the cache of all the targets of a cache block
	// is called in its lane.
	sets map[string]string
}

// setKey is equal for targets that keep their caches in one place.
func setKey(c *config.Cache) string {
	return strings.Join([]string{c.Type, c.Ref, c.Mode, c.Lane, c.Main, fmt.Sprint(c.Trusted, c.Write, c.Required, c.Options)}, "\x00")
}

// nameSets finds out which targets this run builds with one cache block. The
// cache of them all has a name that depends on theirs, so that runs that build
// others do not overwrite it. A target alone is no set.
func (w *wiring) nameSets(builds []*Build) {
	names := map[string][]string{}
	for _, b := range builds {
		if c := b.Target.Cache; c != nil && c.Split {
			key := setKey(c)
			names[key] = append(names[key], b.Name())
		}
	}
	w.sets = map[string]string{}
	for key, set := range names {
		if len(set) > 1 {
			w.sets[key] = ".." + shortHash(strings.Join(set, "\x00"))
		}
	}
}

// writer is what first claims a destination.
type writer struct {
	cache  Cache
	builds []*Build
	split  bool // it is a cache block's place for what is shared
}

// written takes the caches that a target writes out as they are.
func (w *wiring) written(b *Build) {
	t := b.Target
	for _, e := range t.CacheFrom {
		b.CacheFrom = append(b.CacheFrom, Cache{Entry: e, Range: t.RangeOf("cache-from")})
	}
	for _, e := range t.CacheTo {
		c := Cache{Entry: e, Range: t.RangeOf("cache-to")}
		if w.claimed(b, c, false) {
			b.CacheTo = append(b.CacheTo, c)
		}
	}
}

// wire writes what the cache block of a target stands for.
func (w *wiring) wire(b *Build) {
	c := b.Target.Cache
	if c.Type == "registry" && !w.repository(b) {
		return
	}
	own, main := laneName(c.Lane, c.Trusted), laneName(c.Main, true)
	lanes := []string{own}
	if main != own {
		lanes = append(lanes, main)
	}
	if c.Mode == "inline" {
		w.inline(b, lanes)
		return
	}
	set := w.sets[setKey(c)]
	for _, lane := range lanes {
		if set != "" {
			w.read(b, lane+set)
			b.CacheFrom[len(b.CacheFrom)-1].Set = true
		}
	}
	for _, lane := range lanes {
		w.read(b, lane)
		if c.Split {
			w.read(b, lane+"."+b.Name())
			// Alone, a target is a set of one.
			b.CacheFrom[len(b.CacheFrom)-1].Set = set == ""
		}
	}
	if !c.Write {
		return
	}
	if set != "" {
		whole := w.destination(b, own+set)
		whole.Set = true
		w.claimed(b, whole, false)
	}
	shared := w.destination(b, own)
	w.claimed(b, shared, c.Split)
	if c.Split {
		to := w.destination(b, own+"."+b.Name())
		if w.claimed(b, to, false) {
			b.CacheTo = append(b.CacheTo, to)
		}
	}
}

// repository checks the ref of a cache in a registry.
func (w *wiring) repository(b *Build) bool {
	ref := b.Target.Cache.Ref
	if w.valid[ref] {
		return true
	}
	named, err := reference.ParseNormalizedNamed(ref)
	if err == nil {
		if _, digested := named.(reference.Digested); !digested {
			w.valid[ref] = true
			return true
		}
		err = fmt.Errorf("a cache is written under tags, and this is a digest")
	}
	w.fail(contextRange(b.Target, "cache.ref"), "Invalid cache reference",
		"%q names no repository: %s. Write one such as \"registry.example.com/team/cache\".", ref, err)
	return false
}

// read adds a source.
func (w *wiring) read(b *Build, name string) {
	c := b.Target.Cache
	e := w.entry(c, name)
	if c.Type == "local" {
		e.Attrs["src"] = c.Ref
	}
	b.CacheFrom = append(b.CacheFrom, w.wired(b, e))
}

// destination is where the cache of that name is written.
func (w *wiring) destination(b *Build, name string) Cache {
	c := b.Target.Cache
	e := w.entry(c, name)
	if c.Type == "local" {
		e.Attrs["dest"] = c.Ref
	}
	e.Attrs["mode"] = c.Mode
	return w.wired(b, e)
}

func (w *wiring) wired(b *Build, e config.Entry) Cache {
	return Cache{Entry: e, Wired: true, Required: b.Target.Cache.Required, Range: contextRange(b.Target, "cache")}
}

// entry names a cache the way its type does.
func (w *wiring) entry(c *config.Cache, name string) config.Entry {
	e := config.Entry{Type: c.Type, Attrs: maps.Clone(c.Options)}
	if e.Attrs == nil {
		e.Attrs = map[string]string{}
	}
	prefixed := name
	if c.Ref != "" {
		prefixed = c.Ref + "-" + name
	}
	switch c.Type {
	case "registry":
		e.Attrs["ref"] = w.cacheRef(c.Ref, name)
	case "local":
		e.Attrs["tag"] = tagName(name)
	case "gha":
		e.Attrs["scope"] = prefixed
	default: // s3 and azblob
		e.Attrs["name"] = prefixed
	}
	return e
}

// cacheRef is the reference of a cache in a repository; a tag that is there
// becomes the beginning of its tag.
func (w *wiring) cacheRef(ref, name string) string {
	tag, ok := w.tags[ref]
	if !ok {
		named, err := reference.ParseNormalizedNamed(ref)
		if tagged, ok := named.(reference.Tagged); err == nil && ok {
			tag = tagged.Tag()
		}
		w.tags[ref] = tag
	}
	if tag != "" {
		return ref[:len(ref)-len(tag)] + tagName(tag+"-"+name)
	}
	return ref + ":" + tagName(name)
}

// maxTag is how long a tag may be, by the OCI distribution specification.
const maxTag = 128

// tagName shortens a name that is too long for a tag.
func tagName(name string) string {
	if len(name) <= maxTag {
		return name
	}
	return name[:maxTag-9] + "-" + shortHash(name)
}

func shortHash(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:4])
}

// forkPrefix begins the names of lanes that others must not read.
const forkPrefix = "fork-"

// laneName is a lane as part of a tag. A name that has to be changed gets a hash,
// no name has a dot, and only an untrusted lane begins with forkPrefix: no
// branch of the repository and no fork can pass for another.
func laneName(lane string, trusted bool) string {
	const most = 48
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, lane)
	clean = clean[:min(len(clean), most)]
	if clean != lane || strings.HasPrefix(lane, "-") || strings.HasPrefix(lane, forkPrefix) {
		clean = strings.TrimLeft(clean, "-_") + "-" + shortHash(lane)
		if strings.HasPrefix(clean, forkPrefix) {
			clean = "lane-" + clean
		}
	}
	if !trusted {
		return forkPrefix + clean
	}
	return clean
}

// claimed notes that a build writes a destination. It returns false if the
// destination is written once for several builds, or if another build writes
// something else there, which is reported.
func (w *wiring) claimed(b *Build, c Cache, split bool) bool {
	key := w.place(c.Entry)
	if key == "" {
		return true
	}
	first := w.writers[key]
	if first != nil && c.Wired && first.cache.Wired && w.otherFile(b, first.builds[0]) {
		w.clashOfFiles(b, c, first)
		return false
	}
	if first == nil {
		first = &writer{cache: c, split: split}
		w.writers[key] = first
	} else if first.cache.Wired != c.Wired || !sameEntry(first.cache.Entry, c.Entry) || first.split != split {
		w.clash(b, c, first)
		return false
	}
	first.builds = append(first.builds, b)
	return true
}

// blockAt is where the cache block of a target says where the cache is.
func blockAt(b *Build) hcl.Range {
	if at, ok := b.Target.Ranges["cache.ref"]; ok {
		return at
	}
	return contextRange(b.Target, "cache.type")
}

// otherFile says whether the caches of two targets come from different files.
// Each of these may be used without the other, and then writes what it shares
// over what both do.
func (w *wiring) otherFile(a, b *Build) bool { return blockAt(a).Filename != blockAt(b).Filename }

func (w *wiring) clashOfFiles(b *Build, c Cache, first *writer) {
	other := first.builds[0]
	pair := [2]hcl.Range{blockAt(b), blockAt(other)}
	if w.clashes[pair] {
		return
	}
	w.clashes[pair] = true
	w.fail(blockAt(b), "Two cache blocks in one place",
		"Target %q writes its cache to %s by this block, and so does target %q by the one at %s. What one file's targets share would replace the other's. "+
			"Give each block a ref of its own, or leave one out: the block of a file also holds for the files that it imports.",
		b.Name(), placeText(c.Entry), other.Name(), where(blockAt(other)))
}

func sameEntry(a, b config.Entry) bool { return a.Type == b.Type && maps.Equal(a.Attrs, b.Attrs) }

// clash reports two builds that write different caches to one place.
func (w *wiring) clash(b *Build, c Cache, first *writer) {
	other := first.builds[0]
	w.fail(c.Range, "Two caches in one place",
		"Target %q writes its cache to %s, and so does target %q at %s:%d, but not the same way: %s here, %s there. "+
			"The one would destroy the other. Give each a place of its own, or write the very same entry in both to have one cache for both.",
		b.Name(), placeText(c.Entry), other.Name(), first.cache.Range.Filename, first.cache.Range.Start.Line,
		entryList([]config.Entry{c.Entry}), entryList([]config.Entry{first.cache.Entry}))
}

// place is the same for destinations that would overwrite each other; "" for
// those that have no place of their own.
func (w *wiring) place(e config.Entry) string {
	a := e.Attrs
	switch e.Type {
	case "registry":
		return "registry " + w.fullRef(a["ref"])
	case "local":
		dir := filepath.FromSlash(a["dest"])
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(w.opt.Dir, dir)
		}
		return "local " + filepath.Clean(dir) + " " + orElse(a["tag"], "latest")
	case "gha":
		return "gha " + a["url"] + a["url_v2"] + " " + orElse(a["scope"], "buildkit")
	case "s3":
		return strings.Join([]string{"s3", a["endpoint_url"], a["region"], a["bucket"], a["prefix"], a["name"]}, " ")
	case "azblob":
		return strings.Join([]string{"azblob", a["account_url"], a["container"], a["prefix"], a["name"]}, " ")
	}
	return ""
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// fullRef writes the parts of a reference out that may be left away.
func (w *wiring) fullRef(ref string) string {
	full, ok := w.full[ref]
	if !ok {
		full = ref
		if named, err := reference.ParseNormalizedNamed(ref); err == nil {
			full = reference.TagNameOnly(named).String()
		}
		w.full[ref] = full
	}
	return full
}

// placeText names the place of a destination for a message.
func placeText(e config.Entry) string {
	for _, k := range []string{"ref", "dest", "scope", "name"} {
		if v := e.Attrs[k]; v != "" {
			return v
		}
	}
	return "the " + e.Type + " cache"
}

// share moves the destinations that several builds write, and those of cache
// blocks for what is shared, to the plan.
func (w *wiring) share() {
	once := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(w.writers)) {
		wr := w.writers[key]
		whole := !wr.split
		alone := len(wr.builds) == 1 && slices.ContainsFunc(wr.builds[0].CacheTo, func(c Cache) bool { return w.place(c.Entry) == key })
		if alone {
			continue
		}
		once[key] = true
		w.plan.Caches = append(w.plan.Caches, &SharedCache{Cache: wr.cache, Whole: whole, Builds: w.planOrder(wr.builds)})
	}
	for _, b := range w.plan.Builds {
		b.CacheTo = slices.DeleteFunc(b.CacheTo, func(c Cache) bool { return once[w.place(c.Entry)] })
	}
}

// planOrder puts builds in the order of the plan, each once.
func (w *wiring) planOrder(builds []*Build) []*Build {
	mine := map[*Build]bool{}
	for _, b := range builds {
		mine[b] = true
	}
	var out []*Build
	for _, b := range w.plan.Builds {
		if mine[b] {
			out = append(out, b)
		}
	}
	return out
}

// dropIdle takes out the places for what is shared that get nothing, because
// the targets of this run share no stage.
func (p *planner) dropIdle() {
	p.plan.Caches = slices.DeleteFunc(p.plan.Caches, func(s *SharedCache) bool {
		return !s.Whole && !slices.ContainsFunc(p.plan.Graph.Vertices, s.shares)
	})
}

// shares says whether two or more of the builds reach a stage.
func (s *SharedCache) shares(v *Vertex) bool {
	if !runs(v) || len(v.Targets) < 2 {
		return false
	}
	n := 0
	for _, b := range s.Builds {
		// The names stand in order.
		if _, ok := slices.BinarySearch(v.Targets, b.Name()); ok {
			if n++; n > 1 {
				return true
			}
		}
	}
	return false
}

// SamePlace says whether a source and a destination of cache blocks are one
// cache.
func SamePlace(from, to config.Entry) bool {
	if from.Type != to.Type {
		return false
	}
	for _, k := range []string{"ref", "tag", "scope", "name"} {
		if from.Attrs[k] != to.Attrs[k] {
			return false
		}
	}
	return from.Type != "local" || from.Attrs["src"] == to.Attrs["dest"]
}
