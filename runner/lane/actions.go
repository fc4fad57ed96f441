package lane

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	actionscache "github.com/tonistiigi/go-actions-cache"
)

const (
	// actionsVersion is part of the keys of BuildKit's cache in GitHub Actions,
	// as its remotecache/gha has them.
	actionsVersion = "1"
	// actionsStuck is how long an entry that was begun and never ended may keep
	// others from writing.
	actionsStuck = 15 * time.Second
)

// actions is a cache in GitHub Actions.
type actions struct {
	cache *actionscache.Cache
	scope string
}

// WatchActions begins to watch the cache of a lane in GitHub Actions. attrs are
// those of BuildKit's gha cache.
func WatchActions(ctx context.Context, attrs map[string]string) (*Watch, error) {
	url, v2 := attrs["url_v2"], true
	if url == "" || attrs["version"] == "1" {
		url, v2 = attrs["url"], strings.Contains(attrs["url"], "results-receiver.actions.githubusercontent.com")
	}
	cache, err := actionscache.New(attrs["token"], url, v2, actionscache.Opt{UserAgent: "orch-cache"})
	if err != nil {
		return nil, err
	}
	return watch(ctx, &actions{cache, attrs["scope"]}), nil
}

// hold does nothing: an entry is never replaced.
func (a *actions) hold(context.Context) (release func(), err error) { return func() {}, nil }

// key is what the entries that hold the config of a scope begin with.
func (a *actions) key(scope string) string {
	branch := ""
	for _, s := range a.cache.Scopes() {
		if s.Permission&actionscache.PermissionWrite != 0 {
			branch = s.Scope
		}
	}
	return "index-" + scope + "-" + actionsVersion + "-" + digest.FromString(branch).Encoded()[:8]
}

func (a *actions) load(ctx context.Context) (*content, error) { return a.latest(ctx, a.scope) }

func (a *actions) written(ctx context.Context, scope string) (*content, error) {
	c, err := a.latest(ctx, scope)
	if err == nil && c == nil {
		err = errors.New("it is not there")
	}
	return c, err
}

// latest is the newest config of a scope, or nil if it has none.
func (a *actions) latest(ctx context.Context, scope string) (*content, error) {
	entry, err := a.cache.Load(ctx, a.key(scope)+"#")
	if err != nil {
		return nil, err
	}
	return read(ctx, entry)
}

func read(ctx context.Context, entry *actionscache.Entry) (*content, error) {
	if entry == nil {
		return nil, nil
	}
	var data bytes.Buffer
	if err := entry.WriteTo(ctx, &data); err != nil {
		return nil, err
	}
	c := &content{id: entry.Key}
	return c, c.readConfig(data.Bytes())
}

// errGood ends an update that has nothing to do.
var errGood = errors.New("the cache is good as it is")

func (a *actions) update(ctx context.Context, change change) error {
	err := a.cache.SaveMutable(ctx, a.key(a.scope), actionsStuck, func(entry *actionscache.Entry) (actionscache.Blob, error) {
		old, err := read(ctx, entry)
		if err != nil {
			return nil, err
		}
		next, err := change(old)
		if err != nil {
			return nil, err
		}
		if next == nil {
			return nil, errGood
		}
		e, err := next.encode()
		if err != nil {
			return nil, err
		}
		return actionscache.NewBlob(e.config), nil
	})
	if errors.Is(err, errGood) {
		return nil
	}
	return err
}
