package embedded

import (
	"time"
)

// Daemon is a running builder, as [Ensure] hands it out.
type Daemon struct {
	// Address is what a BuildKit client dials: unix:// and a path.
	Address string
	// Log is the file that the builder writes to.
	Log string
	// Started says that this call started it.
	Started bool
	// Info is what it says of itself.
	Info Info
}

// Info describes a builder, running or not.
type Info struct {
	Running  bool   `json:"running"`
	Address  string `json:"address"`
	StateDir string `json:"stateDir"`
	Log      string `json:"log"`
	PID      int    `json:"pid,omitempty"`
	// Version is that of the orch which the builder is, BuildKit that of the
	// BuildKit in it.
	Version  string    `json:"version,omitempty"`
	BuildKit string    `json:"buildkit,omitempty"`
	Started  time.Time `json:"started,omitzero"`
	// IdleExit is after how long without clients it ends; "never" if it stays.
	IdleExit string `json:"idleExit,omitempty"`
	// Clients counts the connections besides the asking one, Active the
	// requests in work.
	Clients     int      `json:"clients"`
	Active      int      `json:"active"`
	Rootless    bool     `json:"rootless"`
	Runtime     string   `json:"runtime,omitempty"`
	Snapshotter string   `json:"snapshotter,omitempty"`
	Network     string   `json:"network,omitempty"`
	Platforms   []string `json:"platforms,omitempty"`
	// Config is the configuration file that it was started with, or "".
	Config string `json:"config,omitempty"`
	// MaxParallelism is how many steps may run at once; 0 is any number.
	MaxParallelism int `json:"maxParallelism,omitempty"`
	// Emulated are those of Platforms which this machine's processor cannot
	// run by itself.
	Emulated []string `json:"emulated,omitempty"`

	executable, executableID, configID string

	build build
}

// Busy says whether someone uses the builder now.
func (i *Info) Busy() bool { return i.Clients > 0 || i.Active > 0 }
