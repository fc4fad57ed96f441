// Package daemonconfig reads the configuration file of buildkitd for the
// embedded builder: registries, garbage collection, parallelism, entitlements,
// DNS and the history. It says, with the line, what is wrong in the file and what the
// builder makes no use of. It does not know where the file is.
package daemonconfig

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	buildkitd "github.com/moby/buildkit/cmd/buildkitd/config"
	resolverconfig "github.com/moby/buildkit/util/resolver/config"
	"github.com/pelletier/go-toml/v2"
)

// Config is what the embedded builder takes from the file. The names are those
// of buildkitd.
type Config struct {
	Debug bool `toml:"debug"`
	Trace bool `toml:"trace"`
	Log   struct {
		Level string `toml:"level"`
	} `toml:"log"`
	// Entitlements is nil if the file says nothing of them.
	Entitlements []string `toml:"insecure-entitlements"`
	Worker       struct {
		OCI struct {
			buildkitd.GCConfig
			MaxParallelism int `toml:"max-parallelism"`
		} `toml:"oci"`
	} `toml:"worker"`
	Registries map[string]resolverconfig.RegistryConfig `toml:"registry"`
	DNS        *buildkitd.DNSConfig                     `toml:"dns"`
	// History is nil if none is kept.
	History  *buildkitd.HistoryConfig `toml:"history"`
	Frontend struct {
		Gateway struct {
			AllowedRepositories []string `toml:"allowedRepositories"`
		} `toml:"gateway.v0"`
	} `toml:"frontend"`
}

// Load reads a file. The warnings name what in it has no effect; name "" is no
// file.
func Load(name string) (*Config, []string, error) {
	if name == "" {
		return &Config{}, nil, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the builder's configuration: %w", err)
	}
	return parse(name, data)
}

func parse(name string, data []byte) (*Config, []string, error) {
	// What buildkitd would not take is an error, also where it is not used.
	var whole buildkitd.Config
	unknown, err := decode(name, data, &whole)
	if err != nil {
		return nil, nil, err
	}
	c := &Config{}
	unused, err := decode(name, data, c)
	if err != nil {
		return nil, nil, err
	}
	var warnings []string
	for _, key := range unused {
		what := "is not used by the embedded builder"
		if slices.Contains(unknown, key) {
			what = "is not known to BuildKit"
		}
		warnings = append(warnings, fmt.Sprintf("%s:%d: %s %s", name, key.line, key.name, what))
	}
	return c, warnings, c.check(name)
}

// check looks at values that TOML has no types for.
func (c *Config) check(name string) error {
	for _, e := range c.Entitlements {
		switch e {
		case "network.host", "security.insecure", "device":
		default:
			return fmt.Errorf("%s: insecure-entitlements: %q is not one; there are network.host, security.insecure and device", name, e)
		}
	}
	if c.Worker.OCI.MaxParallelism < 0 {
		return fmt.Errorf("%s: max-parallelism is %d; write a number of steps, or 0 for no limit", name, c.Worker.OCI.MaxParallelism)
	}
	for host, r := range c.Registries {
		files := append([]string{}, r.RootCAs...)
		for _, pair := range r.KeyPairs {
			files = append(files, pair.Certificate, pair.Key)
		}
		for _, file := range files {
			if _, err := os.Stat(file); err != nil {
				return fmt.Errorf("%s: registry %q: %w", name, host, err)
			}
		}
	}
	return nil
}

// key is one that a type has no place for.
type key struct {
	name string
	line int
}

// decode reads the file into v, and returns the keys that v has no place for.
func decode(name string, data []byte, v any) ([]key, error) {
	d := toml.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	var strict *toml.StrictMissingError
	if !errors.As(err, &strict) {
		return nil, placed(name, err)
	}
	var keys []key
	for _, e := range strict.Errors {
		line, _ := e.Position()
		keys = append(keys, key{strings.Join(e.Key(), "."), line})
	}
	// Other errors may hide behind the first key that is not known.
	return keys, placed(name, toml.Unmarshal(data, v))
}

// placed adds to an error where in the file it is.
func placed(name string, err error) error {
	var bad *toml.DecodeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &bad):
		line, column := bad.Position()
		return fmt.Errorf("%s:%d:%d: %s\n%s", name, line, column, strings.TrimPrefix(bad.Error(), "toml: "), bad.String())
	}
	return fmt.Errorf("%s: %w", name, err)
}
