package scriptproc_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orch-build/orch/internal/scriptproc"
)

func TestMain(m *testing.M) {
	calls := 0
	scriptproc.Serve(func(argv []string) int {
		calls++
		dir, _ := os.Getwd()
		fmt.Printf("call %d of %s in %s, A=%s, HOME=%s", calls, argv[1], filepath.Base(dir), os.Getenv("A"), os.Getenv("HOME"))
		fmt.Fprint(os.Stderr, strings.Repeat("long ", len(argv)*20_000))
		if argv[1] == "exit" {
			os.Exit(7)
		}
		return len(argv)
	})
	os.Exit(m.Run())
}

func TestRun(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pool := &scriptproc.Pool{Name: program}
	t.Cleanup(pool.Close)
	p := pool.Process()
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	for _, dir := range []string{a, b} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		dir, env, args, want string
		code                 int
	}{
		{a, "HOME=/x A=1", "one", "call 1 of one in a, A=1, HOME=/x", 2},
		{b, "HOME=/x", "two more", "call 2 of two in b, A=, HOME=/x", 3},
		{b, "HOME=/y", "home", "call 1 of home in b, A=, HOME=/y", 2},
		{a, "HOME=/y", "exit", "call 2 of exit in a, A=, HOME=/y", 7},
		{a, "HOME=/y", "after", "call 1 of after in a, A=, HOME=/y", 2},
	} {
		stdout, stderr, code, err := p.Run(test.dir, strings.Fields(test.env), strings.Fields(test.args))
		if err != nil || stdout != test.want || code != test.code {
			t.Errorf("%s: %q, %d, %v", test.args, stdout, code, err)
		}
		if want := (len(strings.Fields(test.args)) + 1) * 100_000; len(stderr) != want {
			t.Errorf("%s: %d bytes of standard error, not %d", test.args, len(stderr), want)
		}
	}
	// What a test leaves is there for the next one with the same variables.
	p.Close()
	next := pool.Process()
	defer next.Close()
	for env, want := range map[string]string{"HOME=/y": "call 2 of left", "HOME=/z": "call 1 of left"} {
		if stdout, _, _, err := next.Run(a, []string{env}, []string{"left"}); err != nil || !strings.HasPrefix(stdout, want) {
			t.Errorf("%s: %q, %v", env, stdout, err)
		}
	}
}
