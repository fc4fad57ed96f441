package cachemounts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"

	"github.com/orch-build/orch/runner/mounts/pack"
)

// Command is the hidden command of orch that is run in the container.
const Command = "__mount"

// The places in the container.
const (
	mountDir = "/mount"
	baseDir  = "/base"
)

// releaseTime is how long a builder may take to let go of a mount.
const releaseTime = 10 * time.Second

// Box opens containers in a running build.
type Box struct {
	Gateway gateway.Client
	// Root is the builder's reference to the folder with the program.
	Root   gateway.Reference
	Helper *Helper
}

// ErrInUse is a mount that another run has locked.
var ErrInUse = errors.New("another run is using it")

// Source is where an archive is read from.
type Source struct {
	Open func(context.Context) (io.ReadCloser, error)
	Size int64
}

// Restore fills a mount that is as the builder makes a new one. It waits at most
// that long for one that is locked.
//
// A mount that steps share stays with the build until it is let go of. A builder that
// counts what it holds, as before it collects garbage, or that is pruned, would else
// give the step another, empty one.
func (b *Box) Restore(ctx context.Context, m *Mount, wait time.Duration, from Source, opt pack.RestoreOptions) (*pack.Status, *Hold, error) {
	ctr, err := b.open(ctx, m, wait)
	if err != nil {
		return nil, nil, err
	}
	status, err := b.restore(ctx, ctr, m, from, opt)
	hold := &Hold{ctr}
	if err != nil || m.sharing != pb.CacheSharingOpt_SHARED {
		hold.Release(ctx)
		hold = nil
	}
	return status, hold, err
}

// Hold is a mount that the builder neither gives away nor removes.
type Hold struct{ ctr gateway.Container }

// Release lets go of the mount.
func (h *Hold) Release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	_ = h.ctr.Release(ctx)
}

func (b *Box) restore(ctx context.Context, ctr gateway.Container, m *Mount, from Source, opt pack.RestoreOptions) (*pack.Status, error) {
	sending, cancel := context.WithCancel(ctx)
	defer cancel()
	opt.Dir, opt.Base, opt.Size = mountDir, m.baseDir(), from.Size
	in, feed := io.Pipe()
	defer feed.Close()
	defer in.Close()
	fault := make(chan error, 1)
	// An older builder does not see that the program has ended before its input has:
	// that ends as soon as nothing is to be sent.
	said := &talk{first: func(s *pack.Status) {
		if from.Size == 0 || s == nil || s.State != pack.Cold {
			_ = feed.Close()
			return
		}
		go func() {
			err := send(sending, feed, from)
			fault <- err
			_ = feed.CloseWithError(err)
		}()
	}}
	if err := b.run(ctx, ctr, call{order: "restore", options: opt, in: in, out: said, state: &talk{first: func(*pack.Status) { _ = feed.Close() }}}); err != nil {
		select {
		case why := <-fault:
			if why != nil && !errors.Is(why, io.ErrClosedPipe) {
				return nil, why
			}
		default:
		}
		return nil, err
	}
	return said.last()
}

// send sends an archive, and behind it the word that it was whole.
func send(ctx context.Context, to io.Writer, from Source) error {
	archive, err := from.Open(ctx)
	if err != nil {
		return err
	}
	defer archive.Close()
	if _, err := io.Copy(to, archive); err != nil {
		return err
	}
	_, err = io.WriteString(to, pack.Commit)
	return err
}

// Save writes the archive of a mount to out.
func (b *Box) Save(ctx context.Context, m *Mount, wait time.Duration, out io.Writer, opt pack.SaveOptions) (*pack.Status, error) {
	ctr, err := b.open(ctx, m, wait)
	if err != nil {
		return nil, err
	}
	defer (&Hold{ctr}).Release(ctx)
	opt.Dir, opt.Base = mountDir, m.baseDir()
	talk := &talk{}
	if err := b.run(ctx, ctr, call{order: "save", options: opt, out: out, state: talk}); err != nil {
		return nil, err
	}
	return talk.last()
}

