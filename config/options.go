package config

import (
	"errors"
	"io/fs"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
)

// Options is everything outside the files that a definition depends on. The
// zero value asks for the default group, in an empty environment.
type Options struct {
	// Targets names the targets and groups that are asked for; a name may be
	// a pattern as path.Match reads it. Without any, it is "default".
	Targets []string
	// All asks for every target of the files, whatever Targets says.
	All bool
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
	Compose func(files []types.ConfigFile, env map[string]string, lenient bool) (*types.Project, error)

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
}

// ErrNotGranted is the kind of error of a Files, a Host or a reader of Compose
// files that may not read a file for the definition.
var ErrNotGranted = errors.New("not granted")

// Host is what Resolve needs to know about files of this machine.
type Host interface {
	Stat(name string) (fs.FileInfo, error)
	ReadFile(name string) ([]byte, error)
}

// VarFile holds the values of one file of variables.
type VarFile struct {
	Name string
	Vars map[string]string
}

func (o *Options) env(name string) (string, bool) {
	if o.LookupEnv == nil {
		return "", false
	}
	return o.LookupEnv(name)
}

// variableValue looks a variable up outside the files and says where it was
// found.
func (o *Options) variableValue(name string) (value, source string, ok bool) {
	if v, ok := o.Vars[name]; ok {
		return v, "--var", true
	}
	if !o.NoEnvVars {
		if v, ok := o.env(name); ok {
			return v, "environment", true
		}
	}
	for i := len(o.VarFiles) - 1; i >= 0; i-- {
		if v, ok := o.VarFiles[i].Vars[name]; ok {
			return v, o.VarFiles[i].Name, true
		}
	}
	return "", "", false
}
