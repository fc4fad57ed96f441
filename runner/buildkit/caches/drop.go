package caches

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/retry"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// The builder reads the list of a cache, and takes its layers for there until it
// needs one. A layer that is gone then fails a target that has nothing to do
// with it. Such a cache is dropped, and the target is tried again without it.

// Drops are the caches that a run does not read any more, and why.
type Drops struct {
	mu      sync.Mutex
	reasons map[string]error // by Key of a source
	caches  []planner.Cache
	lists   map[string]string // what the lists of caches say, by Key
}

// Reason is why a cache is not read any more, or nil.
func (d *Drops) Reason(c planner.Cache) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reasons[Key(c.Entry)]
}

// All are the caches that were dropped.
func (d *Drops) All() []planner.Cache {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.caches)
}

func (d *Drops) any() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.caches) > 0
}

// drop notes a cache; false means that it was dropped before.
func (d *Drops) drop(c planner.Cache, why error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := Key(c.Entry)
	if d.reasons[key] != nil {
		return false
	}
	if d.reasons == nil {
		d.reasons = map[string]error{}
	}
	d.reasons[key] = why
	d.caches = append(d.caches, c)
	return true
}

// blobName is a blob as errors and lists have it.
var blobName = lazyregexp.New(`sha256:[0-9a-f]{64}`)

// cutBlob is what is said of a blob that was cut off, without its name, and with the size
// of what is missing of it at least.
var cutBlob = lazyregexp.New(`short read: expected (\d+) bytes|failed size validation: \d+ != (\d+)`)

// sizedBlob is a blob with its size, as lists have it.
var sizedBlob = lazyregexp.New(`"digest":\s*"(sha256:[0-9a-f]{64})",\s*"size":\s*(\d+)`)

// How long it may take to read the list of a cache, and to look for a blob that is cut.
const (
	listTime = 5 * time.Second
	readTime = 20 * time.Second
)

// Blame finds out whether a target has failed because of a blob of one of its
// sources, and drops these. A session that began before another target dropped the
// cache is a reason to try again, not to drop it again.
func (d *Drops) Blame(ctx context.Context, a Access, f *runner.Failure, sources []planner.Cache) {
	if f.ExitCode >= 0 || f.Lost || len(sources) == 0 {
		return
	}
	rest := slices.Clone(sources)
	for {
		c, blob, ok := d.part(ctx, a, f.Err.Error(), rest)
		if !ok {
			return
		}
		f.Fault, f.Reason, f.Transient = runner.FaultInfrastructure, "a part of the cache "+Place(c)+" is gone or damaged", false
		if c.Required {
			return
		}
		d.drop(c, partGone(blob))
		f.Again = true
		rest = slices.DeleteFunc(rest, func(o planner.Cache) bool { return Key(o.Entry) == Key(c.Entry) })
	}
}

// partGone is what is wrong with a cache of which a blob is not what it should be.
func partGone(blob string) error {
	return fmt.Errorf("a part of it (%s) is gone or damaged", blob)
}

// part is the first of some caches that has a blob which an error is about.
func (d *Drops) part(ctx context.Context, a Access, text string, sources []planner.Cache) (c planner.Cache, blob string, ok bool) {
	if missing := cutSize(text); missing > 0 {
		return d.cut(ctx, a, missing, sources)
	}
	blobs := blobName.FindAllString(text, -1)
	if len(blobs) == 0 {
		return c, "", false
	}
	ctx, cancel := context.WithTimeout(retry.WithBudget(ctx, listTime), listTime)
	defer cancel()
	for _, c := range sources {
		list := d.list(ctx, a, c)
		if i := slices.IndexFunc(blobs, func(b string) bool { return strings.Contains(list, b) }); i >= 0 {
			return c, blobs[i], true
		}
	}
	return c, "", false
}

// cutSize is how much is missing of a blob that an error says was cut off; 0 is none.
func cutSize(text string) int64 {
	found := cutBlob.FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	size, _ := strconv.ParseInt(cmp.Or(found[1], found[2]), 10, 64)
	return size
}

// cut is the first of some caches in a registry that does not give out a blob whole from
// which so much can be missing. The builder has tried that several times by then.
func (d *Drops) cut(ctx context.Context, a Access, missing int64, sources []planner.Cache) (c planner.Cache, blob string, ok bool) {
	ctx, cancel := context.WithTimeout(retry.WithBudget(ctx, readTime), readTime)
	defer cancel()
	for _, c := range sources {
		ref, err := registry.Name{Text: a.Entry(c.Entry).Attrs["ref"], Insecure: c.Insecure}.Parse()
		if c.Type != "registry" || err != nil {
			continue
		}
		for _, found := range sizedBlob.FindAllStringSubmatch(d.list(ctx, a, c), -1) {
			size, err := strconv.ParseInt(found[2], 10, 64)
			if err == nil && size >= missing && a.spoilt(ctx, ref.Repo, digest.Digest(found[1]), size) {
				return c, found[1], true
			}
		}
	}
	return c, "", false
}

// spoilt says whether a registry gives out something else than a blob. That it does not
// answer says nothing.
func (a Access) spoilt(ctx context.Context, repo registry.Repo, blob digest.Digest, size int64) bool {
	if has, err := a.Registry.HasBlob(ctx, repo, blob, size); err != nil || !has {
		return err == nil
	}
	err := a.Registry.Verify(ctx, repo, blob, size)
	return errors.Is(err, registry.ErrOther) || errors.Is(err, io.ErrUnexpectedEOF)
}

// list is what the list of a cache says, and the lists that it names; "" if it
// cannot be read from here.
func (d *Drops) list(ctx context.Context, a Access, c planner.Cache) string {
	key := Key(c.Entry)
	d.mu.Lock()
	list, ok := d.lists[key]
	d.mu.Unlock()
	if ok {
		return list
	}
	attrs := a.Entry(c.Entry).Attrs
	switch c.Type {
	case "registry":
		list = a.registryList(ctx, registry.Name{Text: attrs["ref"], Insecure: c.Insecure})
	case "local":
		list = folderList(ctx, attrs)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lists == nil {
		d.lists = map[string]string{}
	}
	d.lists[key] = list
	return list
}

// maxLists is how many lists that a list names are read.
const maxLists = 50

func (a Access) registryList(ctx context.Context, name registry.Name) string {
	ref, err := name.Parse()
	if err != nil {
		return ""
	}
	m, err := a.Registry.Manifest(ctx, ref)
	if err != nil {
		return ""
	}
	list := string(m.Data)
	if !strings.Contains(m.MediaType, "index") && !strings.Contains(m.MediaType, "manifest.list") {
		return list
	}
	// The manifests of an image that holds its cache, one for each platform. The
	// layers of an index that is a cache are not manifests.
	for i, d := range blobName.FindAllString(list, -1) {
		if i == maxLists {
			break
		}
		if m, err := a.Registry.Manifest(ctx, registry.Ref{Repo: ref.Repo, Tag: d}); err == nil {
			list += string(m.Data)
		}
	}
	return list
}

func folderList(ctx context.Context, attrs map[string]string) string {
	attrs = map[string]string{"src": attrs["src"], "tag": attrs["tag"], "digest": attrs["digest"]}
	if localCache(ctx, attrs) != nil {
		return ""
	}
	_, hash, _ := strings.Cut(attrs["digest"], ":")
	data, err := os.ReadFile(filepath.Join(attrs["src"], "blobs", "sha256", filepath.Base(hash)))
	if err != nil {
		return ""
	}
	return string(data)
}
