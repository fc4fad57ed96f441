//go:build linux

package server

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/defaults"
	"github.com/gofrs/flock"
	"github.com/moby/buildkit/cache/remotecache"
	"github.com/moby/buildkit/cache/remotecache/azblob"
	"github.com/moby/buildkit/cache/remotecache/gha"
	"github.com/moby/buildkit/cache/remotecache/inline"
	"github.com/moby/buildkit/cache/remotecache/local"
	"github.com/moby/buildkit/cache/remotecache/registry"
	"github.com/moby/buildkit/cache/remotecache/s3"
	"github.com/moby/buildkit/cmd/buildkitd/config"
	"github.com/moby/buildkit/control"
	"github.com/moby/buildkit/frontend"
	dockerfile "github.com/moby/buildkit/frontend/dockerfile/builder"
	"github.com/moby/buildkit/frontend/gateway"
	"github.com/moby/buildkit/frontend/gateway/forwarder"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/bboltcachestorage"
	"github.com/moby/buildkit/util/bklog"
	"github.com/moby/buildkit/util/db/boltutil"
	"github.com/moby/buildkit/util/grpcerrors"
	_ "github.com/moby/buildkit/util/grpcutil/encoding/proto" // the codec of BuildKit's messages
	"github.com/moby/buildkit/worker"
	bolt "go.etcd.io/bbolt"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// daemon is BuildKit's controller behind a gRPC server.
type daemon struct {
	settings
	activity   *activity
	server     *grpc.Server
	controller *control.Controller
}

func newDaemon(ctx context.Context, s settings) (*daemon, error) {
	controller, sizes, err := newController(ctx, s)
	if err != nil {
		return nil, s.Explain(err)
	}
	d := &daemon{settings: s, activity: newActivity(), controller: controller}
	d.server = grpc.NewServer(
		grpc.ChainUnaryInterceptor(d.activity.unary, sizes.unary, grpcerrors.UnaryServerInterceptor),
		grpc.ChainStreamInterceptor(d.activity.stream, grpcerrors.StreamServerInterceptor),
		grpc.MaxRecvMsgSize(defaults.DefaultMaxRecvMsgSize),
		grpc.MaxSendMsgSize(defaults.DefaultMaxSendMsgSize),
		grpc.WaitForHandlers(true),
	)
	healthv1.RegisterHealthServer(d.server, health.NewServer())
	controller.Register(d.server)
	return d, nil
}

func newController(ctx context.Context, s settings) (*control.Controller, *unpacked, error) {
	sessions, err := session.NewManager()
	if err != nil {
		return nil, nil, err
	}
	hosts := metered(patient(s.registryHosts(), s.args.RegistryTimeout))
	w, sizes, err := newWorker(ctx, s, hosts)
	if err != nil {
		return nil, nil, err
	}
	workers := &worker.Controller{}
	if err := workers.Add(w); err != nil {
		return nil, nil, err
	}
	gatewayFrontend, err := gateway.NewGatewayFrontend(workers.Infos(), s.config.Frontend.Gateway.AllowedRepositories)
	if err != nil {
		return nil, nil, err
	}
	cacheStore, err := bboltcachestorage.NewStore(filepath.Join(s.Root, "cache.db"))
	if err != nil {
		return nil, nil, err
	}
	// Opened always, written only where the configuration asks for a history: a
	// record per build costs half the time of a build that changes nothing.
	historyDB, err := boltutil.SafeOpen(filepath.Join(s.Root, "history.db"), 0o600,
		&bolt.Options{FreelistType: bolt.FreelistMapType})
	if err != nil {
		return nil, nil, err
	}
	history := s.config.History
	if history == nil {
		history = &config.HistoryConfig{MaxEntries: new(int64)}
	}
	c, err := control.NewController(control.Opt{
		SessionManager:   sessions,
		WorkerController: workers,
		Frontends: map[string]frontend.Frontend{
			"dockerfile.v0": forwarder.NewGatewayForwarder(workers.Infos(), dockerfile.Build),
			"gateway.v0":    gatewayFrontend,
		},
		ResolveCacheExporterFuncs: map[string]remotecache.ResolveCacheExporterFunc{
			"registry": registry.ResolveCacheExporterFunc(sessions, hosts),
			"local":    local.ResolveCacheExporterFunc(sessions),
			"inline":   inline.ResolveCacheExporterFunc(),
			"gha":      gha.ResolveCacheExporterFunc(nil, nil),
			"s3":       s3.ResolveCacheExporterFunc(),
			"azblob":   azblob.ResolveCacheExporterFunc(),
		},
		ResolveCacheImporterFuncs: map[string]remotecache.ResolveCacheImporterFunc{
			"registry": registry.ResolveCacheImporterFunc(sessions, w.ContentStore(), hosts),
			"local":    local.ResolveCacheImporterFunc(sessions),
			"gha":      gha.ResolveCacheImporterFunc(nil, nil),
			"s3":       s3.ResolveCacheImporterFunc(),
			"azblob":   azblob.ResolveCacheImporterFunc(),
		},
		CacheManager:   solver.NewCacheManager(ctx, "local", cacheStore, worker.NewCacheResultStorage(workers)),
		Entitlements:   s.entitlements(),
		HistoryDB:      historyDB,
		CacheStore:     cacheStore,
		LeaseManager:   w.LeaseManager(),
		ContentStore:   w.ContentStore(),
		HistoryConfig:  history,
		GarbageCollect: w.GarbageCollect,
		GracefulStop:   ctx.Done(),
	})
	return c, sizes, err
}

