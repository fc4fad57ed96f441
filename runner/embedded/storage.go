package embedded

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
)

// Usage is what a builder keeps on disk. All sizes are in bytes.
type Usage struct {
	Records []*client.UsageInfo `json:"records"`
	Total   int64               `json:"total"`
	// Shared is the part that the builder shares with images of its engine.
	Shared int64 `json:"shared"`
	// Reclaimable is the part that nothing in work needs.
	Reclaimable int64 `json:"reclaimable"`
}

// Add adds what another call has found.
func (u *Usage) Add(more *Usage) {
	u.Records = append(u.Records, more.Records...)
	u.Total += more.Total
	u.Shared += more.Shared
	u.Reclaimable += more.Reclaimable
}

// StorageFilter chooses cache records. Both parts must hold.
type StorageFilter struct {
	// Fields are conditions such as type==exec.cachemount; all must hold.
	Fields []string
	// UnusedFor chooses what has not been used for that long.
	UnusedFor time.Duration
}

// ParseStorageFilter reads filters as users write them: field=value, with the
// fields id (a part of it), type, description, parents; field!=value and
// field~=expression; the plain words inuse, mutable, immutable, shared and
// private; and until=duration.
func ParseStorageFilter(filters []string) (StorageFilter, error) {
	var f StorageFilter
	for _, s := range filters {
		key, value, isPair := strings.Cut(s, "=")
		switch field := strings.TrimRight(key, "!~"); {
		case key == "until" && isPair:
			d, err := time.ParseDuration(value)
			if err != nil || d < 0 {
				return f, fmt.Errorf("filter %q: %q is not a duration; write for example until=24h", s, value)
			}
			f.UnusedFor = d
		case !isPair && knownFlags[s]:
			f.Fields = append(f.Fields, s)
		case isPair && knownFields[field]:
			f.Fields = append(f.Fields, condition(key, strings.TrimPrefix(value, "=")))
		default:
			return f, fmt.Errorf("filter %q is not known: write field=value with id, type, description, parents or until, or one of inuse, mutable, immutable, shared, private", s)
		}
	}
	return f, nil
}

var (
	knownFields = map[string]bool{"id": true, "type": true, "description": true, "parents": true}
	knownFlags  = map[string]bool{"inuse": true, "mutable": true, "immutable": true, "shared": true, "private": true}
)

// condition writes one condition in the syntax of containerd's filters.
func condition(key, value string) string {
	value = fmt.Sprintf("%q", value)
	switch {
	case strings.HasSuffix(key, "!"), strings.HasSuffix(key, "~"):
		return key + "=" + value
	case key == "id":
		return key + "~=" + value
	default:
		return key + "==" + value
	}
}

// conditions joins the fields to one filter, so that all must hold.
func (f StorageFilter) conditions() []string {
	if len(f.Fields) == 0 {
		return nil
	}
	return []string{strings.Join(f.Fields, ",")}
}

// DiskUsage asks a builder what it keeps, the largest first.
func DiskUsage(ctx context.Context, c *client.Client, f StorageFilter) (*Usage, error) {
	records, err := c.DiskUsage(ctx, client.WithFilter(f.conditions()), client.WithAgeLimit(f.UnusedFor))
	if err != nil {
		return nil, fmt.Errorf("asking the builder for its disk usage: %w", err)
	}
	u := &Usage{Records: make([]*client.UsageInfo, 0, len(records))}
	for i := len(records) - 1; i >= 0; i-- {
		r := records[i]
		u.Records = append(u.Records, r)
		u.Total += r.Size
		if r.Shared {
			u.Shared += r.Size
		}
		if !r.InUse {
			u.Reclaimable += r.Size
		}
	}
	return u, nil
}

// PruneOptions says what to remove of a builder's cache.
type PruneOptions struct {
	StorageFilter
	// All includes what the builder keeps for itself, such as frontends.
	All bool
	// Keep is how many bytes may stay; the least recently used goes first.
	Keep int64
}

// Prune removes cache records that nothing in work needs, and returns them
// with their size.
func Prune(ctx context.Context, c *client.Client, o PruneOptions) (*Usage, error) {
	opts := []client.PruneOption{
		client.WithFilter(o.conditions()),
		client.WithKeepOpt(o.UnusedFor, o.Keep, o.Keep, 0),
	}
	if o.All {
		opts = append(opts, client.PruneAll)
	}
	freed := &Usage{Records: []*client.UsageInfo{}}
	records, collected := make(chan client.UsageInfo), make(chan struct{})
	go func() {
		defer close(collected)
		for r := range records {
			freed.Records = append(freed.Records, &r)
			freed.Total += r.Size
		}
	}()
	err := c.Prune(ctx, records, opts...)
	close(records)
	<-collected
	freed.Reclaimable = freed.Total
	if err != nil {
		return freed, fmt.Errorf("pruning the builder's cache: %w", err)
	}
	return freed, nil
}
