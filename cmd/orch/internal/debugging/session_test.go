package debugging

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/clitest"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/buildkittest"
	"github.com/orch-build/orch/runner/buildkit/inside"
)

// newSession is a session with those flags, and what it prints.
func newSession(f *flags) (s *session, stdout, stderr *bytes.Buffer) {
	e, stdout, stderr := clitest.Env(nil, "debug", "web")
	return &session{env: planning.New(machine.New(e, nil)), flags: f, target: "web"}, stdout, stderr
}

// inBox calls use with a box on a builder that runs nothing but says what is in it.
func inBox(t *testing.T, c *buildkittest.Client, use func(context.Context, *inside.Box) error) error {
	t.Helper()
	status := make(chan *client.SolveStatus)
	go func() {
		for range status {
		}
	}()
	var used error
	_, err := c.Build(t.Context(), client.SolveOpt{}, "", func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		used = use(ctx, inside.Image(gw, nil, ocispecs.ImageConfig{}))
		return nil, nil
	}, status)
	if err != nil {
		t.Fatal(err)
	}
	return used
}

// TestUse runs the shell that is asked for, or the command, and returns how it ended.
func TestUse(t *testing.T) {
	daemon := &buildkittest.Client{
		Prints: map[string]string{"/bin/sh": "default\n", "/bin/ash": "ash\n", "cat go.mod": "module x\n", toolShell: "busybox\n"},
		Fails: map[string]error{
			"false":     &gatewaypb.ExitError{ExitCode: 3},
			"/bin/none": errors.New("exec: executable file not found in $PATH"),
			"none":      errors.New("exec: executable file not found in $PATH"),
			"lost":      errors.New("the connection is lost"),
		},
	}
	for _, tt := range []struct {
		name   string
		flags  flags
		tool   []byte
		prints string
		code   int // of the failure; 0 is none
		says   string
	}{
		{name: "shell", prints: "default\n"},
		{name: "another shell", flags: flags{shell: "/bin/ash"}, prints: "ash\n"},
		{name: "busybox", tool: []byte("program"), prints: "busybox\n"},
		{name: "command", flags: flags{command: []string{"cat", "go.mod"}}, prints: "module x\n"},
		{name: "exit code", flags: flags{command: []string{"false"}}, code: 3, says: "false ended with exit code 3"},
		{name: "no shell", flags: flags{shell: "/bin/none"}, says: "name another with --shell"},
		{name: "no command", flags: flags{command: []string{"none"}}, code: exitNoProgram, says: "no such program"},
		{name: "lost", flags: flags{command: []string{"lost"}}, says: "the connection is lost"},
	} {
		s, stdout, _ := newSession(&tt.flags)
		s.tool = tt.tool
		err := inBox(t, daemon, s.use)
		if stdout.String() != tt.prints {
			t.Errorf("%s: printed %q, want %q", tt.name, stdout, tt.prints)
		}
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
		var failure *cli.Failure
		if errors.As(err, &failure) != (tt.code != 0) || failure != nil && failure.Code != tt.code {
			t.Errorf("%s: %v, want the exit code %d", tt.name, err, tt.code)
		}
	}
}

const toolShell = "/.orch-debug/busybox sh"

// TestSay says where the shell is, and what the step runs.
func TestSay(t *testing.T) {
	failed := &runner.Failure{ExitCode: 2, File: "Dockerfile", Line: 7, Err: errors.New("exit status 2")}
	run := []string{"/bin/sh", "-c", "make all"}
	for _, tt := range []struct {
		name  string
		flags flags
		box   inside.Box
		want  string
	}{
		{name: "image", want: "In the finished image of web\n"},
		{name: "step", box: inside.Box{Step: "[build 2/3] COPY . .", Failed: nil}, want: "In web@build-2\n"},
		{
			name: "failed", box: inside.Box{Step: "[build 3/3] RUN make all", Failed: failed, Args: run},
			want: "In web@build-3, which failed: exit code 2 at Dockerfile:7\nThe step runs: /bin/sh -c 'make all'\n",
		},
		{
			name: "a command", flags: flags{command: []string{"ls"}}, box: inside.Box{Step: "[build 3/3] RUN make all", Failed: errors.New("no disk"), Args: run},
			want: "In web@build-3, which failed: no disk\n",
		},
		{name: "quiet", flags: flags{progress: "quiet"}},
		{name: "none", flags: flags{progress: "none"}},
	} {
		s, _, stderr := newSession(&tt.flags)
		s.say(&tt.box)
		if got := stderr.String(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestReported names the step that keeps the one that was asked for from being reached.
func TestReported(t *testing.T) {
	s, _, _ := newSession(&flags{})
	plain := errors.New("no builder")
	if got := s.reported(plain); got != plain {
		t.Errorf("%v", got)
	}
	got := s.reported(&runner.Failure{Step: "[build 2/3] RUN make", ExitCode: 2, File: "Dockerfile", Line: 3, Err: errors.New("exit status 2")})
	if want := "The step cannot be reached, because web@build-2 failed at Dockerfile:3: "; !strings.HasPrefix(got.Error(), want) {
		t.Errorf("%v, want %q", got, want)
	}
	var wrong usage.Error
	if got := s.reported(&inside.UnknownError{}); !errors.As(got, &wrong) {
		t.Errorf("a step that is not there is wrong use, and not: %v", got)
	}
}

// TestTool reads a busybox, which is a file and not a large one.
func TestTool(t *testing.T) {
	dir := t.TempDir()
	small, large := filepath.Join(dir, "small"), filepath.Join(dir, "large")
	if err := os.WriteFile(small, []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, maxTool+1); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"": "", small: "program"} {
		if got, err := (&flags{busybox: path}).tool(); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", path, got, err)
		}
	}
	for _, path := range []string{large, dir, filepath.Join(dir, "nowhere")} {
		if _, err := (&flags{busybox: path}).tool(); err == nil {
			t.Errorf("%s is taken", path)
		}
	}
}