// run serves until a signal or the idle time ends it. cancel ends what runs
// outside of requests.
func (d *daemon) run(cancel context.CancelCauseFunc, l net.Listener, signals <-chan os.Signal) error {
	served := make(chan error, 1)
	go func() { served <- d.server.Serve(listener{l, d.activity}) }()
	done := make(chan struct{})
	defer close(done)
	go keepRotated(d.Log, done)
	idle := make(chan struct{})
	go d.awaitIdle(idle, done)
	gone := make(chan struct{})
	go d.awaitGone(gone, done)
	drained := make(chan struct{})
	draining := false
	drain := func() {
		if !draining {
			draining = true
			go d.awaitDrained(drained, done)
		}
	}
	for {
		select {
		case err := <-served:
			return err
		case <-idle:
			bklog.L.Infof("builder ends: no client for %v", d.args.Idle)
		case <-drained:
			bklog.L.Info("builder ends: asked to, and its builds are done")
		case <-gone:
			gone = nil
			bklog.L.Warn("the socket was removed: the builder ends when its builds are done")
			drain()
			continue
		case sig := <-signals:
			d.unlink()
			if sig == state.DrainSignal {
				drain()
				continue
			}
			bklog.L.Infof("builder ends: %v", sig)
		}
		cancel(context.Canceled)
		d.stop()
		return nil
	}
}

// unlink removes the socket's name: nobody new can connect from then on.
func (d *daemon) unlink() {
	if err := os.Remove(d.Socket); err != nil && !os.IsNotExist(err) {
		bklog.L.Errorf("removing the socket: %v", err)
	}
}

// stop cancels all requests and waits a while until they are done.
func (d *daemon) stop() {
	stopped := make(chan struct{})
	go func() {
		d.server.Stop()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-time.After(state.StopTimeout):
		bklog.L.Warnf("builds still running after %v; ending without them", state.StopTimeout)
	}
}

func (d *daemon) close() {
	if err := d.controller.Close(); err != nil {
		bklog.L.Warnf("closing: %v", err)
	}
}

// awaitIdle closes idle when no client has been connected for the idle time.
// It unlinks the socket before, under the start lock: a caller that holds the
// lock is about to connect, and wins.
func (d *daemon) awaitIdle(idle, done chan struct{}) {
	if d.args.Idle < 0 {
		return
	}
	lock := flock.New(d.StartLock, flock.SetPermissions(0o600))
	wait := d.args.Idle
	for {
		select {
		case <-done:
			return
		case <-time.After(wait):
		}
		alone := d.activity.unconnected()
		if wait = d.args.Idle - alone; wait > 0 {
			continue
		}
		wait = state.LockRetry
		if ok, err := lock.TryLock(); err != nil || !ok {
			continue
		}
		if conns, _ := d.activity.counts(); conns == 0 {
			d.unlink()
			close(idle)
			_ = lock.Unlock()
			return
		}
		_ = lock.Unlock()
	}
}

// socketPause is how long the socket's name may be gone before that is noticed.
const socketPause = time.Second

// awaitGone closes gone when somebody has removed the name of the socket: nobody finds this
// builder any more, and the next one would wait for it.
func (d *daemon) awaitGone(gone, done chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(socketPause):
		}
		if _, err := os.Lstat(d.Socket); os.IsNotExist(err) {
			close(gone)
			return
		}
	}
}

// awaitDrained closes drained when the present clients are done.
func (d *daemon) awaitDrained(drained, done chan struct{}) {
	for !d.activity.drained() {
		select {
		case <-done:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	close(drained)
}
