package machine

import (
	"os"
	"path/filepath"

	"github.com/orch-build/orch/runner/embedded"
	"github.com/orch-build/orch/runner/publish"
)

// Publisher keeps its journals in the state folder.
func (e *Machine) Publisher() (*publish.Publisher, error) {
	opt, err := embedded.OptionsFromEnv(e.Getenv)
	if err != nil {
		return nil, err
	}
	project, err := os.Getwd()
	if err != nil {
		project = ""
	}
	return &publish.Publisher{
		Dir: filepath.Join(opt.StateDir, "publish"), Project: project, Registry: publish.Remote{Client: e.OpenRegistries().Client},
		Budget: opt.RegistryTimeout, Warn: e.Notices.Warn, Note: e.Notices.Note,
	}, nil
}
