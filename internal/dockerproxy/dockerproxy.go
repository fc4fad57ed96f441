// Package dockerproxy reads the proxies of a docker configuration as bake does:
// those of the Docker engine in use, or else the default ones, as build
// arguments for steps that reach the network. It does not know which builds get
// them.
package dockerproxy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
)

// Args returns the build arguments of the configuration in a folder; "" is the
// user's own. A configuration that cannot be read has none: where it matters,
// the registry login says so.
func Args(dir string, getenv func(string) string) map[string]string {
	if dir == "" {
		dir = config.Dir()
	}
	file, err := config.Load(dir)
	if err != nil || len(file.Proxies) == 0 {
		return nil
	}
	proxy, ok := file.Proxies[engine(dir, file, getenv)]
	if !ok {
		proxy = file.Proxies["default"]
	}
	args := map[string]string{}
	for name, value := range map[string]string{
		"HTTP_PROXY": proxy.HTTPProxy, "HTTPS_PROXY": proxy.HTTPSProxy,
		"NO_PROXY": proxy.NoProxy, "FTP_PROXY": proxy.FTPProxy,
	} {
		if value != "" {
			args[name] = value
		}
	}
	return args
}

// Missing returns those of the arguments that are not set yet, in upper or in
// lower case.
func Missing(args, set map[string]string) map[string]string {
	out := map[string]string{}
	for name, value := range args {
		found := false
		for have := range set {
			found = found || strings.EqualFold(have, name)
		}
		if !found {
			out[name] = value
		}
	}
	return out
}

// engine is the address of the Docker engine that the docker command would use:
// DOCKER_HOST, or that of the chosen context.
func engine(dir string, file *configfile.ConfigFile, getenv func(string) string) string {
	if host := getenv("DOCKER_HOST"); host != "" {
		return host
	}
	name := getenv("DOCKER_CONTEXT")
	if name == "" {
		name = file.CurrentContext
	}
	if host := contextHost(dir, name); host != "" {
		return host
	}
	return defaultEngine
}

// contextHost is the address that a context of the docker command names, or "".
func contextHost(dir, name string) string {
	if name == "" || name == "default" {
		return ""
	}
	sum := sha256.Sum256([]byte(name))
	data, err := os.ReadFile(filepath.Join(dir, "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json"))
	if err != nil {
		return ""
	}
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	if json.Unmarshal(data, &meta) != nil {
		return ""
	}
	return meta.Endpoints["docker"].Host
}
