package load

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/permission"
	"github.com/orch-build/orch/internal/usage"
)

// granted are the permissions of a run: those of --allow, the working
// directory, what --set and similar flags name, and for a local definition the
// folders of this machine's Go toolchain, which goenv() gave.
func (l *Loader) granted(overrides []config.Override) (*permission.Set, error) {
	s, err := permission.Parse(l.Allow)
	if err != nil {
		return nil, usage.Wrap(err)
	}
	s.GrantRead(".")
	s.GrantWrite(".")
	for _, text := range l.Overrides {
		if o, err := config.ParseOverride(text); err == nil {
			overrides = append(overrides, o)
		}
	}
	if l.Bundle != "" {
		s.GrantRead(l.Bundle) // the definition has not named it
	}
	access := config.OverrideAccess(overrides)
	for _, path := range slices.Concat(access.Read, l.toolchain) {
		s.GrantRead(path)
	}
	for _, path := range access.Write {
		s.GrantWrite(path)
	}
	for _, name := range access.Entitlements {
		s.GrantPrivilege(name)
	}
	return s, nil
}

// Missing returns what of needs is not granted.
func (l *Loader) Missing(needs []permission.Need, overrides []config.Override) ([]permission.Need, error) {
	set, err := l.granted(overrides)
	if err != nil {
		return nil, err
	}
	files, err := l.checksFiles()
	if err != nil {
		return nil, err
	}
	if !files {
		return set.MissingPrivileges(needs), nil
	}
	return set.Missing(needs), nil
}

// checksFiles says whether files and agents have to be granted, by bake's
// variables.
func (l *Loader) checksFiles() (bool, error) {
	on := true
	for _, v := range []struct {
		name       string
		remoteOnly bool
		switchesOn bool
	}{
		{"BAKE_ALLOW_REMOTE_FS_ACCESS", true, false},
		{"BUILDX_BAKE_ENTITLEMENTS_FS", false, true},
	} {
		text := l.getenv(v.name)
		if text == "" || v.remoteOnly && l.URL == "" {
			continue
		}
		b, err := strconv.ParseBool(text)
		if err != nil {
			return false, usage.Errorf("%s=%s is neither true nor false", v.name, text)
		}
		on = b == v.switchesOn
	}
	return on, nil
}

// guard makes sure that a definition reads only what is granted while it is
// evaluated. What is beside a file of -f may be imported too.
func (l *Loader) guard() (*permission.Guard, error) {
	files, err := l.checksFiles()
	if err != nil {
		return nil, err
	}
	if !files {
		return permission.NoGuard(), nil
	}
	set, err := l.granted(nil)
	if err != nil {
		return nil, err
	}
	for _, name := range l.named() {
		if rest := strings.TrimPrefix(name, "cwd://"); l.URL == "" && rest != "-" {
			set.GrantRead(filepath.Dir(rest))
		}
	}
	wd, err := permission.RealPath(".")
	if err != nil {
		return nil, err
	}
	return permission.NewGuard(set, wd), nil
}

// toolchain are the settings of the Go command that name its own folders.
var toolchain = []string{"GOROOT", "GOTOOLDIR", "GOPATH", "GOMODCACHE", "GOCACHE"}

// publicSettings are those that say nothing about who uses the machine.
var publicSettings = []string{"GOARCH", "GOHOSTARCH", "GOHOSTOS", "GOOS", "GOVERSION"}

// hostAnswers answers a definition's questions about this machine.
type hostAnswers struct {
	load  *Loader
	guard *permission.Guard
}

// goEnv is GoEnv for a definition. The author of a local one has the Go
// toolchain of this machine in mind, so that it need not be granted. One from
// elsewhere sees no folder that it may not read, and nothing private.
func (h hostAnswers) goEnv(name string) (string, error) {
	if h.load.URL == "" {
		value, err := GoEnv(name)
		if filepath.IsAbs(value) && slices.Contains(toolchain, name) {
			h.load.toolchain = append(h.load.toolchain, value)
		}
		return value, err
	}
	if !h.guard.Open() && !slices.Contains(slices.Concat(toolchain, publicSettings), name) {
		return "", fmt.Errorf("a definition that does not come from this machine may not ask for %s", name)
	}
	value, err := GoEnv(name)
	if err == nil && filepath.IsAbs(value) {
		err = h.guard.Read(value)
	}
	return value, err
}

// homeDir gives the home folder, but to a definition from elsewhere only if it
// may read that.
func (h hostAnswers) homeDir() (string, error) {
	dir, err := os.UserHomeDir()
	if err == nil && h.load.URL != "" {
		err = h.guard.Read(dir)
	}
	return dir, err
}

// GoEnv asks the Go command on PATH for one of its settings.
func GoEnv(name string) (string, error) {
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		return "", fmt.Errorf("asking the Go command for %s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}
