package machine

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/cmd/orch/internal/clitest"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/buildkit/buildkittest"
)

// newMachine is a machine with those variables, and what goes to standard error.
func newMachine(t *testing.T, vars map[string]string) (*Machine, *bytes.Buffer) {
	t.Helper()
	t.Chdir(t.TempDir())
	vars["ORCH_STATE_DIR"] = t.TempDir()
	vars["HOME"] = t.TempDir()
	e, _, stderr := clitest.Env(vars)
	return New(e, nil), stderr
}

// daemon is the address of a builder for linux/amd64 that builds nothing.
func daemon(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { _ = (&buildkittest.Server{}).Serve(l) }() // it ends with the listener
	return "unix://" + l.Addr().String()
}

func fleet(nodes ...builders.Node) *builders.Choice {
	return &builders.Choice{Builder: &builders.Builder{Name: "fleet", Driver: builders.Remote, Nodes: nodes}}
}

// TestReachByPlatform takes the node that has the platforms of the run.
func TestReachByPlatform(t *testing.T) {
	m, _ := newMachine(t, map[string]string{})
	addr := daemon(t)
	choice := fleet(
		builders.Node{Name: "arm", Address: "unix:///nowhere", Platforms: []string{"linux/arm64"}},
		builders.Node{Name: "amd", Address: addr, Platforms: []string{"linux/amd64"}},
	)
	f := &BuilderFlags{Platforms: []string{"linux/amd64"}}
	b, err := f.reach(t.Context(), m, choice)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if b.Name != "fleet/amd" {
		t.Errorf("it is %q", b.Name)
	}
}

// TestReachLeavesOut goes on with the next node if one cannot be reached, or says
// by itself that it has other platforms.
func TestReachLeavesOut(t *testing.T) {
	m, stderr := newMachine(t, map[string]string{})
	addr := daemon(t)
	f := &BuilderFlags{}
	b, err := f.reach(t.Context(), m, fleet(builders.Node{Name: "gone", Address: "unix:///nowhere"}, builders.Node{Name: "there", Address: addr}))
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	if b.Name != "fleet/there" || !strings.Contains(stderr.String(), "Warning: node gone of builder fleet is left out") {
		t.Errorf("it is %q, after:\n%s", b.Name, stderr)
	}
	f.Platforms = []string{"linux/riscv64"}
	_, err = f.reach(t.Context(), m, fleet(
		builders.Node{Name: "one", Address: addr},
		builders.Node{Name: "two", Address: addr, Platforms: []string{"linux/arm64"}},
	))
	want := "no node of builder fleet has all of linux/riscv64:\n  one has linux/amd64\n  two has linux/arm64"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestReachInterrupted(t *testing.T) {
	m, _ := newMachine(t, map[string]string{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := (&BuilderFlags{}).reach(ctx, m, fleet(builders.Node{Name: "a", Address: daemon(t)}, builders.Node{Name: "b", Address: daemon(t)}))
	if err != context.Canceled {
		t.Errorf("%v", err)
	}
}

func TestConnectByAddress(t *testing.T) {
	m, _ := newMachine(t, map[string]string{"ORCH_BUILDER_TIMEOUT": "3m"})
	addr := daemon(t)
	f := &BuilderFlags{names: []string{addr}}
	b, err := f.Connect(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if b.Platform != "linux/amd64" || !m.registries.elsewhere {
		t.Errorf("%q, elsewhere %v", b.Platform, m.registries.elsewhere)
	}
	if names, err := m.BuilderNames(f); err != nil || len(names) != 1 || names[0] != addr {
		t.Errorf("%v, %v", names, err)
	}
	if timeout, err := m.BuilderTimeout(); err != nil || timeout != 3*time.Minute {
		t.Errorf("%v, %v", timeout, err)
	}
}

func TestChooseWrongly(t *testing.T) {
	m, _ := newMachine(t, map[string]string{})
	for says, f := range map[string]*BuilderFlags{
		"this takes one builder": {names: []string{"a", "b"}},
		"--builder is empty":     {names: []string{""}},
		"no builder \"nope\"":    {names: []string{"nope"}},
		"on a port":              {names: []string{"embedded"}, tlsDir: "tls"},
	} {
		if _, err := f.Choose(m); !usage.Is(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", says, err)
		}
	}
}

// TestClientID is the same in the next call, and another one where nothing can be
// kept.
func TestClientID(t *testing.T) {
	m, _ := newMachine(t, map[string]string{})
	if one, two := m.ClientID(), m.ClientID(); one == "" || one != two {
		t.Errorf("%q and %q", one, two)
	}
	nowhere, _ := newMachine(t, map[string]string{})
	nowhere.Lookup = func(name string) (string, bool) { return "/dev/null/state", name == "ORCH_STATE_DIR" }
	if one, two := nowhere.ClientID(), nowhere.ClientID(); one == "" || one == two {
		t.Errorf("%q and %q", one, two)
	}
}
