package registry

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/credentials"
	"github.com/docker/cli/cli/config/types"
)

// hubHosts are what docker.io is called where its credentials are asked for;
// hubKey is what they are kept under.
var hubHosts = []string{"docker.io", "index.docker.io", "registry-1.docker.io"}

const hubKey = "https://index.docker.io/v1/"

// credentialsLast is how long credentials are kept; those of a cloud's helper
// are good for five minutes.
const credentialsLast = 4*time.Minute + 50*time.Second

// helperTime is how long a program may take to give credentials. It may ask its
// user for a password, but one that never answers must not hold a run up.
const helperTime = 30 * time.Second

// Credentials are those of a docker configuration. What cannot be read, or
// asked for, is as if it were not there, with a warning: a registry that needs
// no credentials works without, and another says by itself what is missing.
type Credentials struct {
	file *configfile.ConfigFile
	warn func(string)
	wait time.Duration // for a program that has credentials

	mu     sync.Mutex
	known  map[string]known
	warned map[string]bool
}

type known struct {
	auth types.AuthConfig
	at   time.Time
}

// LoadCredentials reads the configuration in a folder; "" is the usual one.
// warn is called once for each thing that is wrong; it may be nil.
func LoadCredentials(dir string, warn func(string)) *Credentials {
	if dir == "" {
		dir = config.Dir()
	}
	c := &Credentials{warn: warn, wait: helperTime, known: map[string]known{}, warned: map[string]bool{}}
	file, err := config.Load(dir)
	if err != nil {
		path := filepath.Join(dir, config.ConfigFileName)
		c.report(fmt.Sprintf("%s is not used, so registries are asked without credentials: %s", path, OneLine(plain(err, path))))
		file = configfile.New(path)
	} else if !file.ContainsAuth() {
		file.CredentialsStore = credentials.DetectDefaultStore(file.CredentialsStore)
	}
	c.file = file
	return c
}

// plain is an error without the words that name the file once more.
func plain(err error, path string) string {
	text := err.Error()
	for _, prefix := range []string{"parsing config file (" + path + "): ", "loading config file: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

// Of are the credentials for a registry; without any, they are empty.
func (c *Credentials) Of(host string) types.AuthConfig {
	if c == nil {
		return types.AuthConfig{}
	}
	key := keyOf(host)
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.known[key]; ok && time.Since(k.at) < credentialsLast {
		return k.auth
	}
	auth, err := c.ask(key)
	if err != nil {
		c.warnOnce(c.helperFault(key, err))
	}
	c.known[key] = known{auth, time.Now()}
	return auth
}

// ask looks credentials up, which can run a program.
func (c *Credentials) ask(key string) (types.AuthConfig, error) {
	type answer struct {
		auth types.AuthConfig
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		auth, err := c.file.GetAuthConfig(key)
		if err != nil {
			auth = types.AuthConfig{}
		}
		if auth == (types.AuthConfig{}) {
			auth = c.likely(key)
		}
		got <- answer{auth, err}
	}()
	select {
	case a := <-got:
		return a.auth, a.err
	case <-time.After(c.wait):
		return types.AuthConfig{}, fmt.Errorf("no answer in %s", c.wait)
	}
}

// likely are the credentials under a key that means the registry, but for its
// case: names of hosts have none.
func (c *Credentials) likely(key string) types.AuthConfig {
	want := credentials.ConvertToHostname(key)
	for k, auth := range c.file.GetAuthConfigs() {
		if strings.EqualFold(credentials.ConvertToHostname(k), want) {
			return auth
		}
	}
	return types.AuthConfig{}
}

// Look warns if the program is missing that has the credentials for a registry.
func (c *Credentials) Look(host string) {
	key := keyOf(host)
	c.mu.Lock()
	defer c.mu.Unlock()
	helper := c.helper(key)
	if helper == "" {
		return
	}
	if _, err := exec.LookPath(helper); err != nil {
		c.warnOnce(c.helperFault(key, err))
	}
}

// helper is the program that has the credentials for a key, or "".
func (c *Credentials) helper(key string) string {
	suffix := c.file.CredentialsStore
	if of, ok := c.file.CredentialHelpers[key]; ok {
		suffix = of
	}
	if suffix == "" {
		return ""
	}
	return "docker-credential-" + suffix
}

// helperFault says what is wrong with a helper.
func (c *Credentials) helperFault(key string, err error) string {
	helper := c.helper(key)
	if helper == "" {
		return fmt.Sprintf("the docker configuration has no credentials for %s that can be read: %s", key, OneLine(err.Error()))
	}
	if errors.Is(err, exec.ErrNotFound) || strings.Contains(err.Error(), exec.ErrNotFound.Error()) {
		return fmt.Sprintf("%s, which %s names, is not installed: registries are asked without its credentials", helper, c.file.GetFilename())
	}
	return fmt.Sprintf("%s gives no credentials for %s, which is asked without: %s", helper, key, OneLine(err.Error()))
}

// report is warnOnce for who does not hold the lock.
func (c *Credentials) report(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.warnOnce(text)
}

// warnOnce reports a text that was not reported yet; the lock is held.
func (c *Credentials) warnOnce(text string) {
	if c.warn != nil && !c.warned[text] {
		c.warned[text] = true
		c.warn(text)
	}
}

// keyOf is what the credentials for a registry are kept under.
func keyOf(host string) string {
	for _, hub := range hubHosts {
		if host == hub {
			return hubKey
		}
	}
	return host
}
