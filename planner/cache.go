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

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
)

// Cache is a cache source or destination of a build.
type Cache struct {
	config.CacheEntry
	// Wired caches come from a cache block: that nothing is there yet is no
	// fault, because the first run of a lane makes it.
	Wired bool
	// Set marks a source that holds what runs of all targets have written to a
	// lane. Where there is one, it is the only one of the block that a run has
	// to read.
	Set bool
	// Lane is the cache of the whole lane that what is written here is put into
	// afterwards, beside what runs of other targets have written; nil if there
	// is none.
	Lane *config.Entry
	// Required makes it an error that the cache cannot be read or written.
	Required bool
	// Range is where the cache is asked for.
	Range fault.Range
}

// SharedCache is a cache destination that a run writes once for several
// builds, with all that they reach.
type SharedCache struct {
	Cache
	// Builds holds the builds whose cache it is, in the order of the plan.
	Builds []*Build
}

// The caches of a cache block: the builder writes what a run has of the targets
// of one block to a place of these targets, and package lane puts that into the
// cache of the lane, which is the one that runs read. Package lane says why.
// The builder's object stores (s3, azblob) have no such cache: there, what a run
// writes gets the names of each of its targets.

// wireCaches fills the cache sources and destinations of all builds: those
// that are written out, and those that follow from the cache blocks.
// It returns those that the plan writes once for several builds, and the stages
// that are pushed with their caches.
func wireCaches(builds []*Build, dir string, faults *fault.Report) ([]*SharedCache, []*Build) {
	w := &wiring{faults: faults, dir: dir, builds: builds, writers: map[string]*writer{}, valid: map[string]bool{}, full: map[string]string{}, tags: map[string]string{}}
	byName := slices.Clone(builds)
	slices.SortFunc(byName, func(a, b *Build) int { return strings.Compare(a.Name(), b.Name()) })
	w.findSets(byName)
	for _, b := range byName {
		w.written(b)
		if b.Target.Cache != nil {
			w.wire(b)
		}
	}
	return w.share(), w.images
}

// wiring is the state of wireCaches.
type wiring struct {
	faults  *fault.Report
	dir     string             // the working directory
	builds  []*Build           // in the order of the plan
	images  []*Build           // of stages, with their caches
	writers map[string]*writer // by destination
	// What references mean, each resolved once.
	full, tags map[string]string
	valid      map[string]bool
	// sets holds, by setKey, the targets of a cache block.
	sets map[string][]string
}

// setKey is equal for targets whose caches are written together: those whose
// cache blocks say the same. It holds every field, with maps in their order.
// Which cache mounts are kept does not concern them.
func setKey(c *config.Cache) string {
	own := *c
	own.Mounts = config.Cache{}.Mounts
	return fmt.Sprintf("%#v", own)
}

// findSets finds out which targets this run builds with one cache block.
func (w *wiring) findSets(builds []*Build) {
	w.sets = map[string][]string{}
	for _, b := range builds {
		if c := b.Target.Cache; c != nil {
			key := setKey(c)
			w.sets[key] = append(w.sets[key], b.CacheName())
		}
	}
}

// setName is how the cache of a set of targets is called in its lane. It
// depends on their names, so that runs that build others do not overwrite it.
func setName(set []string) string {
	if len(set) == 1 {
		return "." + set[0]
	}
	return ".." + shortHash(strings.Join(set, "\x00"))
}

// hasLane says whether package lane can put caches of a type together.
func hasLane(kind string) bool { return kind == "registry" || kind == "local" || kind == "gha" }

// writer is what first claims a destination.
type writer struct {
	cache  Cache
	builds []*Build
}

