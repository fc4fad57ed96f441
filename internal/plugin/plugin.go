// Package plugin lets the docker command run orch under its own names: as the
// plugin docker-orch ("docker orch bake"), and in place of docker-buildx, where
// bake is orch's and everything else goes to the real plugin. It reads the
// command lines that docker and compose call plugins with, and puts orch into
// the folder of plugins and out of it again. It knows no command of orch but the
// names of those that it hands on.
//
// The protocol is that of
// https://github.com/docker/cli/tree/master/cli-plugins: a plugin is a program
// docker-NAME, which says what it is when its only argument is
// docker-cli-plugin-metadata, and is otherwise called with all arguments of
// docker.
package plugin

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
)

// Orch and Buildx are the names that orch can have as a plugin.
const (
	Orch   = "orch"
	Buildx = "buildx"
)

// Names are the names that there are.
var Names = []string{Orch, Buildx}

// MetadataArg asks a plugin what it is.
const MetadataArg = "docker-cli-plugin-metadata"

// bakeVersion is the version of buildx that orch's bake agrees with. Compose asks
// plugins for theirs, and refuses old ones.
const bakeVersion = "v0.38.2"

// Call is a command line as orch reads it.
type Call struct {
	// Plugin is the name under which orch was called; "" is its own.
	Plugin string
	// Args are the arguments for orch.
	Args []string
	// Env are variables that stand for flags of docker.
	Env map[string]string
	// Metadata says that docker asks what the plugin is.
	Metadata bool
	// Elsewhere says that the call is not for orch: it is one for the real
	// plugin, with the arguments as they are.
	Elsewhere bool
	// Version says that the call asks for the version of the plugin.
	Version bool
}

// Read reads a command line, which begins with the name of the program.
func Read(argv []string) Call {
	if len(argv) == 0 {
		return Call{}
	}
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(argv[0])), ".exe")
	plugin, ok := strings.CutPrefix(name, "docker-")
	if !ok || !slices.Contains(Names, plugin) {
		return Call{Args: argv[1:]}
	}
	c := Call{Plugin: plugin, Env: map[string]string{}}
	args := argv[1:]
	if len(args) == 1 && args[0] == MetadataArg {
		c.Metadata = true
		return c
	}
	completing := ""
	if len(args) > 0 && strings.HasPrefix(args[0], "__complete") {
		completing, args = args[0], args[1:]
	}
	args, known := c.dockerFlags(args)
	if known && plugin == Orch {
		c.Args = args
	} else {
		c.Elsewhere = !known || !c.bake(args)
	}
	if completing != "" {
		c.Args = append([]string{completing}, c.Args...)
	}
	return c
}

// dockerFlags takes docker's own flags off the arguments, and the name of the
// plugin behind them. A plugin that is called by itself has neither.
func (c *Call) dockerFlags(args []string) (rest []string, known bool) {
	at := slices.Index(args, c.Plugin)
	if at < 0 {
		return args, true
	}
	flags := args[:at]
	for len(flags) > 0 {
		flag, value, joined := strings.Cut(flags[0], "=")
		if !strings.HasPrefix(flag, "-") {
			return args, true // the name is an argument of another command
		}
		flags = flags[1:]
		variable, takes := dockerFlags[flag]
		if !takes {
			return args, false
		}
		if switches[flag] {
			continue
		}
		if !joined {
			if len(flags) == 0 {
				return args, true // the name is the value of a flag
			}
			value, flags = flags[0], flags[1:]
		}
		if variable != "" {
			c.Env[variable] = value
		}
	}
	return args[at+1:], true
}

// dockerFlags are the flags of docker, with the variables that say the same.
var dockerFlags = map[string]string{
	"--config": "DOCKER_CONFIG", "--context": "DOCKER_CONTEXT", "-c": "DOCKER_CONTEXT",
	"--host": "DOCKER_HOST", "-H": "DOCKER_HOST", "--log-level": "", "-l": "", "--debug": "", "-D": "",
}

var switches = map[string]bool{"--debug": true, "-D": true}

// bake reads the arguments of buildx. It is false of those that are not bake's.
func (c *Call) bake(args []string) bool {
	var builder []string
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		flag, value, joined := strings.Cut(arg, "=")
		switch {
		case arg == "bake":
			c.Args = slices.Concat([]string{"bake"}, builder, args)
			return true
		case flag == "--builder" && joined:
			builder = []string{"--builder", value}
		case flag == "--builder" && len(args) > 0:
			builder, args = []string{"--builder", args[0]}, args[1:]
		case arg == "--debug" || arg == "-D":
		default:
			c.Version = arg == "version" && len(args) == 0
			return false
		}
	}
	return false
}

// VersionLine is what "docker buildx version" prints where there is no real plugin. Its
// form is that of buildx, which scripts read.
func VersionLine(version string) string {
	return "github.com/docker/buildx " + bakeVersion + " (only bake, by orch " + version + ")"
}

// metadata is what docker reads of a plugin.
type metadata struct {
	SchemaVersion    string
	Vendor           string
	Version          string
	ShortDescription string
	URL              string `json:",omitempty"`
}

// Metadata is what a plugin of a name says of itself. version is that of orch,
// real what the plugin says that orch is in place of, or nothing.
func Metadata(name, version string, real []byte) []byte {
	m := metadata{SchemaVersion: "0.1.0", Vendor: "orch", Version: version, ShortDescription: "Build many image targets at once (orch)"}
	if name == Buildx {
		m.Version, m.ShortDescription = bakeVersion, "Docker Buildx (only bake, which is orch's)"
		var other metadata
		if json.Unmarshal(real, &other) == nil && other.Version != "" {
			m.Version, m.ShortDescription = other.Version, "Docker Buildx (bake is orch's)"
		}
	}
	data, err := json.Marshal(m)
	if err != nil {
		return nil // of strings alone
	}
	return append(data, '\n')
}
