package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/site"
	"github.com/orch-build/orch/cmd/orch/internal/whole"
	"github.com/orch-build/orch/internal/need"
	"github.com/orch-build/orch/internal/scriptproc"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/buildkit/buildkittest"
	"github.com/orch-build/orch/runner/runnertest"
)

func TestMain(m *testing.M) {
	// Under nohup, SIGHUP would be ignored in the scripts too.
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	if filepath.Base(os.Args[0]) == "orch" {
		scriptproc.Serve(command)
		os.Exit(command(os.Args))
	}
	plugin := func() { os.Exit(command(os.Args)) }
	testscript.Main(withOrch{m}, map[string]func(){"docker-orch": plugin, "docker-buildx": plugin})
}

// withOrch are the tests with orch beside the commands of testscript, so that it is
// in $PATH, and "orch" in a script is the command of here.
type withOrch struct{ *testing.M }

func (m withOrch) Run() int {
	plugin, err := exec.LookPath("docker-orch")
	if err == nil {
		err = os.Link(plugin, filepath.Join(filepath.Dir(plugin), "orch"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.M.Run()
}

// orchProcess is, in a script, the process that runs its command lines.
type orchProcess struct{}

// runOrch is the command "orch" of a script: it runs in one process for all of the
// script, which other scripts have used before. With "exec", orch has a process of its
// own, as it needs for standard input, a terminal, or to run in the background.
func runOrch(ts *testscript.TestScript, neg bool, args []string) {
	state := reflect.ValueOf(ts).Elem()
	if state.FieldByName("stdin").String() != "" || len(args) > 0 && strings.HasSuffix(args[len(args)-1], "&") {
		ts.Fatalf("write \"exec orch\", for standard input and for the background")
	}
	dir := ts.MkAbs(".")
	env := []string{"PWD=" + dir}
	for _, v := range state.FieldByName("env").Seq2() { // testscript hands out no list
		env = append(env, v.String())
	}
	stdout, stderr, code, err := ts.Value(orchProcess{}).(*scriptproc.Process).Run(dir, env, args)
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), stdout)
	fmt.Fprint(ts.Stderr(), stderr)
	if neg != (code != 0) {
		ts.Fatalf("unexpected exit code %d", code)
	}
}

// command is orch as a script calls it, also by its names as a plugin of docker.
func command(argv []string) int {
	args, code, done := asPlugin(argv)
	if done {
		return code
	}
	m := machine.New(cli.OS(), whole.Parts{})
	var sites site.Opener
	if path := os.Getenv(fakeVariable); path != "" {
		sites, m.OnlyNames = fakeSite(path), []string{fake{}.Name()}
	}
	return run(m, sites, args)
}

// fakeVariable names, in the environment of a script, a file with what happens
// in a build, in place of a builder; see package runnertest.
const fakeVariable = "FAKE"

// fake is a site that plays a file.
type fake struct{ *runnertest.Solver }

func fakeSite(path string) site.Opener {
	return func(context.Context, *planning.Session, *machine.BuilderFlags) (site.Site, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		s, err := runnertest.Parse(os.ExpandEnv(string(text)))
		if err != nil {
			return nil, err
		}
		return fake{s}, nil
	}
}

func (fake) Name() string     { return "fake" }
func (fake) Platform() string { return "linux/amd64" }
func (fake) Embedded() bool   { return false }
func (fake) Close() error     { return nil }

func (fake) Engine() *builder.Engine { return nil }

func (f fake) SolverFor(j *site.Job) (runner.Solver, error) {
	f.LogDir = j.LogDir
	if text := os.Getenv(layerVariable); text != "" {
		return layouts{f.Solver, text}, nil
	}
	return f.Solver, nil
}

// layerVariable is, in the environment of a script, what the only file of each image
// says that is written as a layout. $DEST in it is the folder of the layout.
const layerVariable = "FAKE_LAYER"

// layouts is a solver that also writes images, where outputs ask for OCI layouts.
type layouts struct {
	runner.Solver
	text string
}

func (l layouts) Open(ctx context.Context, plan *planner.Plan, send func(runner.Event)) (runner.Session, error) {
	s, err := l.Solver.Open(ctx, plan, send)
	if err != nil {
		return nil, err
	}
	return layoutSession{s, l.text}, nil
}

type layoutSession struct {
	runner.Session
	text string
}

func (s layoutSession) Build(ctx context.Context, b *planner.Build, opt runner.BuildOptions) (*runner.Result, error) {
	res, err := s.Session.Build(ctx, b, opt)
	if err != nil {
		return nil, err
	}
	for _, o := range b.Target.Outputs {
		if o.Type != "oci" || o.Attrs["tar"] != "false" {
			continue
		}
		if err := writeLayout(o.Attrs["dest"], s.text); err != nil {
			return nil, err
		}
	}
	return res, nil
}

func writeLayout(dest, text string) error {
	img, err := crane.Image(map[string][]byte{"file": []byte(strings.ReplaceAll(text, "$DEST", dest))})
	if err != nil {
		return err
	}
	index, err := layout.Write(dest, empty.Index)
	if err != nil {
		return err
	}
	return index.AppendImage(img)
}

var update = flag.Bool("update", false, "rewrite the goldens in testdata/script")

// TestScripts runs the command lines of testdata/script.
func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	processes := &scriptproc.Pool{Name: "orch"}
	t.Cleanup(processes.Close)
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"orch": runOrch},
		Condition: func(name string) (bool, error) {
			program, ok := strings.CutPrefix(name, "have:")
			if !ok {
				return false, fmt.Errorf("there is no condition %s", name)
			}
			_, err := exec.LookPath(program)
			if err != nil && need.CI() {
				return false, fmt.Errorf("%w, though CI is set: scripts/setup.sh tests installs it", err)
			}
			return err == nil, nil
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("EXAMPLES", examples)
			process := processes.Process()
			env.Values[orchProcess{}] = process
			env.Defer(process.Close)
			if err := withDaemon(env); err != nil {
				return err
			}
			return withRegistry(env)
		},
	})
}

// withDaemon gives a script a builder that builds nothing, at $FAKE_DAEMON.
func withDaemon(env *testscript.Env) error {
	path := filepath.Join(env.WorkDir, "daemon.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	env.Defer(func() { _ = l.Close() })
	env.Setenv("FAKE_DAEMON", "unix://"+path)
	server := &buildkittest.Server{Records: []*controlapi.UsageRecord{
		{ID: "a", RecordType: "regular", Size: 2_000_000, Description: "[app 1/2] RUN make"},
		{ID: "b", RecordType: "exec.cachemount", Size: 1_000, InUse: true, Description: strings.Repeat("long ", 40)},
	}}
	go func() { _ = server.Serve(l) }() // it ends with the listener
	return nil
}

// withRegistry gives a script a registry with an image, which it may move tags
// to.
func withRegistry(env *testscript.Env) error {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	env.Defer(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	digest, err := empty.Image.Digest()
	if err != nil {
		return err
	}
	ref, err := name.NewDigest(host + "/app@" + digest.String())
	if err != nil {
		return err
	}
	env.Setenv("FAKE_REGISTRY", host)
	env.Setenv("FAKE_DIGEST", digest.String())
	return remote.Write(ref, empty.Image)
}
