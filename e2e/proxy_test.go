//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// registryProxy is in front of the registry and counts requests.
type registryProxy struct {
	*httptest.Server
	mu sync.Mutex
	// blobs and manifests count what is uploaded, requests everything.
	blobs, manifests, requests int
	refuse                     bool // answers everything with an error
	drop                       bool // hangs up when orch itself uploads
}

func newRegistryProxy() *registryProxy {
	forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: shared.registry})
	p := &registryProxy{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.requests++
		switch {
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
		case strings.Contains(r.URL.Path, "/manifests/"):
			p.manifests++
		default:
			p.blobs++
		}
		refuse := p.refuse
		drop := p.drop && r.Method == http.MethodPut && strings.HasPrefix(r.UserAgent(), "orch")
		p.mu.Unlock()
		if drop {
			panic(http.ErrAbortHandler)
		}
		if refuse {
			http.Error(w, "out of order", http.StatusTeapot)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	return p
}

// servers are the stand-ins that each script has for itself.
type servers struct {
	proxy   *registryProxy
	actions *actionsCache
}

type serversKey struct{}

// startServers starts them for a script, which finds them in PROXY,
// ACTIONS_URL and ACTIONS_TOKEN.
func startServers(env *testscript.Env) {
	s := &servers{newRegistryProxy(), newActionsCache()}
	env.Defer(s.proxy.Close)
	env.Defer(s.actions.Close)
	env.Values[serversKey{}] = s
	env.Setenv("PROXY", strings.TrimPrefix(s.proxy.URL, "http://"))
	env.Setenv("ACTIONS_URL", s.actions.URL)
	env.Setenv("ACTIONS_TOKEN", s.actions.token())
}

// cmdServers looks at the stand-ins and changes them: "servers count" prints
// the requests since the last time, "servers refuse on|off" breaks and mends
// the registry, "servers drop on|off" lets it die while orch uploads, "servers limit N WINDOW" is the limit of the cache service.
func cmdServers(ts *testscript.TestScript, neg bool, args []string) {
	s := ts.Value(serversKey{}).(*servers)
	switch {
	case !neg && len(args) == 1 && args[0] == "count":
		s.proxy.mu.Lock()
		fmt.Fprintf(ts.Stdout(), "blobs=%d manifests=%d requests=%d\n", s.proxy.blobs, s.proxy.manifests, s.proxy.requests)
		s.proxy.blobs, s.proxy.manifests, s.proxy.requests = 0, 0, 0
		s.proxy.mu.Unlock()
		fmt.Fprintf(ts.Stdout(), "actions %s\n", s.actions)
	case !neg && len(args) == 2 && args[0] == "refuse":
		s.proxy.mu.Lock()
		s.proxy.refuse = args[1] == "on"
		s.proxy.mu.Unlock()
	case !neg && len(args) == 2 && args[0] == "drop":
		s.proxy.mu.Lock()
		s.proxy.drop = args[1] == "on"
		s.proxy.mu.Unlock()
	case !neg && len(args) == 3 && args[0] == "limit":
		window, err := time.ParseDuration(args[2])
		ts.Check(err)
		s.actions.mu.Lock()
		_, err = fmt.Sscan(args[1], &s.actions.limit)
		s.actions.window = window
		s.actions.mu.Unlock()
		ts.Check(err)
	default:
		ts.Fatalf("usage: servers count | refuse on|off | drop on|off | limit N WINDOW")
	}
}
