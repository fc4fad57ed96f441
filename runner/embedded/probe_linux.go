package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/platforms"
	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"
	wlabel "github.com/moby/buildkit/worker/label"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/orch-build/orch/runner/embedded/internal/state"
)

const (
	// answerTimeout is how long a builder that listens may take to answer.
	answerTimeout = 10 * time.Second
	// busyTimeout is how long it may take if it is at work all the time, as on a
	// machine with far more to do than it can.
	busyTimeout = time.Minute
	// atWork is how much processor time it has at least used meanwhile, in ticks of
	// a hundredth of a second.
	atWork = 5
)

// probe asks the builder on the socket what it is. Nobody listening, also on a
// socket left over from a crash, is not an error: Running is false then.
func probe(ctx context.Context, p paths) (*Info, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	info := &Info{Address: p.Address(), StateDir: p.State, Log: p.Log}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", p.Socket)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOTDIR) {
		return info, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, p.Explain(err)
	}
	if err != nil {
		return nil, fmt.Errorf("connecting to the embedded builder: %w", err)
	}
	defer conn.Close()
	info.PID = peerPID(conn)

	ask, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		untilSilent(ask, func() uint64 { return ticks(info.PID) })
		cancel()
	}()
	err = info.fill(ask, conn)
	switch {
	case err == nil:
		info.Running = true
		return info, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case status.Code(err) == codes.Unavailable:
		// It ended between the connection and the answer.
		return info, nil
	case ask.Err() != nil:
		return info, fmt.Errorf("the embedded builder (process %d) does not answer; see its log %s, or end it with \"orch builder stop --now\"", info.PID, p.Log)
	default:
		return nil, fmt.Errorf("asking the embedded builder at %s: %w", p.Socket, err)
	}
}

// untilSilent returns when a process, whose processor time used returns, has done
// nothing for answerTimeout, or after busyTimeout.
func untilSilent(ctx context.Context, used func() uint64) {
	ctx, cancel := context.WithTimeout(ctx, busyTimeout)
	defer cancel()
	every := time.NewTicker(answerTimeout)
	defer every.Stop()
	for before := used(); ; {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		now := used()
		if now < before+atWork {
			return
		}
		before = now
	}
}

// ticks is the processor time that a process has used.
func ticks(pid int) uint64 {
	used := statFields(pid, 14, 15)
	return used[0] + used[1]
}

// fill asks over conn and fills in the answer.
func (i *Info) fill(ctx context.Context, conn net.Conn) error {
	conns := make(chan net.Conn, 1)
	conns <- conn
	c, err := client.New(ctx, i.Address, client.WithContextDialer(
		func(context.Context, string) (net.Conn, error) {
			select {
			case conn := <-conns:
				return conn, nil
			default:
				return nil, net.ErrClosed
			}
		}))
	if err != nil {
		return err
	}
	defer c.Close()
	var header metadata.MD
	resp, err := c.ControlClient().ListWorkers(ctx, &controlapi.ListWorkersRequest{}, grpc.Header(&header))
	if err != nil {
		return err
	}
	i.Clients, i.Active = number(header, state.HeaderClients), number(header, state.HeaderActive)
	for _, w := range resp.Record {
		i.BuildKit = w.BuildkitVersion.GetVersion()
		i.labels(w.Labels)
		for _, p := range pb.ToSpecPlatforms(w.Platforms) {
			i.Platforms = append(i.Platforms, platforms.FormatAll(p))
		}
	}
	return nil
}

func (i *Info) labels(l map[string]string) {
	i.Version = l[state.LabelVersion]
	i.Started, _ = time.Parse(time.RFC3339, l[state.LabelStarted])
	i.IdleExit = l[state.LabelIdleExit]
	i.Runtime = l[state.LabelRuntime]
	i.Rootless = l[state.LabelRootless] == "true"
	i.Snapshotter = l[wlabel.Snapshotter]
	i.Network = l[wlabel.Network]
	i.Config, i.configID = l[state.LabelConfig], l[state.LabelConfigID]
	i.build.id = l[state.LabelBuildID]
	i.build.time, _ = strconv.ParseInt(l[state.LabelBuildTime], 10, 64)
	i.MaxParallelism, _ = strconv.Atoi(l[state.LabelMaxParallelism])
	i.executable, i.executableID = l[state.LabelExecutable], l[state.LabelExecutableID]
	if e := l[state.LabelEmulated]; e != "" {
		i.Emulated = strings.Split(e, ",")
	}
}

func number(md metadata.MD, key string) int {
	for _, s := range md.Get(key) {
		n, _ := strconv.Atoi(s)
		return n
	}
	return 0
}

// peerPID returns the process that listens on the other end of conn, or 0. It
// needs no file that could be stale.
func peerPID(conn net.Conn) int {
	uc, ok := conn.(*net.UnixConn)
	if !ok {
		return 0
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return 0
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil || credErr != nil {
		return 0
	}
	return int(cred.Pid)
}
