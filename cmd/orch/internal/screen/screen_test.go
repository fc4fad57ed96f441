package screen

import (
	"testing"

	"github.com/orch-build/orch/cmd/orch/internal/clitest"
)

// TestOpener holds that a browser is opened only where somebody sees it.
func TestOpener(t *testing.T) {
	for _, c := range []struct {
		env          map[string]string
		system, want string
	}{
		{nil, "linux", ""},
		{map[string]string{"DISPLAY": ":0"}, "linux", "xdg-open"},
		{map[string]string{"WAYLAND_DISPLAY": "w"}, "linux", "xdg-open"},
		{map[string]string{"DISPLAY": ":0", "SSH_CONNECTION": "x"}, "linux", ""},
		{nil, "darwin", "open"},
		{map[string]string{"SSH_CONNECTION": "x"}, "darwin", ""},
		{map[string]string{"BROWSER": "lynx", "SSH_CONNECTION": "x"}, "linux", "lynx"},
	} {
		e, _, _ := clitest.Env(c.env)
		if got := opener(e, c.system); got != c.want {
			t.Errorf("%v on %s: %q, want %q", c.env, c.system, got, c.want)
		}
	}
}

// TestUnattended holds that no keys are read where standard input is not a terminal.
func TestUnattended(t *testing.T) {
	e, _, _ := clitest.Env(nil)
	if Attended(e) || Width(e) != 0 {
		t.Error("a buffer is taken for a terminal")
	}
	s, err := New(e, Options{Mode: "auto", Targets: 1})
	if err != nil {
		t.Fatal(err)
	}
	s.GiveBack()
	s.Close()
}
