// Package scriptproc runs the command lines of a test, one after another, in one
// process of the command: starting a large program costs more than most commands
// do. The process is started again when a variable changes that libraries read
// only once. It knows neither the command nor testscript.
package scriptproc

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
)

// argument makes a command, started with it, one that serves.
const argument = "__scriptproc"

// readOnce begin the names of variables that libraries read once in the life of a
// process: the docker configuration, proxies, tracing, what Go's runtime reads.
var readOnce = []string{"HOME=", "DOCKER_CONFIG=", "HTTP_PROXY=", "HTTPS_PROXY=", "NO_PROXY=", "http_proxy=", "https_proxy=", "no_proxy=", "OTEL_", "GO", "TZ=", "PATH=", "TMPDIR="}

// call is one command line.
type call struct {
	Args, Env []string
	Dir       string
	// End is written to both outputs after the command.
	End string
}

// Serve runs the command lines that a Process asks for, if this process was started
// for that, and then does not return. command returns the exit code.
func Serve(command func(argv []string) int) {
	if len(os.Args) != 2 || os.Args[1] != argument {
		return
	}
	syscall.CloseOnExec(3)
	syscall.CloseOnExec(4)
	calls, answers := json.NewDecoder(os.NewFile(3, "calls")), json.NewEncoder(os.NewFile(4, "answers"))
	for {
		var c call
		if calls.Decode(&c) != nil {
			os.Exit(0)
		}
		code, err := c.run(command)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Fprint(os.Stdout, c.End)
		fmt.Fprint(os.Stderr, c.End)
		if answers.Encode(code) != nil {
			os.Exit(1)
		}
	}
}

// run makes this process what a new one would be, and runs the command.
func (c call) run(command func(argv []string) int) (int, error) {
	os.Clearenv()
	for _, v := range c.Env {
		name, value, _ := strings.Cut(v, "=")
		if err := os.Setenv(name, value); err != nil {
			return 0, err
		}
	}
	if err := os.Chdir(c.Dir); err != nil {
		return 0, err
	}
	os.Args = append([]string{os.Args[0]}, c.Args...)
	return command(os.Args), nil
}

// Process is the process of one test; its zero value has not been started.
type Process struct {
	// Name is the command; it calls Serve.
	Name string

	cmd            *exec.Cmd
	env            []string
	calls          *os.File
	answers        *json.Decoder
	stdout, stderr io.Reader
	open           []*os.File
}

// Run runs the command with those arguments, and returns what it wrote and its exit
// code. Its standard input is empty.
func (p *Process) Run(dir string, env, args []string) (stdout, stderr string, code int, err error) {
	if once := slices.DeleteFunc(slices.Clone(env), notReadOnce); p.cmd == nil || !slices.Equal(once, p.env) {
		if err := p.start(env, once); err != nil {
			return "", "", 0, fmt.Errorf("starting %s: %w", p.Name, err)
		}
	}
	c := call{Args: args, Env: env, Dir: dir, End: "\x00end of the command " + rand.Text()}
	if err := json.NewEncoder(p.calls).Encode(c); err != nil {
		return "", "", 0, fmt.Errorf("calling %s: %w", p.Name, err)
	}
	errText := make(chan string)
	go func() { errText <- readTo(p.stderr, c.End) }()
	stdout = readTo(p.stdout, c.End)
	stderr = <-errText
	if err := p.answers.Decode(&code); err != nil {
		return stdout, stderr, p.ended(), nil
	}
	return stdout, stderr, code, nil
}

func notReadOnce(v string) bool {
	return !slices.ContainsFunc(readOnce, func(name string) bool { return strings.HasPrefix(v, name) })
}

// start starts the process, in the place of the one before.
func (p *Process) start(env, once []string) (err error) {
	p.Close()
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	cmd := exec.Command(p.Name, argument)
	cmd.Env = env
	in, calls := p.pipe(&err)
	answers, out := p.pipe(&err)
	stdout, childOut := p.pipe(&err)
	stderr, childErr := p.pipe(&err)
	if err != nil {
		return err
	}
	cmd.ExtraFiles = []*os.File{in, out}
	cmd.Stdout, cmd.Stderr = childOut, childErr
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.env, p.calls, p.answers, p.stdout, p.stderr = cmd, once, calls, json.NewDecoder(answers), stdout, stderr
	for _, f := range []*os.File{in, out, childOut, childErr} {
		f.Close()
	}
	return nil
}

func (p *Process) pipe(err *error) (r, w *os.File) {
	r, w, fault := os.Pipe()
	*err = cmp.Or(*err, fault)
	p.open = append(p.open, r, w)
	return r, w
}

// ended waits for the process, which ended by itself in a command, and returns its
// exit code; -1 is a signal.
func (p *Process) ended() int {
	cmd := p.cmd
	p.Close()
	return cmd.ProcessState.ExitCode()
}

// Close ends the process.
func (p *Process) Close() {
	if p.calls != nil {
		p.calls.Close()
	}
	if p.cmd != nil {
		_ = p.cmd.Wait()
	}
	for _, f := range p.open {
		f.Close()
	}
	*p = Process{Name: p.Name}
}

// readTo reads what is before end, or all there is.
func readTo(r io.Reader, end string) string {
	var all []byte
	part := make([]byte, 64<<10)
	for {
		n, err := r.Read(part)
		all = append(all, part[:n]...)
		if before, found := bytes.CutSuffix(all, []byte(end)); found {
			return string(before)
		}
		if err != nil {
			return string(all)
		}
	}
}
