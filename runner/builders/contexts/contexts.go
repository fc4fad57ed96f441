// Package contexts reads the contexts of the docker command: which engine is
// the current one, why, where it listens and with which certificates. It reads
// files and variables only; it calls no engine and writes nothing.
package contexts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/jsonfault"
	"github.com/orch-build/orch/internal/regular"
	"github.com/orch-build/orch/internal/suggest"
)

// maxFile bounds the size of a file of the docker configuration.
const maxFile = 8 << 20

// Default is the name of the context that is there without a file.
const Default = "default"

// Store is where the docker command keeps its contexts.
type Store struct {
	// Dir is the folder of the docker configuration.
	Dir string
	// Getenv reads a variable of the environment.
	Getenv func(string) string
}

// Open returns the store that the environment names.
func Open(getenv func(string) string) Store {
	return Store{Dir: Dir(getenv), Getenv: getenv}
}

// Dir is the folder of the docker configuration: DOCKER_CONFIG, else .docker in
// the home folder.
func Dir(getenv func(string) string) string {
	if dir := getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home := getenv("HOME")
	if runtime.GOOS == "windows" {
		home = getenv("USERPROFILE")
	}
	if home == "" {
		home, _ = os.UserHomeDir()
	}
	return filepath.Join(home, ".docker")
}

// TLS names the files of an engine's certificates.
type TLS struct {
	CA, Cert, Key string
	// SkipVerify takes any certificate of the engine.
	SkipVerify bool
}

// Endpoint is where an engine listens.
type Endpoint struct {
	// Context is the name of the context; "" if the endpoint is of none.
	Context string
	// Host is an address with a scheme: unix, npipe, tcp or ssh.
	Host string
	// TLS is nil for a connection without.
	TLS *TLS
	// From is the variable that names it; "" if a file does, or nothing.
	From string
}

// Current is the context that docker uses, and how it was chosen.
type Current struct {
	Name string
	// Reason is for people: "DOCKER_HOST", …
	Reason string
	// Chosen says that somebody chose it by name. DOCKER_HOST says where the
	// engine is, and not that things are to be built there.
	Chosen bool
	// File is where it is written; "" if a variable says it, or nothing.
	File string
	// Broken is why the file that would say so cannot be read.
	Broken error
}

// Current returns the context that the docker command uses.
func (s Store) Current() Current {
	if name := s.Getenv("DOCKER_CONTEXT"); name != "" {
		return Current{Name: name, Reason: "DOCKER_CONTEXT", Chosen: true}
	}
	if host := s.Getenv("DOCKER_HOST"); host != "" {
		return Current{Name: Default, Reason: "DOCKER_HOST"}
	}
	var config struct {
		CurrentContext string `json:"currentContext"`
	}
	path := filepath.Join(s.Dir, "config.json")
	data, err := regular.ReadFile(path, maxFile)
	if err == nil {
		if err = json.Unmarshal(data, &config); err != nil {
			err = fmt.Errorf("%s: %w", path, jsonfault.Plain(data, err))
		}
	}
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return Current{Name: Default, Reason: "the docker context", Broken: err}
	case config.CurrentContext == "" || config.CurrentContext == Default:
		return Current{Name: Default, Reason: "the docker context"}
	}
	return Current{Name: config.CurrentContext, Reason: "the current docker context", Chosen: true, File: path}
}

// UnknownError says that there is no context of a name.
type UnknownError struct {
	Name  string
	From  string // who named it, or "" for an argument
	Known []string
}

func (e *UnknownError) Error() string {
	text := fmt.Sprintf("there is no docker context %q", e.Name)
	if e.From != "" {
		text += " (" + e.From + ")"
	}
	return text + "; there are: " + strings.Join(e.Known, ", ") + "." + suggest.Sentence(e.Name, e.Known)
}

// meta is the file meta.json of a context.
type meta struct {
	Name      string
	Endpoints map[string]struct {
		Host          string
		SkipTLSVerify bool
	}
}

// Names are the contexts that can be used, the default one first.
func (s Store) Names() []string {
	names, _ := s.list()
	return names
}

// Faults are what is wrong with others.
func (s Store) Faults() []error {
	_, faults := s.list()
	return faults
}

func (s Store) list() (names []string, faults []error) {
	found, _ := filepath.Glob(filepath.Join(s.Dir, "contexts", "meta", "*", "meta.json"))
	for _, path := range found {
		m, err := readMeta(path)
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("reading the docker contexts: %w", err))
		case filepath.Base(filepath.Dir(path)) != folder(m.Name):
			faults = append(faults, fmt.Errorf("reading the docker contexts: %s says that it is of context %q, and is not in its folder", path, m.Name))
		default:
			names = append(names, m.Name)
		}
	}
	slices.Sort(names)
	return append([]string{Default}, names...), faults
}

