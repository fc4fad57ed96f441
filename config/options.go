package config

import (
	"cmp"
	"time"

	"github.com/zclconf/go-cty/cty/function"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/decide"
	"github.com/orch-build/orch/config/eval"
	"github.com/orch-build/orch/config/funcs"
	"github.com/orch-build/orch/config/services"
	"github.com/orch-build/orch/config/spec"
)

// Options is everything outside the files that a definition depends on. The
// zero value asks for the default group, in an empty environment.
type Options struct {
	// Targets names the targets and groups that are asked for; a name may be
	// a pattern as path.Match reads it. Without any, it is "default".
	Targets []string
	// Word says what to write instead of a word of Targets that names no target,
	// or returns ""; nil knows nothing.
	Word func(word string) string
	// All asks for every target of the files, whatever Targets says.
	All bool
	// Groups has all groups looked at for what is wrong with them, asked for or not.
	Groups bool
	// Except names targets and groups to leave out, by name or pattern.
	Except []string
	// Filters keep only the targets whose traits match all of them: NAME=VALUE,
	// NAME!=VALUE, or NAME alone for any value; VALUE may be a pattern. With a
	// filter and without Targets, every target is asked for.
	Filters []string
	// Overrides are applied in this order; see ParseOverride.
	Overrides []attribute.Override

	// Vars holds values of variables that win over the environment, by name.
	Vars map[string]string
	// VarFiles are files of variables, later ones first; they win over
	// defaults and lose to the environment.
	VarFiles []VarFile
	// LookupEnv reads one variable of the environment; nil is an empty one.
	LookupEnv func(name string) (string, bool)
	// NoEnvVars switches the environment off for variables, for Compose
	// files and for arguments without a value.
	NoEnvVars bool
	// Environ is the environment for Compose files, as os.Environ gives it.
	Environ []string

	// Compose reads Compose files, as package config/compose does; nil reads
	// none.
	Compose services.Reader

	// Platform is the value of BAKE_LOCAL_PLATFORM, such as "linux/amd64".
	Platform string
	// CmdContext is the value of BAKE_CMD_CONTEXT.
	CmdContext string
	// HomeDir gives the home folder for homedir(); nil is "".
	HomeDir func() (string, error)
	// GoEnv gives a setting of the Go command for goenv(); nil knows none.
	GoEnv func(name string) (string, error)
	// Git reads a fact about the repository around a folder, for git.FACT; see
	// GitFacts. It returns nil if there is no repository, or no such fact. A
	// nil Git is a folder outside of any repository.
	Git func(dir, fact string) (any, error)
	// Now gives the time for timestamp(); nil is the Unix epoch.
	Now func() time.Time
	// FileRelative makes contexts relative to the file that wrote them.
	FileRelative bool
	// Lane says whose cache the run may write; it is asked only if there is a
	// cache block. nil knows nothing.
	Lane func() spec.Lane
	// Remote is where the definition comes from, nil for this machine.
	Remote *Remote
	// Files is where the files of import blocks are read; nil has none.
	Files Files
	// Host is where secrets, keys and destinations are looked at; nil checks
	// none of them.
	Host Host

	// rounds and inherits are other limits than eval.DefaultRounds and
	// maxInherits, for tests: to reach those takes seconds.
	rounds, inherits int
}

// inputs returns what expressions depend on.
func (o *Options) inputs(mod *module) *eval.Inputs {
	in := &eval.Inputs{
		Vars: o.Vars, VarFiles: o.VarFiles, LookupEnv: o.LookupEnv, Git: o.Git,
		Prefix: mod.prefix, Given: mod.given, Rounds: o.rounds,
		Builtins: map[string]string{
			"BAKE_CMD_CONTEXT":    cmp.Or(o.CmdContext, attribute.CwdScheme),
			"BAKE_LOCAL_PLATFORM": o.Platform,
		},
		Functions: func() map[string]function.Function {
			f := funcs.Standard(funcs.Machine{HomeDir: o.HomeDir, GoEnv: o.GoEnv, Now: o.Now})
			if o.Remote != nil {
				return funcs.Remote(f)
			}
			return f
		},
	}
	if o.NoEnvVars {
		in.LookupEnv = nil
	}
	return in
}

// composeInputs returns what Compose files depend on.
func (o *Options) composeInputs() *services.Inputs {
	in := &services.Inputs{Read: o.Compose, Environ: o.Environ, Vars: o.Vars, Host: o.Host}
	if o.NoEnvVars {
		in.Environ = nil
	}
	return in
}

// targetInputs returns what targets depend on.
func (o *Options) targetInputs() *decide.Inputs {
	return &decide.Inputs{LookupEnv: o.LookupEnv, Git: o.Git, Remote: o.Remote, Host: o.Host, Lane: o.Lane}
}
