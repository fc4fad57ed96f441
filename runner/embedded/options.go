package embedded

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/orch-build/orch/internal/statedir"
	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// DefaultIdle is how long a builder without clients stays.
const DefaultIdle = state.DefaultIdle

// paths names the files in the state folder.
type paths struct{ state.Paths }

func newPaths(dir string) paths { return paths{state.NewPaths(dir)} }

// Ending says when a builder ends that is asked to.
type Ending int

const (
	// AfterBuilds waits for the builds that run.
	AfterBuilds Ending = iota
	// AtOnce cancels them, and kills a builder that does not even answer.
	AtOnce
)

// Options says where the builder keeps its state and how it is started. The
// zero value is usable: every field has a default.
type Options struct {
	// StateDir is the folder of all state. Default: [statedir.Default] of the
	// process environment.
	StateDir string
	// Version is the version of the calling orch. A builder of an older
	// version is replaced when it is idle. Default: "dev", which is neither
	// older nor newer than anything.
	Version string
	// Idle is how long a builder started by this call stays without clients;
	// negative means for ever. Default: [DefaultIdle].
	Idle time.Duration
	// RegistryTimeout is how long a registry may say nothing to a builder
	// started by this call before it is given up; five times that once it has
	// all of what it was sent. Default: a minute.
	RegistryTimeout time.Duration
	// Config is the configuration file of a builder started by this call, in the
	// form of buildkitd's; "" is none. A builder that runs with another one is
	// replaced when it is idle.
	Config string
	// Notify, if set, is called with one line that says why a start takes long.
	Notify func(line string)
	// Program, if set, opens the program that is the builder. Default: the
	// builder is in this program.
	Program func() (io.ReadCloser, error)
	// Executable is the file of the calling orch, by which a builder of an
	// earlier build of that file is recognised. Default: this process's.
	Executable string
	// Command holds the arguments by which the program is the builder.
	// Default: "__daemon".
	Command []string
}

// OptionsFromEnv reads ORCH_STATE_DIR, XDG_STATE_HOME and HOME (see
// [statedir.Default]), ORCH_BUILDER_IDLE (a duration such as 30m; 0 means
// for ever), ORCH_REGISTRY_TIMEOUT (a duration of a second or more) and
// ORCH_BUILDER_CONFIG (see [Options].Config).
func OptionsFromEnv(getenv func(string) string) (Options, error) {
	dir, err := statedir.Default(getenv)
	if err != nil {
		return Options{}, err
	}
	o := Options{StateDir: dir}
	if o.Config, err = configFile(getenv); err != nil {
		return Options{}, err
	}
	if s := getenv("ORCH_BUILDER_IDLE"); s != "" {
		o.Idle, err = time.ParseDuration(s)
		if err != nil || o.Idle < 0 {
			return Options{}, fmt.Errorf("ORCH_BUILDER_IDLE is %q, which is not a duration: write for example 30m, or 0 to keep the builder for ever", s)
		}
		if o.Idle == 0 {
			o.Idle = -1
		}
	}
	if s := getenv("ORCH_REGISTRY_TIMEOUT"); s != "" {
		o.RegistryTimeout, err = time.ParseDuration(s)
		if err != nil || o.RegistryTimeout < time.Second {
			return Options{}, fmt.Errorf("ORCH_REGISTRY_TIMEOUT is %q, which is not a duration of a second or more: write for example 2m", s)
		}
	}
	return o, nil
}

// withDefaults fills in what the caller left empty.
func (o Options) withDefaults() (Options, error) {
	if o.StateDir == "" {
		dir, err := statedir.Default(os.Getenv)
		if err != nil {
			return o, err
		}
		o.StateDir = dir
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.Idle == 0 {
		o.Idle = DefaultIdle
	}
	if o.RegistryTimeout == 0 {
		o.RegistryTimeout = state.DefaultRegistryTimeout
	}
	if o.Notify == nil {
		o.Notify = func(string) {}
	}
	if o.Command == nil {
		o.Command = []string{state.DaemonArg}
	}
	return o, nil
}

// LogPath returns the file that the builder of these options writes to.
func LogPath(o Options) (string, error) {
	o, err := o.withDefaults()
	if err != nil {
		return "", err
	}
	return newPaths(o.StateDir).Log, nil
}
