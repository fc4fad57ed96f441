package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// configFile finds the configuration of the builder: ORCH_BUILDER_CONFIG, else
// BUILDKITD_CONFIG, which is buildkitd's own, else the file at buildkitd's usual
// place, if there is one.
func configFile(getenv func(string) string) (string, error) {
	for _, name := range []string{"ORCH_BUILDER_CONFIG", "BUILDKITD_CONFIG"} {
		file := getenv(name)
		if file == "" {
			continue
		}
		abs, err := filepath.Abs(file)
		if err == nil {
			_, err = os.Stat(abs)
		}
		if err != nil {
			return "", fmt.Errorf("%s names the builder's configuration: %w", name, err)
		}
		return abs, nil
	}
	file := usualConfig(getenv)
	if info, err := os.Stat(file); err != nil || info.IsDir() {
		return "", nil
	}
	return file, nil
}

// usualConfig is where buildkitd has its configuration.
func usualConfig(getenv func(string) string) string {
	if os.Geteuid() == 0 {
		return "/etc/buildkit/buildkitd.toml"
	}
	dir := getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(getenv("HOME"), ".config")
	}
	return filepath.Join(dir, "buildkit", "buildkitd.toml")
}

// configID is a text that changes with the content of a configuration file. Of
// one that cannot be read the builder says why, when it starts.
func configID(file string) string {
	if file == "" {
		return ""
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "unreadable"
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}
