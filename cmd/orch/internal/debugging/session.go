package debugging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"golang.org/x/term"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/shellquote"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/inside"
)

// maxTool is how large a busybox may be: it is handed over in one message.
const maxTool = 8 << 20

// tool reads the busybox that was given.
func (f *flags) tool() ([]byte, error) {
	if f.busybox == "" {
		return nil, nil
	}
	info, err := os.Stat(f.busybox)
	switch {
	case err != nil:
		return nil, usage.Errorf("--busybox: %w", err)
	case !info.Mode().IsRegular() || info.Size() > maxTool:
		return nil, usage.Errorf("--busybox: %s is not a file of at most %d MB", f.busybox, maxTool>>20)
	}
	return os.ReadFile(f.busybox)
}

// session is one shell or command in a step.
type session struct {
	env    *planning.Session
	flags  *flags
	tool   []byte
	target string
}

// use runs the shell or the command in a box.
func (s *session) use(ctx context.Context, box *inside.Box) error {
	args := s.flags.command
	switch {
	case args != nil:
	case s.tool != nil:
		path, err := box.AddTool(ctx, "busybox", s.tool)
		if err != nil {
			return err
		}
		args = []string{path, "sh"}
	case s.flags.shell != "":
		args = []string{s.flags.shell}
	default:
		args = []string{box.Shell()}
	}
	s.say(box)
	p := inside.Process{Args: args, Stdout: nopCloser{termtext.Raw(s.env.Stdout)}, Stderr: nopCloser{termtext.Raw(s.env.Stderr)}, Stdin: io.NopCloser(s.env.Stdin)}
	if s.flags.command == nil {
		restore, err := s.takeTerminal(&p)
		if err != nil {
			return err
		}
		defer restore()
	}
	code, err := box.Run(ctx, p)
	switch {
	case errors.Is(err, inside.ErrNoProgram) && s.flags.command == nil:
		return fmt.Errorf("%w: name another with --shell, or hand over a static busybox with --busybox FILE", err)
	case errors.Is(err, inside.ErrNoProgram):
		fmt.Fprintf(s.env.Stderr, "orch: %v\n", err)
		return &cli.Failure{Code: exitNoProgram, Err: err}
	case err != nil:
		return err
	case code != 0:
		return &cli.Failure{Code: code, Err: fmt.Errorf("%s ended with exit code %d", args[0], code)}
	}
	return nil
}

// exitNoProgram is the exit code of a command that is not there, as it is of a shell.
const exitNoProgram = 127

// say says where the shell is.
func (s *session) say(box *inside.Box) {
	if s.flags.progress == "quiet" || s.flags.progress == "none" {
		return
	}
	where := "the finished image of " + s.target
	if label := runner.StepLabel(box.Step); label != "" {
		where = s.target + "@" + label
	}
	if box.Failed != nil {
		text := box.Failed.Error()
		if f := runner.AsFailure(box.Failed); f != nil && f.ExitCode >= 0 {
			text = fmt.Sprintf("exit code %d", f.ExitCode)
			if f.File != "" {
				text += fmt.Sprintf(" at %s:%d", f.File, f.Line)
			}
		}
		where += ", which failed: " + text
	}
	fmt.Fprintf(s.env.Stderr, "In %s\n", termtext.Line(where))
	if len(box.Args) > 0 && s.flags.command == nil {
		fmt.Fprintf(s.env.Stderr, "The step runs: %s\n", termtext.Line(termtext.Brief(shellquote.Command(box.Args[0], box.Args[1:]...), termtext.MaxMessage)))
	}
}

// takeTerminal gives the process the terminal, if there is one.
func (s *session) takeTerminal(p *inside.Process) (restore func(), err error) {
	in, ok := s.env.Stdin.(*os.File)
	out := termtext.File(s.env.Stdout)
	if !ok || out == nil || !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
		return func() {}, nil
	}
	old, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("preparing the terminal: %w", err)
	}
	sizes, stop := follow(func() (gateway.WinSize, bool) {
		width, height, err := term.GetSize(int(out.Fd()))
		return gateway.WinSize{Rows: uint32(height), Cols: uint32(width)}, err == nil
	})
	p.Terminal, p.Sizes = true, sizes
	name := s.env.Getenv("TERM")
	if name != "" {
		p.Env = append(p.Env, "TERM="+name)
	}
	return func() {
		stop()
		_ = term.Restore(int(in.Fd()), old)
	}, nil
}

// reported prints the failure that kept the step from being reached.
func (s *session) reported(err error) error {
	var unknown *inside.UnknownError
	if errors.As(err, &unknown) {
		return usage.Wrap(err)
	}
	f := runner.AsFailure(err)
	if f == nil {
		return err
	}
	where := "The step cannot be reached"
	if label := runner.StepLabel(f.Step); label != "" {
		where += ", because " + s.target + "@" + label + " failed"
	}
	if f.File != "" {
		where += fmt.Sprintf(" at %s:%d", f.File, f.Line)
	}
	return fmt.Errorf("%s: %s", where, strings.TrimSpace(f.Error()))
}

// nopCloser is a writer that closing leaves open.
type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