func (m *Mount) baseDir() string {
	if m.source == nil {
		return ""
	}
	return baseDir
}

// call is one call of the program in the container.
type call struct {
	order   string
	options any // written as JSON
	in      io.ReadCloser
	out     io.Writer
	state   *talk // what it says of its work and of a failure
}

// run runs the program in a container that has the mount. What it prints to
// state, and is not a status, is why it failed.
func (b *Box) run(ctx context.Context, ctr gateway.Container, c call) error {
	options, err := json.Marshal(c.options)
	if err != nil {
		return err
	}
	proc, err := ctr.Start(ctx, gateway.StartRequest{
		Args: []string{b.Helper.place(), Command, c.order, string(options)}, Cwd: "/", User: "0:0",
		Env: []string{"HOME=/", "ORCH_STATE_DIR=/none"}, Stdin: c.in, Stdout: unclosed{c.out}, Stderr: unclosed{c.state},
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- proc.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err != nil {
		if text := c.state.text(); text != "" {
			return errors.New(text)
		}
	}
	return err
}

// mounts are the container's mounts.
func (b *Box) mounts(ctx context.Context, m *Mount) ([]gateway.Mount, error) {
	cache := gateway.Mount{
		Dest: mountDir, MountType: pb.MountType_CACHE, Selector: m.selector,
		CacheOpt: &pb.CacheOpt{ID: m.name, Sharing: m.sharing},
	}
	out := []gateway.Mount{{Dest: "/", Ref: b.Root, MountType: pb.MountType_BIND}}
	if m.source != nil {
		res, err := b.Gateway.Solve(ctx, gateway.SolveRequest{Definition: m.source, Evaluate: true})
		if err != nil {
			return nil, err
		}
		if cache.Ref, err = res.SingleRef(); err != nil {
			return nil, err
		}
		out = append(out, gateway.Mount{Dest: baseDir, MountType: pb.MountType_BIND, Ref: cache.Ref, Selector: m.selector, Readonly: true})
	}
	return append(out, cache), nil
}

// open opens a container with a mount. One that would come later is closed when it does: a
// call that is given up could leave a container that keeps its mount.
func (b *Box) open(ctx context.Context, m *Mount, wait time.Duration) (gateway.Container, error) {
	mounts, err := b.mounts(ctx, m)
	if err != nil {
		return nil, err
	}
	type opened struct {
		ctr gateway.Container
		err error
	}
	done := make(chan opened, 1)
	go func() {
		ctr, err := b.Gateway.NewContainer(ctx, gateway.NewContainerRequest{Mounts: mounts, NetMode: pb.NetMode_NONE})
		done <- opened{ctr, err}
	}()
	late := time.NewTimer(wait)
	defer late.Stop()
	select {
	case o := <-done:
		return o.ctr, o.err
	case <-late.C:
	}
	go func() {
		if o := <-done; o.err == nil {
			(&Hold{o.ctr}).Release(ctx)
		}
	}()
	return nil, ErrInUse
}

// talk reads what the program reports.
type talk struct {
	// first gets the first line, or nil if it is no status; it is called at most once.
	first func(*pack.Status)

	mu   sync.Mutex
	buf  bytes.Buffer
	said bool
}

func (t *talk) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(p)
	if t.first != nil && !t.said && bytes.Contains(t.buf.Bytes(), []byte("\n")) {
		t.said = true
		s := &pack.Status{}
		if json.Unmarshal(bytes.SplitN(t.buf.Bytes(), []byte("\n"), 2)[0], s) != nil {
			s = nil
		}
		t.first(s)
	}
	return len(p), nil
}

// last is the last status.
func (t *talk) last() (*pack.Status, error) {
	lines := strings.Split(strings.TrimSpace(t.text()), "\n")
	s := &pack.Status{}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), s); err != nil {
		return nil, fmt.Errorf("reading what the program in the container reports: %w", err)
	}
	return s, nil
}

func (t *talk) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	const most = 4 << 10
	return strings.TrimSpace(string(t.buf.Bytes()[max(0, t.buf.Len()-most):]))
}

type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }
