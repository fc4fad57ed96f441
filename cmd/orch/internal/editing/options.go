// Package editing has what a language server works with on this machine: what is
// around definitions, and the digests of their targets. It does not know what an
// editor asks.
package editing

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/ci"
	"github.com/orch-build/orch/internal/gitfact"
	"github.com/orch-build/orch/internal/language"
	"github.com/orch-build/orch/internal/language/project"
	"github.com/orch-build/orch/load"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/inputs"
)

// Options say what a language server works with on this machine.
func Options(e *planning.Session) language.Options {
	goEnv := remembered(load.GoEnv)
	return language.Options{
		Machine: project.Machine{
			Options:       func(dir string) config.Options { return editorOptions(e, dir, goEnv) },
			May:           func(dir, path string) bool { return granted(dir).reads(path) },
			MayPlan:       func(dir string, t *config.Target) bool { return granted(dir).plans(dir, t) },
			BuildPlatform: machine.LocalPlatform(),
			Names:         [][]string{load.BuildFiles, load.BakeFiles},
		},
		Digests: func(ctx context.Context, plan *planner.Plan) (map[string]string, error) {
			in, _, err := e.Inputs(ctx, plan, inputs.Options{Now: time.Now()}, planning.Remembered)
			if err != nil {
				return nil, err
			}
			out := map[string]string{}
			for _, b := range plan.Builds {
				out[b.Name()] = in.Build(b).Sum
			}
			return out, nil
		},
		Log:      func(text string) { fmt.Fprintln(e.Stderr, "orch lsp: "+text) },
		Debounce: 150 * time.Millisecond,
		Lenses:   true,
	}
}

// editorOptions are what a definition in a folder depends on besides its files, as
// far as a command in that folder finds it on this machine. Compose files are not
// read.
func editorOptions(e *planning.Session, dir string, goEnv func(string) (string, error)) config.Options {
	return config.Options{
		LookupEnv: e.Lookup,
		Environ:   e.Environ(),
		Platform:  machine.LocalPlatform(),
		HomeDir:   os.UserHomeDir,
		GoEnv:     goEnv,
		Now:       time.Now,
		Git: func(folder, fact string) (any, error) {
			if !filepath.IsAbs(folder) {
				folder = filepath.Join(dir, folder)
			}
			return gitfact.Read(folder, fact)
		},
		Lane: func() config.Lane {
			return config.Lane(ci.LaneOf(e.Getenv, func() string { return gitfact.Branch(dir) }, func() string {
				branch, _ := gitfact.Main(dir)
				return branch
			}))
		},
	}
}

// remembered asks for each name once: a definition is evaluated after each change, and
// to ask takes a process.
func remembered(ask func(name string) (string, error)) func(string) (string, error) {
	type answer struct {
		value string
		err   error
	}
	known := map[string]answer{}
	var mu sync.Mutex
	return func(name string) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		a, ok := known[name]
		if !ok {
			a.value, a.err = ask(name)
			known[name] = a
		}
		return a.value, a.err
	}
}
