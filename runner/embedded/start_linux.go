package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/orch-build/orch/internal/limits"
	"github.com/orch-build/orch/internal/program"
	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// silence is how long a starting daemon may say nothing. After a crash it
// reads its databases first, which takes seconds when they are large.
const silence = 2 * time.Minute

// threads is how many the builder and the program that starts it need at least.
const threads = 16

// start runs this program as the builder and waits until it is ready. The
// caller holds the start lock.
func start(ctx context.Context, o Options, p paths) (*Daemon, error) {
	if err := limits.Threads(threads); err != nil {
		return nil, fmt.Errorf("starting the embedded builder: %w", err)
	}
	log, err := state.OpenLog(p.Log, state.MaxLogSize)
	if err != nil {
		return nil, p.Explain(err)
	}
	defer log.Close()
	var logStart int64
	if fi, err := log.Stat(); err == nil {
		logStart = fi.Size()
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting the embedded builder: %w", err)
	}
	defer r.Close()
	cmd, err := launch(ctx, o, p, log, w)
	w.Close()
	if err != nil {
		return nil, fmt.Errorf("starting the embedded builder: %w", err)
	}
	// Wait keeps it from staying a zombie for as long as this process lives.
	go func() { _ = cmd.Wait() }()

	if err := awaitReady(ctx, o, r); err != nil {
		return nil, p.startError(err, logStart)
	}
	info, err := probe(ctx, p)
	if err != nil {
		return nil, err
	}
	if !info.Running {
		return nil, p.startError(errDied, logStart)
	}
	d := found(p, info)
	d.Started = true
	return d, nil
}

// launch starts the daemon's process.
func launch(ctx context.Context, o Options, p paths, log, report *os.File) (*exec.Cmd, error) {
	prog := program.Self()
	if o.Program != nil {
		var err error
		if prog, err = program.Unpack(p.Tmp, o.Program); err != nil {
			return nil, p.Explain(err)
		}
	}
	defer prog.Close()
	cmd := daemonCommand(prog.Path, o, p, log, report)
	if os.Geteuid() == 0 {
		return cmd, cmd.Start()
	}
	return cmd, startInUserNamespace(ctx, cmd, o)
}

// daemonCommand is the daemon's command line and surroundings. It shares
// nothing with the caller: not the terminal, so that Ctrl-C does not reach it;
// not the standard output, so that whoever reads the caller's does not wait
// for the daemon; not the folder, so that it keeps no file system busy.
func daemonCommand(program string, o Options, p paths, log, report *os.File) *exec.Cmd {
	file, id := o.executable()
	own := buildOf(file)
	args := state.Args{
		StateDir: p.State, Idle: o.Idle, RegistryTimeout: o.RegistryTimeout, Version: o.Version,
		Executable: file, ExecutableID: id, BuildID: own.id, BuildTime: own.time, Config: o.Config, ConfigID: configID(o.Config),
	}
	cmd := exec.Command(program, append(slices.Clone(o.Command), args.List()...)...)
	cmd.Args[0] = "orch"
	cmd.Dir = "/"
	cmd.Env = daemonEnv(os.Environ())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{report}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// daemonEnv picks what the daemon gets of the environment. It serves later
// calls too, so it must neither depend on nor keep what concerns the first one
// alone, credentials above all.
func daemonEnv(environ []string) []string {
	keep := map[string]bool{
		"PATH": true, "HOME": true, "USER": true, "LOGNAME": true, "LANG": true, "TZ": true,
		"HTTP_PROXY": true, "HTTPS_PROXY": true, "NO_PROXY": true, "ALL_PROXY": true,
		"SSL_CERT_FILE": true, "SSL_CERT_DIR": true,
		"GODEBUG": true, "GOMAXPROCS": true, "GOMEMLIMIT": true, "GOTRACEBACK": true,
	}
	var env []string
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if keep[strings.ToUpper(name)] || strings.HasPrefix(name, "ORCH_") || strings.HasPrefix(name, "BUILDKIT_") {
			env = append(env, kv)
		}
	}
	return env
}

var (
	errDied  = errors.New("the embedded builder ended while it started")
	errQuiet = fmt.Errorf("the embedded builder is not ready after %v", silence)
)

// awaitReady reads the daemon's reports until it is ready, or another one is.
func awaitReady(ctx context.Context, o Options, r *os.File) error {
	reports := make(chan state.Report, 1)
	go state.ReadReports(r, reports)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(silence):
			return errQuiet
		case rep, ok := <-reports:
			if !ok {
				return errDied
			}
			switch rep.Kind {
			case state.ReportReady, state.ReportTaken:
				return nil
			case state.ReportFailed:
				return &refusal{rep.Text}
			case state.ReportWait:
				o.Notify(rep.Text)
			case state.ReportWarn:
				o.Notify("Warning: " + rep.Text)
			}
		}
	}
}

// refusal is the reason a daemon gives for not starting.
type refusal struct{ reason string }

func (r *refusal) Error() string { return "the embedded builder cannot start: " + r.reason }

// startError adds the log to an error of starting: its name, and what was
// written since offset unless the daemon gave its reason.
func (p paths) startError(err error, offset int64) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var r *refusal
	if !errors.As(err, &r) {
		if t := crash(p.Log, offset); t != "" {
			return fmt.Errorf("%w: it crashed\n%s\n(its log: %s)", err, t, p.Log)
		}
		if t := tail(p.Log, offset, 10); t != "" {
			return fmt.Errorf("%w; the end of its log %s:\n%s", err, p.Log, t)
		}
	}
	return fmt.Errorf("%w\n(its log: %s)", err, p.Log)
}
