package lane

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// actionsVersion is part of the keys of BuildKit's cache in GitHub Actions,
	// as its remotecache/gha has them.
	actionsVersion = "1"
	// actionsStuck is how long an entry that was begun and never ended may keep
	// others from writing, and actionsPause the time between two looks at it.
	actionsStuck = 15 * time.Second
	actionsPause = time.Second
)

// actions is a cache in GitHub Actions. The config of a scope is in entries with
// numbers, of which the last one counts; no number is taken twice.
type actions struct {
	service *service
	branch  string // that the token may write for
	scope   string
}

// WatchActions begins to watch the cache of a lane in GitHub Actions. attrs are
// those of BuildKit's gha cache. Only version 2 of the service is known.
func WatchActions(ctx context.Context, attrs map[string]string) (*Watch, error) {
	if attrs["url_v2"] == "" || attrs["version"] == "1" {
		return nil, errors.New("version 1 of the cache service is not known")
	}
	branch, err := writable(attrs["token"])
	if err != nil {
		return nil, err
	}
	return watch(ctx, &actions{newService(attrs["url_v2"], attrs["token"]), branch, attrs["scope"]}), nil
}

// writable is the branch that a token of a runner lets write for.
func writable(token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errors.New("the token of the cache service is not a JWT")
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", fmt.Errorf("reading the token of the cache service: %w", err)
	}
	var claims struct{ AC string }
	var scopes []struct {
		Scope      string
		Permission int
	}
	if err = json.Unmarshal(data, &claims); err == nil {
		err = json.Unmarshal([]byte(claims.AC), &scopes)
	}
	if err != nil {
		return "", fmt.Errorf("reading the token of the cache service: %w", err)
	}
	branch := ""
	for _, s := range scopes {
		const write = 2
		if s.Permission&write != 0 {
			branch = s.Scope
		}
	}
	return branch, nil
}

// hold does nothing: an entry is never replaced.
func (a *actions) hold(context.Context) (release func(), err error) { return func() {}, nil }

// key is what the entries that hold the config of a scope begin with; a number
// follows.
func (a *actions) key(scope string) string {
	return "index-" + scope + "-" + actionsVersion + "-" + digest.FromString(a.branch).Encoded()[:8] + "#"
}

func (a *actions) load(ctx context.Context) (*content, error) { return a.latest(ctx, a.scope) }

func (a *actions) written(ctx context.Context, scope string) (*content, error) {
	c, err := a.latest(ctx, scope)
	if err == nil && c == nil {
		err = fs.ErrNotExist
	}
	return c, err
}

// latest is the last config of a scope, or nil if it has none.
func (a *actions) latest(ctx context.Context, scope string) (*content, error) {
	key, data, err := a.service.load(ctx, a.key(scope))
	if err != nil || key == "" {
		return nil, err
	}
	c := &content{id: key}
	return c, c.readConfig(data)
}

// has says that nothing is known to be there, for no blob is asked for.
func (a *actions) has(context.Context, ocispecs.Descriptor) bool { return false }

func (a *actions) update(ctx context.Context, change change) error {
	var blocked time.Time
	skip := 0
	for {
		old, err := a.load(ctx)
		if err != nil {
			return err
		}
		next, err := change(old)
		if err != nil || next == nil {
			return err
		}
		e, err := next.encode()
		if err != nil {
			return err
		}
		number := 1
		if old != nil {
			if number, err = strconv.Atoi(strings.TrimPrefix(old.id, a.key(a.scope))); err != nil {
				return fmt.Errorf("the entry %s has no number", old.id)
			}
			number++
		}
		err = a.service.save(ctx, a.key(a.scope)+strconv.Itoa(number+skip), e.config)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		// Another run has the number: its entry is there soon, or never, if that
		// run has ended in between.
		switch {
		case blocked.IsZero():
			blocked = time.Now()
		case time.Since(blocked) > actionsStuck:
			skip++
		}
		if err := pause(ctx, actionsPause, 1); err != nil {
			return err
		}
	}
}
