package cli_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/clitest"
	"github.com/orch-build/orch/internal/usage"
)

func TestReadAnswer(t *testing.T) {
	for text, want := range map[string]bool{"y\n": true, " YES \n": true, "yes": true, "n\n": false, "\n": false, "": false, "yesterday\n": false} {
		if got, err := cli.ReadAnswer(t.Context(), strings.NewReader(text)); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	silent, _ := io.Pipe()
	if yes, err := cli.ReadAnswer(ctx, silent); yes || !errors.Is(err, context.Canceled) {
		t.Errorf("without an answer: %v, %v", yes, err)
	}
}

func TestCanAsk(t *testing.T) {
	e, _, _ := clitest.Env(nil)
	if e.CanAsk() {
		t.Error("a buffer can be asked")
	}
}

func TestReadStdinTwice(t *testing.T) {
	e, _, _ := clitest.Env(nil)
	e.Stdin = strings.NewReader("text")
	for range 2 {
		if text, err := e.ReadStdin(); string(text) != "text" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
	}
}

func TestFlagged(t *testing.T) {
	e, _, _ := clitest.Env(map[string]string{"ON": "1", "OFF": "false", "WORD": "yes"})
	for name, want := range map[string]bool{"ON": true, "OFF": false, "WORD": false, "NONE": false} {
		if got := e.Flagged(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestWritable(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := cli.Writable([][2]string{{"--a", ""}, {"--b", filepath.Join(dir, "new")}}); err != nil {
		t.Error(err)
	}
	for _, path := range []string{filepath.Join(dir, "none", "new"), filepath.Join(file, "new")} {
		err := cli.Writable([][2]string{{"--a", ""}, {"--b", path}})
		if !usage.Is(err) || !strings.Contains(err.Error(), "--b: "+filepath.Dir(path)) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := cli.Writable([][2]string{{"--b", dir}}); !usage.Is(err) || !strings.Contains(err.Error(), "--b: "+dir+" is a folder") {
		t.Error(err)
	}
}

func TestCommandLine(t *testing.T) {
	args := []string{"bake", "--resume", "a b", "--push"}
	if got, want := cli.ResumeCommand([]string{"bake", "--watch", "a"}), "orch bake a --resume"; got != want {
		t.Errorf("a run that was watched: %q, want %q", got, want)
	}
	if got, want := cli.ResumeCommand(args), "orch bake 'a b' --push --resume"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if args[1] != "--resume" {
		t.Error("the arguments were changed")
	}
}

func TestDebugCommand(t *testing.T) {
	for want, args := range map[string][]string{
		"orch debug web@build-3": {"bake", "web", "--push", "-k", "--progress", "plain"},
		"orch debug web@build-3 -f a.hcl --set 'web.args.A=b c' --builder x": {"bake", "-f", "a.hcl", "-k", "--set", "web.args.A=b c", "--builder", "x", "web"},
		"orch debug web@build-3 --file=a.hcl -fb.hcl --offline --bundle=b":   {"bake", "--file=a.hcl", "-fb.hcl", "--offline", "--bundle=b", "--metadata-file=m"},
	} {
		if got := cli.DebugCommand(args, "web@build-3"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestReading keeps what says which definition is read, and how.
func TestReading(t *testing.T) {
	args := []string{"bake", "-f", "a.hcl", "https://a.example/b.git", "--push", "--set=x.args.A=1", "--var", "V=w x", "--bundle", "b", "--offline", "--lock", "l.hcl", "--frontend=pull", "x", "--", "-f"}
	flags, rest := cli.Reading(args)
	if want := []string{"-f", "a.hcl", "--set=x.args.A=1", "--var", "V=w x", "--lock", "l.hcl", "--frontend=pull"}; !slices.Equal(flags, want) {
		t.Errorf("%q, want %q", flags, want)
	}
	if want := []string{"bake", "https://a.example/b.git", "--push", "--bundle", "b", "--offline", "x"}; !slices.Equal(rest, want) {
		t.Errorf("%q, want %q", rest, want)
	}
}

func TestFailure(t *testing.T) {
	cause := errors.New("cause")
	err := error(&cli.Failure{Code: cli.ExitFailed, Err: cause})
	if err.Error() != "cause" || !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
	if err := cli.Reported(cause); err != cause {
		t.Errorf("an error that is not of a definition was changed: %v", err)
	}
}
