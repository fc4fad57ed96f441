// Package scriptproc runs the command lines of tests, one after another, in few
// processes of the command: starting a large program costs more than most commands
// do. A test has its process for itself, and leaves it to the next one. It takes
// another process when a variable changes that libraries read only once. The package
// knows neither the command nor testscript.
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
	"sync"
	"syscall"
)

// argument makes a command, started with it, one that serves.
const argument = "__scriptproc"

// readOnce begin the names of variables that libraries read once in the life of a
// process: the docker configuration, proxies, tracing, what Go's runtime reads.
var readOnce = []string{"HOME=", "DOCKER_CONFIG=", "HTTP_PROXY=", "HTTPS_PROXY=", "NO_PROXY=", "http_proxy=", "https_proxy=", "no_proxy=", "OTEL_", "GO", "TZ=", "PATH="}

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

// Pool keeps the processes that tests have left to others.
type Pool struct {
	// Name is the command; it calls Serve.
	Name string

	mu   sync.Mutex
	idle []*running
}

// Process is what one test has the pool run its command lines in.
type Process struct {
	pool     *Pool
	*running // nil before the first command line
}

// running is a process that waits for command lines.
type running struct {
	cmd            *exec.Cmd
	env            []string
	calls          *os.File
	answers        *json.Decoder
	stdout, stderr io.Reader
	open           []*os.File
}

// Process returns what a test runs its command lines in.
func (l *Pool) Process() *Process { return &Process{pool: l} }

// Close ends the processes. No test may have one any more.
func (l *Pool) Close() {
	for _, r := range l.idle {
		r.close()
	}
	l.idle = nil
}

// take returns a process that has read those variables, one of a test before if there
// is one.
func (l *Pool) take(env, once []string) (*running, error) {
	l.mu.Lock()
	for i, r := range l.idle {
		if slices.Equal(r.env, once) {
			l.idle = slices.Delete(l.idle, i, i+1)
			l.mu.Unlock()
			return r, nil
		}
	}
	l.mu.Unlock()
	r, err := start(l.Name, env, once)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", l.Name, err)
	}
	return r, nil
}

// Close leaves the process to other tests.
func (p *Process) Close() {
	if p.running == nil {
		return
	}
	p.pool.mu.Lock()
	defer p.pool.mu.Unlock()
	p.pool.idle = append(p.pool.idle, p.running)
	p.running = nil
}

// Run runs the command with those arguments, and returns what it wrote and its exit
// code. Its standard input is empty.
func (p *Process) Run(dir string, env, args []string) (stdout, stderr string, code int, err error) {
	once := slices.DeleteFunc(slices.Clone(env), notReadOnce)
	if p.running == nil || !slices.Equal(once, p.env) {
		p.Close()
		if p.running, err = p.pool.take(env, once); err != nil {
			return "", "", 0, err
		}
	}
	c := call{Args: args, Env: env, Dir: dir, End: "\x00end of the command " + rand.Text()}
	if err := json.NewEncoder(p.calls).Encode(c); err != nil {
		return "", "", 0, fmt.Errorf("calling %s: %w", p.pool.Name, err)
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

func start(name string, env, once []string) (r *running, err error) {
	r = &running{env: once}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	cmd := exec.Command(name, argument)
	cmd.Env = env
	in, calls := r.pipe(&err)
	answers, out := r.pipe(&err)
	stdout, childOut := r.pipe(&err)
	stderr, childErr := r.pipe(&err)
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = []*os.File{in, out}
	cmd.Stdout, cmd.Stderr = childOut, childErr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r.cmd, r.calls, r.answers, r.stdout, r.stderr = cmd, calls, json.NewDecoder(answers), stdout, stderr
	for _, f := range []*os.File{in, out, childOut, childErr} {
		f.Close()
	}
	return r, nil
}

func (r *running) pipe(err *error) (from, to *os.File) {
	from, to, fault := os.Pipe()
	*err = cmp.Or(*err, fault)
	r.open = append(r.open, from, to)
	return from, to
}

// ended waits for the process, which ended by itself in a command, and returns its
// exit code; -1 is a signal.
func (p *Process) ended() int {
	r := p.running
	p.running = nil
	r.close()
	return r.cmd.ProcessState.ExitCode()
}

// close ends the process.
func (r *running) close() {
	if r.calls != nil {
		r.calls.Close()
	}
	if r.cmd != nil {
		_ = r.cmd.Wait()
	}
	for _, f := range r.open {
		f.Close()
	}
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
