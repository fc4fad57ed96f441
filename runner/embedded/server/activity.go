//go:build linux

package server

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// listWorkers is the request that carries the activity in its answer.
const listWorkers = "/moby.buildkit.v1.Control/ListWorkers"

// asking are the requests that only look: they are not work.
var asking = map[string]bool{
	listWorkers:                      true,
	"/moby.buildkit.v1.Control/Info": true,
	"/grpc.health.v1.Health/Check":   true,
}

// activity counts the connections and the requests in work, and remembers
// since when there have been none.
type activity struct {
	mu      sync.Mutex
	conns   int
	active  int
	changed time.Time
}

func newActivity() *activity { return &activity{changed: time.Now()} }

// add changes the counts.
func (a *activity) add(conns, active int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conns += conns
	a.active += active
	a.changed = time.Now()
}

func (a *activity) counts() (conns, active int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.conns, a.active
}

// unconnected returns for how long nobody has been connected; 0 while someone
// is.
func (a *activity) unconnected() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conns > 0 {
		return 0
	}
	return time.Since(a.changed)
}

// drained says whether all clients are gone, or connected without asking for
// anything for a while. A client that builds makes several requests on one
// connection, so a moment without any does not mean that it is done.
func (a *activity) drained() bool {
	const quiet = 3 * time.Second
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.conns == 0 || a.active == 0 && time.Since(a.changed) > quiet
}

// unary counts a request, and answers ListWorkers with the counts. The asking
// connection does not count itself.
func (a *activity) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if asking[info.FullMethod] {
		if info.FullMethod == listWorkers {
			conns, active := a.counts()
			_ = grpc.SetHeader(ctx, metadata.Pairs(
				state.HeaderClients, strconv.Itoa(max(0, conns-1)),
				state.HeaderActive, strconv.Itoa(active)))
		}
		return handler(ctx, req)
	}
	a.add(0, 1)
	defer a.add(0, -1)
	return handler(ctx, req)
}

// stream counts a request that stays open, such as a session.
func (a *activity) stream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	a.add(0, 1)
	defer a.add(0, -1)
	return handler(srv, ss)
}

// listener counts the connections it accepts until they are closed.
type listener struct {
	net.Listener
	activity *activity
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.activity.add(1, 0)
	return &conn{Conn: c, closed: sync.OnceFunc(func() { l.activity.add(-1, 0) })}, nil
}

type conn struct {
	net.Conn
	closed func()
}

func (c *conn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}