// readMeta reads the file of a context.
func readMeta(path string) (*meta, error) {
	data, err := regular.ReadFile(path, maxFile)
	if err != nil {
		return nil, err
	}
	m := &meta{}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, jsonfault.Plain(data, err))
	}
	return m, nil
}

// Has says whether there is a context of a name.
func (s Store) Has(name string) bool {
	if name == Default {
		return true
	}
	_, err := os.Stat(s.metaPath(name))
	return err == nil
}

func (s Store) metaPath(name string) string {
	return filepath.Join(s.Dir, "contexts", "meta", folder(name), "meta.json")
}

// folder is where a context's files are.
func folder(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

// Endpoint returns where the engine of a context listens.
func (s Store) Endpoint(name string) (Endpoint, error) {
	if name == Default || name == "" {
		return s.defaultEndpoint()
	}
	path := s.metaPath(name)
	m, err := readMeta(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Endpoint{}, &UnknownError{Name: name, Known: s.Names()}
	}
	if err != nil {
		return Endpoint{}, fmt.Errorf("reading docker context %q: %w", name, err)
	}
	docker, ok := m.Endpoints["docker"]
	if !ok || docker.Host == "" {
		return Endpoint{}, fmt.Errorf("docker context %q names no engine: %s has no Endpoints.docker.Host", name, path)
	}
	ep := Endpoint{Context: name, Host: docker.Host}
	dir := filepath.Join(s.Dir, "contexts", "tls", folder(name), "docker")
	ep.TLS, err = files(dir, docker.SkipTLSVerify)
	if err != nil {
		return Endpoint{}, fmt.Errorf("docker context %q: %w", name, err)
	}
	return ep, nil
}

// defaultEndpoint is the engine of the variables, else of this machine.
func (s Store) defaultEndpoint() (Endpoint, error) {
	ep := s.EndpointOf(s.Getenv("DOCKER_HOST"))
	ep.Context = Default
	if s.Getenv("DOCKER_HOST") != "" {
		ep.From = "DOCKER_HOST"
	}
	verify := s.Getenv("DOCKER_TLS_VERIFY") != ""
	if !verify && s.Getenv("DOCKER_TLS") == "" {
		return ep, nil
	}
	dir := s.Getenv("DOCKER_CERT_PATH")
	if dir == "" {
		dir = s.Dir
	}
	found, err := files(dir, !verify)
	if err != nil {
		return Endpoint{}, fmt.Errorf("the engine at %s: %w", ep.Host, err)
	}
	if found == nil && verify {
		return Endpoint{}, fmt.Errorf("the engine at %s: DOCKER_TLS_VERIFY is set, but there is no ca.pem in %s: set DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem", ep.Host, dir)
	}
	ep.TLS = found
	return ep, nil
}

// EndpointOf is the engine at an address; "" is the one of this machine. As for
// the docker command, an address without a scheme is one of tcp.
func (s Store) EndpointOf(host string) Endpoint {
	switch {
	case host == "" && runtime.GOOS == "windows":
		host = "npipe:////./pipe/docker_engine"
	case host == "", host == "unix://":
		host = "unix:///var/run/docker.sock"
	case strings.HasPrefix(host, "/"):
		host = "unix://" + host
	case !strings.Contains(host, "://"):
		host = "tcp://" + host
	}
	return Endpoint{Host: host}
}

// Key is what buildx calls the current engine in its files: the name of the
// context, or for the default one its address.
func (s Store) Key() string {
	if cur := s.Current(); cur.Name != Default {
		return cur.Name
	}
	return s.EndpointOf(s.Getenv("DOCKER_HOST")).Host
}

// files finds the certificates in a folder; nil if there are none.
func files(dir string, skipVerify bool) (*TLS, error) {
	has := func(name string) string {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			return ""
		}
		return path
	}
	t := &TLS{CA: has("ca.pem"), Cert: has("cert.pem"), Key: has("key.pem"), SkipVerify: skipVerify}
	switch {
	case t.Cert == "" && t.Key != "":
		return nil, fmt.Errorf("%s has key.pem, but no cert.pem; they belong together", dir)
	case t.Cert != "" && t.Key == "":
		return nil, fmt.Errorf("%s has cert.pem, but no key.pem; they belong together", dir)
	case t.CA == "" && t.Cert == "":
		if skipVerify {
			return t, nil
		}
		return nil, nil
	}
	return t, nil
}
