package buildkit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/retry"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// The builder reads the list of a cache, and takes its layers for there until it
// needs one. A layer that is gone then fails a target that has nothing to do
// with it. Such a cache is dropped, and the target is tried again without it.

// drops are the caches that a run does not read any more, and why.
type drops struct {
	mu      sync.Mutex
	reasons map[string]error // by entryKey of a source
	caches  []planner.Cache
	lists   map[string]string // what the lists of caches say, by entryKey
}

func (d *drops) reason(c planner.Cache) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reasons[entryKey(c.Entry)]
}

func (d *drops) any() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.caches) > 0
}

// drop notes a cache; false means that it was dropped before.
func (d *drops) drop(c planner.Cache, why error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := entryKey(c.Entry)
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
var blobName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`sha256:[0-9a-f]{64}`) })

// listTime is how long it may take to read the list of a cache.
const listTime = 5 * time.Second

// blameCache finds out whether a target has failed because of a blob of one of
// its caches, and drops these. A session that began before another target
// dropped the cache is no reason to drop it again, but one to try again.
func (t *target) blameCache(ctx context.Context, f *runner.Failure) {
	if f.ExitCode >= 0 || f.Lost || len(t.plan.CacheFrom) == 0 {
		return
	}
	blobs := blobName().FindAllString(f.Err.Error(), -1)
	if len(blobs) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(retry.WithBudget(ctx, listTime), listTime)
	defer cancel()
	for _, c := range t.plan.CacheFrom {
		list := t.run.cacheList(ctx, c)
		i := slices.IndexFunc(blobs, func(b string) bool { return strings.Contains(list, b) })
		if i < 0 {
			continue
		}
		f.Fault, f.Reason, f.Transient = runner.FaultInfrastructure, "a part of the cache "+placeOf(c)+" is gone or damaged", false
		if c.Required {
			return
		}
		t.run.drops.drop(c, fmt.Errorf("a part of it (%s) is gone or damaged", blobs[i]))
		f.Again = true
	}
}

// cacheList is what the list of a cache says, and the lists that it names; ""
// if it cannot be read from here.
func (r *run) cacheList(ctx context.Context, c planner.Cache) string {
	key := entryKey(c.Entry)
	r.drops.mu.Lock()
	list, ok := r.drops.lists[key]
	r.drops.mu.Unlock()
	if ok {
		return list
	}
	attrs := r.cacheEntry(c.Entry).Attrs
	switch c.Type {
	case "registry":
		list = r.registryList(ctx, attrs["ref"], c.Insecure)
	case "local":
		list = folderList(ctx, attrs)
	}
	r.drops.mu.Lock()
	defer r.drops.mu.Unlock()
	if r.drops.lists == nil {
		r.drops.lists = map[string]string{}
	}
	r.drops.lists[key] = list
	return list
}

// maxLists is how many lists that a list names are read.
const maxLists = 50

func (r *run) registryList(ctx context.Context, name string, insecure bool) string {
	ref, err := registry.Parse(name, insecure)
	if err != nil {
		return ""
	}
	m, err := r.opt.Registry.Manifest(ctx, ref)
	if err != nil {
		return ""
	}
	list := string(m.Data)
	if !strings.Contains(m.MediaType, "index") && !strings.Contains(m.MediaType, "manifest.list") {
		return list
	}
	// The manifests of an image that holds its cache, one for each platform. The
	// layers of an index that is a cache are not manifests.
	for i, d := range blobName().FindAllString(list, -1) {
		if i == maxLists {
			break
		}
		if m, err := r.opt.Registry.Manifest(ctx, registry.Ref{Repo: ref.Repo, Tag: d}); err == nil {
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
