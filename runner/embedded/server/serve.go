//go:build linux

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/gofrs/flock"
	"github.com/moby/buildkit/util/apicaps"
	"github.com/moby/buildkit/util/bklog"
	"github.com/moby/buildkit/util/stack"
	"github.com/moby/buildkit/version"
	"github.com/moby/sys/userns"
	"github.com/sirupsen/logrus"
	fscopy "github.com/tonistiigi/fsutil/copy"
	"golang.org/x/sys/unix"

	"github.com/orch-build/orch/runner/embedded/internal/daemonconfig"
	"github.com/orch-build/orch/runner/embedded/internal/intact"
	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// settings are the daemon's arguments.
type settings struct {
	state.Paths
	args     state.Args
	rootless bool
	runtime  string
	config   *daemonconfig.Config
}

// Serve is the main function of the builder's process: it returns when the
// builder has ended. args are those after the hidden argument that led here.
func Serve(args []string) error {
	a, err := state.ParseArgs(args)
	if err != nil {
		return err
	}
	if a.StateDir == "" {
		return errors.New("--state-dir is missing: the builder's process is started by orch, not by hand")
	}
	if a.Look != "" {
		return intact.Look(a.Look)
	}
	if a.Userns {
		return enterUserNamespace()
	}
	s := settings{Paths: state.NewPaths(a.StateDir), args: a}
	// Nothing that the daemon starts may hold the pipe open.
	unix.CloseOnExec(state.ReportFD)
	rep := state.Reporter{W: os.NewFile(state.ReportFD, "report")}
	defer rep.Close()
	err = serve(s, rep)
	if err != nil {
		bklog.L.Errorf("builder ends: %v", err)
		rep.Say(state.ReportFailed, err.Error())
	}
	return err
}

// errTaken ends a daemon that finds another one at work.
var errTaken = errors.New("another builder is running with the same state folder")

func serve(s settings, rep state.Reporter) error {
	logrus.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, DisableColors: true})
	logrus.AddHook(spanless{})
	if err := s.surroundings(); err != nil {
		return err
	}
	var err error
	var warnings []string
	if s.config, warnings, err = daemonconfig.Load(s.args.Config); err != nil {
		return err
	}
	s.setLogLevel()
	for _, w := range warnings {
		bklog.L.Warn(w)
		rep.Say(state.ReportWarn, w)
	}
	if s.runtime, err = findRuntime(os.Getenv("PATH")); err != nil {
		return err
	}
	unlock, err := lockState(s.Paths, rep)
	if errors.Is(err, errTaken) {
		rep.Say(state.ReportTaken, "")
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	if err := clearLeftovers(s.Paths, s.runtime); err != nil {
		return fmt.Errorf("clearing what a killed builder left: %w", err)
	}

	if err := heal(s, rep); err != nil {
		return err
	}
	if _, err := s.KeepReserve(); err != nil {
		bklog.L.Warnf("no space is set aside for pruning a full disk: %v", err)
	}

	signals := make(chan os.Signal, 4)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, state.DrainSignal)
	signal.Ignore(unix.SIGHUP)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	d, err := newHealed(ctx, s, rep)
	if err != nil {
		return err
	}
	defer func() {
		d.close()
		if err := intact.Seal(s.Root, s.Seal); err != nil {
			bklog.L.Warn(err)
		}
	}()
	// The socket gets its name only now: who can connect gets an answer.
	l, err := listen(s.Paths)
	if err != nil {
		return err
	}
	bklog.L.Infof("builder ready: orch %s, BuildKit %s, process %d, %s", s.args.Version, version.Version, os.Getpid(), s.Socket)
	rep.Say(state.ReportReady, "")
	rep.Close()
	return d.run(cancel, l, signals)
}

// surroundings sets up the process as BuildKit's server expects it. Nothing of
// this may happen in the process of a client.
func (s *settings) surroundings() error {
	// The file that is executed may have no telling name; ps shows this one.
	if err := os.WriteFile("/proc/self/comm", []byte("orch-builder"), 0); err != nil {
		return err
	}
	syscall.Umask(0)
	fscopy.UmaskIsZero = true
	version.Version = buildkitVersion()
	stack.SetVersionInfo(version.Version, version.Revision)
	apicaps.ExportedProduct = "buildkit"

	if err := s.temporary(); err != nil {
		return err
	}
	if s.rootless = userns.RunningInUserNS(); s.rootless {
		return s.rootlessSurroundings()
	}
	return nil
}

// temporary has files and mounts that are there for a moment made where the next
// daemon clears them. containerd has read the environment before, and is told.
func (s *settings) temporary() error {
	if err := os.Setenv("TMPDIR", s.Tmp); err != nil {
		return err
	}
	return mount.SetTempMountLocation(s.Tmp)
}

// buildkitVersion is the version of the BuildKit that is linked in.
func buildkitVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == version.Package {
				return dep.Version
			}
		}
	}
	return version.Version
}

// lockState takes the lock that one daemon holds as long as it lives. A
// predecessor that is ending is waited for; one that answers is errTaken.
func lockState(p state.Paths, rep state.Reporter) (unlock func(), err error) {
	lock := flock.New(p.Lock, flock.SetPermissions(0o600))
	for said := false; ; time.Sleep(state.LockRetry) {
		ok, err := lock.TryLock()
		if err != nil {
			return nil, p.Explain(err)
		}
		if ok {
			return func() { _ = lock.Unlock() }, nil
		}
		if conn, err := net.Dial("unix", p.Socket); err == nil {
			conn.Close()
			return nil, errTaken
		}
		if !said {
			rep.Say(state.ReportWait, "waiting for the previous builder to finish its builds")
			said = true
		}
	}
}

// listen opens the socket, replacing one that a killed daemon left.
func listen(p state.Paths) (net.Listener, error) {
	name := p.NewSocket()
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, p.Explain(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return nil, p.Explain(err)
	}
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(name, 0o600); err != nil {
		l.Close()
		return nil, p.Explain(err)
	}
	if err := os.Rename(name, p.Socket); err != nil {
		l.Close()
		return nil, p.Explain(err)
	}
	return l, nil
}