// written takes the caches that a target writes out as they are.
func (w *wiring) written(b *Build) {
	t := b.Target
	for _, e := range t.CacheFrom {
		b.CacheFrom = append(b.CacheFrom, Cache{CacheEntry: e, Range: t.RangeOf("cache-from")})
	}
	for _, e := range t.CacheTo {
		c := Cache{CacheEntry: e, Range: t.RangeOf("cache-to")}
		if w.claimed(b, c) {
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
	own, main := LaneName(c.Lane, c.Trusted), LaneName(c.Main, true)
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
		if !hasLane(c.Type) {
			lane += setName(set)
		}
		w.read(b, lane)
		b.CacheFrom[len(b.CacheFrom)-1].Set = true
	}
	for _, lane := range lanes {
		w.readOwn(b, lane, set)
	}
	if !c.Write {
		return
	}
	if to := w.destination(b, own, set); w.claimed(b, to) {
		b.CacheTo = append(b.CacheTo, to)
	}
}

// readOwn adds what a lane may have of a target where its whole cache is not
// there.
func (w *wiring) readOwn(b *Build, lane string, set []string) {
	switch c := b.Target.Cache; {
	case c.Type == "gha": // The place has another name in each run.
	case hasLane(c.Type):
		w.read(b, lane+setName(set))
	case len(set) > 1:
		w.read(b, lane+"."+b.CacheName())
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
	w.faults.Fail(ContextRange(b.Target, "cache.ref"), "Invalid cache reference",
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

// destination is where the cache of a set of targets is written.
func (w *wiring) destination(b *Build, lane string, set []string) Cache {
	to := func(name string) config.Entry {
		e := w.entry(b.Target.Cache, name)
		if e.Type == "local" {
			e.Attrs["dest"] = b.Target.Cache.Ref
		}
		e.Attrs["mode"] = b.Target.Cache.Mode
		return e
	}
	c := w.wired(b, to(lane+setName(set)))
	if hasLane(c.Type) {
		whole := to(lane)
		c.Lane = &whole
	} else if len(set) > 1 {
		for _, name := range set {
			c.Attrs["name"] += ";" + to(lane + "." + name).Attrs["name"]
		}
	}
	return c
}

func (w *wiring) wired(b *Build, e config.Entry) Cache {
	return Cache{CacheEntry: config.NewCacheEntry(e), Wired: true, Required: b.Target.Cache.Required, Range: ContextRange(b.Target, "cache")}
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

// LaneName is a lane as part of a tag. A name that has to be changed gets a hash,
// no name has a dot, and only an untrusted lane begins with forkPrefix: no
// branch of the repository and no fork can pass for another.
func LaneName(lane string, trusted bool) string {
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

// claimed notes that a build writes a destination. It returns false if another
// build writes something else there, which is reported.
func (w *wiring) claimed(b *Build, c Cache) bool {
	key := w.place(c.Entry)
	if key == "" {
		return true
	}
	first := w.writers[key]
	if first == nil {
		first = &writer{cache: c}
		w.writers[key] = first
	} else if first.cache.Wired != c.Wired || !sameEntry(first.cache.Entry, c.Entry) {
		w.clash(b, c, first)
		return false
	}
	first.builds = append(first.builds, b)
	return true
}

func sameEntry(a, b config.Entry) bool { return a.Type == b.Type && maps.Equal(a.Attrs, b.Attrs) }

// clash reports two builds that write different caches to one place.
func (w *wiring) clash(b *Build, c Cache, first *writer) {
	other := first.builds[0]
	w.faults.Fail(c.Range, "Two caches in one place",
		"Target %q writes its cache to %s, and so does target %q at %s:%d, but not the same way: %s here, %s there. "+
			"The one would destroy the other. Give each a place of its own, or write the very same entry in both to have one cache for both.",
		b.Name(), placeText(c.Entry), other.Name(), first.cache.Range.Filename, first.cache.Range.Start.Line,
		EntryList([]config.Entry{c.Entry}), EntryList([]config.Entry{first.cache.Entry}))
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
			dir = filepath.Join(w.dir, dir)
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

// share takes the destinations that several builds write from these, and returns
// them.
func (w *wiring) share() []*SharedCache {
	var out []*SharedCache
	once := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(w.writers)) {
		wr := w.writers[key]
		if len(wr.builds) == 1 {
			continue
		}
		once[key] = true
		out = append(out, &SharedCache{Cache: wr.cache, Builds: w.planOrder(wr.builds)})
	}
	for _, b := range w.builds {
		b.CacheTo = slices.DeleteFunc(b.CacheTo, func(c Cache) bool { return once[w.place(c.Entry)] })
	}
	return out
}

// planOrder puts builds in the order of the plan, each once.
func (w *wiring) planOrder(builds []*Build) []*Build {
	mine := map[*Build]bool{}
	for _, b := range builds {
		mine[b] = true
	}
	var out []*Build
	for _, b := range w.builds {
		if mine[b] {
			out = append(out, b)
		}
	}
	return out
}
