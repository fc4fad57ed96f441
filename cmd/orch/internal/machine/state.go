package machine

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/containerd/platforms"

	"github.com/orch-build/orch/internal/hashstore"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/statedir"
	"github.com/orch-build/orch/planner/inputs"
)

// FileMemory returns the memory of file sums, or nil where nothing can be kept.
func (e *Machine) FileMemory() inputs.Memory {
	dir, err := statedir.Default(e.Getenv)
	if err != nil {
		return nil
	}
	return hashstore.Store{Dir: filepath.Join(dir, "files")}
}

// ClientID is a name for this machine and user, made once and kept in the
// state folder. A builder that several machines use keeps their folders of the
// same path apart by it. Where nothing can be kept, each run has its own.
func (e *Machine) ClientID() string {
	id := rand.Text()
	dir, err := statedir.Default(e.Getenv)
	if err != nil {
		return id
	}
	path := filepath.Join(dir, "client-id")
	if old, err := os.ReadFile(path); err == nil && len(old) > 0 {
		return strings.TrimSpace(string(old))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return id
	}
	if err := output.WriteFile(path, []byte(id+"\n"), 0o600); err != nil {
		return id
	}
	return id
}

// LocalPlatform is the platform that a builder on this machine has.
func LocalPlatform() string {
	p := platforms.DefaultSpec()
	p.OS = "linux"
	if runtime.GOOS == "linux" {
		p = platforms.DefaultSpec()
	}
	return platforms.Format(platforms.Normalize(p))
}
