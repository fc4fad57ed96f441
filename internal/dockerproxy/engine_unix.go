//go:build !windows

package dockerproxy

// defaultEngine is where the docker command looks if nothing else is said.
const defaultEngine = "unix:///var/run/docker.sock"
