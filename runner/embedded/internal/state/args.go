package state

import (
	"flag"
	"strconv"
	"time"
)

// DaemonArg is the hidden argument by which orch runs as the builder.
const DaemonArg = "__daemon"

// DefaultIdle is how long a builder without clients stays.
const DefaultIdle = 15 * time.Minute

// DefaultRegistryTimeout is how long a registry may say nothing.
const DefaultRegistryTimeout = time.Minute

// UsernsFlag makes the daemon wait, in a user namespace without a mapping,
// until its parent has written one.
const UsernsFlag = "--userns"

// Args are the arguments of a builder's process.
type Args struct {
	StateDir string
	// Idle is after how long without clients it ends; negative: never.
	Idle time.Duration
	// RegistryTimeout is how long a registry may say nothing.
	RegistryTimeout time.Duration
	Version         string
	// Executable is the orch that started it, and ExecutableID a text that
	// changes when that file does.
	Executable, ExecutableID string
	// BuildID tells one build of orch from others, and BuildTime is when its
	// file was written, in nanoseconds.
	BuildID   string
	BuildTime int64
	// Config is the configuration file, or "", and ConfigID a text that changes
	// when its content does.
	Config, ConfigID string
	Userns           bool
	// Look is a database that is only to be read, to see whether it is whole.
	Look string
}

// List returns the arguments as they are after DaemonArg.
func (a Args) List() []string {
	return []string{
		"--state-dir=" + a.StateDir,
		"--idle=" + a.Idle.String(),
		"--registry-timeout=" + a.RegistryTimeout.String(),
		"--version=" + a.Version,
		"--executable=" + a.Executable,
		"--executable-id=" + a.ExecutableID,
		"--build-id=" + a.BuildID,
		"--build-time=" + strconv.FormatInt(a.BuildTime, 10),
		"--config=" + a.Config,
		"--config-id=" + a.ConfigID,
	}
}

// ParseArgs reads what List wrote, and UsernsFlag.
func ParseArgs(args []string) (Args, error) {
	var a Args
	flags := flag.NewFlagSet(DaemonArg, flag.ContinueOnError)
	flags.StringVar(&a.StateDir, "state-dir", "", "folder of all state")
	flags.DurationVar(&a.Idle, "idle", DefaultIdle, "end after this time without clients; negative: never")
	flags.DurationVar(&a.RegistryTimeout, "registry-timeout", DefaultRegistryTimeout, "give up on a registry that says nothing for this long")
	flags.StringVar(&a.Version, "version", "dev", "version of orch")
	flags.StringVar(&a.Executable, "executable", "", "file of the orch that starts this")
	flags.StringVar(&a.ExecutableID, "executable-id", "", "what tells that file from later ones of its name")
	flags.StringVar(&a.BuildID, "build-id", "", "what tells this build of orch from others")
	flags.Int64Var(&a.BuildTime, "build-time", 0, "when its file was written")
	flags.StringVar(&a.Config, "config", "", "configuration file, in the form of buildkitd's")
	flags.StringVar(&a.ConfigID, "config-id", "", "what tells its content from others")
	flags.StringVar(&a.Look, "look", "", "only look whether this database is whole")
	flags.BoolVar(&a.Userns, UsernsFlag[2:], false, "wait for the mapping of a new user namespace, then start over")
	err := flags.Parse(args)
	return a, err
}
