package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker/auth"
	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/docker/cli/cli/config/types"
)

// challenge is how a registry wants to be convinced.
type challenge struct {
	basic bool
	auth.Challenge
}

// token is what a registry wants to see with requests of a scope.
type token struct {
	mu    sync.Mutex
	value string
	until time.Time
}

// minToken is how long a token is used at least; a server that does not say
// how long one is good means a minute.
const (
	minToken     = 10 * time.Second
	defaultToken = time.Minute
)

// challenged takes in an answer with 401, and says whether it tells how the
// registry wants to be asked. The scope that it names is what a token is for.
func (h *host) challenged(header http.Header) (scope string, ok bool) {
	var found *challenge
	for _, c := range auth.ParseAuthHeader(header) {
		switch c.Scheme {
		case auth.BearerAuth:
			found = &challenge{Challenge: c}
		case auth.BasicAuth:
			if found == nil {
				found = &challenge{basic: true, Challenge: c}
			}
		}
		if found != nil && !found.basic {
			break
		}
	}
	if found == nil {
		return "", false
	}
	h.mu.Lock()
	h.challenge = found
	h.mu.Unlock()
	return found.Parameters["scope"], true
}

func (h *host) known() *challenge {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.challenge
}

// authorization is the header for requests of a scope, or "" if the registry
// has asked for none, or there is none to give.
func (c *Client) authorization(ctx context.Context, h *host, scope string) (string, error) {
	ch := h.known()
	if ch == nil {
		return "", nil
	}
	cred := c.opt.Credentials.Of(h.address)
	switch {
	case !ch.basic:
		return c.bearer(ctx, h, ch, scope, cred)
	case cred.Username == "" && cred.Password == "":
		return "", nil
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(cred.Username+":"+cred.Password)), nil
}

func (c *Client) bearer(ctx context.Context, h *host, ch *challenge, scope string, cred types.AuthConfig) (string, error) {
	if cred.RegistryToken != "" {
		return "Bearer " + cred.RegistryToken, nil
	}
	h.mu.Lock()
	t := h.tokens[scope]
	if t == nil {
		t = &token{}
		h.tokens[scope] = t
	}
	h.mu.Unlock()
	// One at a time, so that many who need a token ask for it once.
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == "" || time.Now().After(t.until) {
		value, lasts, err := c.fetchToken(ctx, h, ch, scope, cred)
		if err != nil {
			return "", fmt.Errorf("asking for access to %s: %w", h.domain, err)
		}
		t.value, t.until = value, time.Now().Add(lasts)
	}
	return "Bearer " + t.value, nil
}

// granted says whether there is a token for a scope.
func (h *host) granted(scope string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tokens[scope] != nil
}

// wants is what the registry calls a scope.
func (h *host) wants(scope string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if name := h.scopes[scope]; name != "" {
		return name
	}
	return scope
}

// named notes what the registry calls a scope.
func (h *host) named(scope, name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.scopes[scope] = name
}

// forget drops a token that the registry does not take any more.
func (h *host) forget(scope string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.tokens, scope)
}

// fetchToken asks for a token as BuildKit's session does.
func (c *Client) fetchToken(ctx context.Context, h *host, ch *challenge, scope string, cred types.AuthConfig) (string, time.Duration, error) {
	user, secret := cred.Username, cred.Password
	if cred.IdentityToken != "" {
		user, secret = "", cred.IdentityToken
	}
	to, err := auth.GenerateTokenOptions(ctx, h.domain, user, secret, ch.Challenge)
	if err != nil {
		return "", 0, err
	}
	to.Scopes = nil
	if scope != "" {
		to.Scopes = strings.Fields(scope)
	}
	client := &http.Client{Transport: c.retrying(h)}
	if secret != "" {
		resp, err := auth.FetchTokenWithOAuth(ctx, client, nil, "orch", to)
		if err == nil {
			return resp.AccessToken, lasts(resp.ExpiresInSeconds), nil
		}
		if !noOAuth(err, user) {
			return "", 0, tokenError(err)
		}
	}
	resp, err := auth.FetchToken(ctx, client, nil, to)
	if err != nil {
		return "", 0, tokenError(err)
	}
	return resp.Token, lasts(resp.ExpiresInSeconds), nil
}

// noOAuth says whether a server of tokens may know the older way only.
func noOAuth(err error, user string) bool {
	var refused remoteerrors.ErrUnexpectedStatus
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.StatusCode {
	case http.StatusMethodNotAllowed:
		return user != ""
	case http.StatusNotFound, http.StatusUnauthorized, http.StatusBadRequest:
		return true
	}
	return false
}

// tokenError is the answer of a server of tokens, without what was asked of it.
func tokenError(err error) error {
	var refused remoteerrors.ErrUnexpectedStatus
	if !errors.As(err, &refused) {
		return err
	}
	at, _, _ := strings.Cut(refused.RequestURL, "?")
	return &Error{Method: refused.RequestMethod, URL: at, Status: refused.StatusCode, Message: message(refused.Body)}
}

func lasts(seconds int) time.Duration {
	if seconds <= 0 {
		return defaultToken
	}
	return max(time.Duration(seconds)*time.Second*9/10, minToken)
}
