package planning

import (
	"bytes"
	"strings"
	"testing"

	"github.com/orch-build/orch/cmd/orch/internal/clitest"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/permission"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/load"
)

func newSession(t *testing.T, vars map[string]string) (*Session, *bytes.Buffer) {
	t.Helper()
	e, _, stderr := clitest.Env(vars)
	return New(machine.New(e, nil)), stderr
}

// TestTypedPolicy finds a policy that the command line mentions, by --set or by a
// flag.
func TestTypedPolicy(t *testing.T) {
	for _, tt := range []struct {
		set   []string
		flags []config.Override
		want  bool
	}{
		{nil, nil, false},
		{[]string{"*.push=true", "no override"}, nil, false},
		{[]string{"app.policy=strict=true"}, nil, true},
		{nil, []config.Override{{Key: "policy"}}, true},
	} {
		l := &Flags{Request: load.Request{Overrides: tt.set}}
		if got := l.TypedPolicy(tt.flags); got != tt.want {
			t.Errorf("%v and %v: %v", tt.set, tt.flags, got)
		}
	}
}

func TestSourcePolicy(t *testing.T) {
	e, _ := newSession(t, nil)
	if p, err := SourcePolicy(e); p != nil || err != nil {
		t.Errorf("%v, %v", p, err)
	}
	e, _ = newSession(t, map[string]string{policyVariable: "/nowhere.json"})
	if _, err := SourcePolicy(e); !usage.Is(err) || !strings.Contains(err.Error(), policyVariable) {
		t.Errorf("%v", err)
	}
}

// TestQuiet keeps a session that says nothing apart from the one that it is of.
func TestQuiet(t *testing.T) {
	e, stderr := newSession(t, nil)
	quiet := e.Quiet()
	if _, err := quiet.Stderr.Write([]byte("unseen")); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Stderr.Write([]byte("seen")); err != nil {
		t.Fatal(err)
	}
	if stderr.String() != "seen" {
		t.Errorf("%q", stderr)
	}
	quiet.Restored = true
	if e.Restored {
		t.Error("they are one session")
	}
}

// TestGrantsAreAskedFor wants a flag for what is not granted where nobody can be
// asked.
func TestGrantsAreAskedFor(t *testing.T) {
	t.Chdir(t.TempDir())
	e, stderr := newSession(t, nil)
	l := &Flags{diagnostics: "text"}
	if _, err := l.Open(e, nil); err != nil {
		t.Fatal(err)
	}
	err := l.grants(t.Context(), e, []permission.Need{{Key: "network.host", Why: "the target app"}}, nil)
	if !usage.Is(err) || !strings.Contains(err.Error(), "--allow=network.host") {
		t.Errorf("%v\n%s", err, stderr)
	}
}
