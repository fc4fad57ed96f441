// Package buildx reads the files in which buildx keeps its builders: the
// instances, the current one, and the default of each docker context. It never
// writes them, and calls no builder.
package buildx

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/jsonfault"
	"github.com/orch-build/orch/internal/regular"
	"github.com/orch-build/orch/internal/shellquote"
)

// maxFile bounds the size of a file of the store, certificates counted.
const maxFile = 8 << 20

// Store is the folder of buildx.
type Store struct{ Dir string }

// Open returns the store that the environment names; dockerDir is the folder of
// the docker configuration.
func Open(getenv func(string) string, dockerDir string) Store {
	if dir := getenv("BUILDX_CONFIG"); dir != "" {
		return Store{dir}
	}
	return Store{filepath.Join(dockerDir, "buildx")}
}

// Instance is a builder as buildx has it.
type Instance struct {
	Name   string
	Driver string
	Nodes  []Node
	// Path is the file that it was read from.
	Path string `json:"-"`
}

// Node is a part of an instance: one BuildKit daemon.
type Node struct {
	Name      string
	Endpoint  string
	Platforms []Platform
	// Options are the driver's.
	Options map[string]string `json:"DriverOpts"`
	Flags   []string
	// Files are in base64.
	Files map[string]string
}

// Platform is one that the user has named for a node.
type Platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
}

// String returns the platform as it is written on a command line.
func (p Platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// File is a file that belongs to a node, such as a configuration or a
// certificate.
func (n Node) File(name string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(n.Files[name])
}

// FileError says that a file of the store cannot be read.
type FileError struct {
	Path string
	Err  error
}

func (e *FileError) Error() string {
	return fmt.Sprintf("reading the builders of buildx: %s: %v", e.Path, e.Err)
}

func (e *FileError) Unwrap() error { return e.Err }

// Instance returns the builder of a name, or nil if there is none.
func (s Store) Instance(name string) (*Instance, error) {
	if name == "" || name != filepath.Base(name) || name == "." || name == ".." {
		return nil, nil // no name of a file
	}
	path := filepath.Join(s.Dir, "instances", strings.ToLower(name))
	data, err := regular.ReadFile(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &FileError{path, errors.Unwrap(err)}
	}
	in := &Instance{Path: path}
	if err = json.Unmarshal(data, in); err != nil {
		err = jsonfault.Plain(data, err)
	} else {
		err = in.check()
	}
	if err != nil {
		return nil, &FileError{path, fmt.Errorf("%w; delete the file, and make the builder anew with: %s", err, shellquote.Command("docker", "buildx", "create", "--name", name))}
	}
	if in.Name == "" {
		in.Name = name
	}
	return in, nil
}

// check says what an instance lacks.
func (in *Instance) check() error {
	if len(in.Nodes) == 0 {
		return errors.New("it names no node")
	}
	for i, n := range in.Nodes {
		if n.Name == "" {
			return fmt.Errorf("node %d has no name", i+1)
		}
		for _, p := range n.Platforms {
			if p.OS == "" || p.Architecture == "" {
				return fmt.Errorf("node %s has a platform without its os or its architecture", n.Name)
			}
		}
	}
	return nil
}

// Instances returns all builders, by name, and what is wrong with others.
func (s Store) Instances() ([]*Instance, []error) {
	entries, err := os.ReadDir(filepath.Join(s.Dir, "instances"))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, []error{fmt.Errorf("reading the builders of buildx: %w", err)}
	}
	var all []*Instance
	var faults []error
	for _, entry := range entries {
		if entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		in, err := s.Instance(entry.Name())
		if err != nil {
			faults = append(faults, err)
		} else if in != nil {
			all = append(all, in)
		}
	}
	slices.SortFunc(all, func(a, b *Instance) int { return strings.Compare(a.Name, b.Name) })
	return all, faults
}

// Current is what buildx uses without a name.
type Current struct {
	// Name is an instance's; "" is the engine of the docker context.
	Name string
	// Chosen says that somebody chose it with "buildx use".
	Chosen bool
	// Lost is the name of an instance that was current, and is not there any more.
	Lost string
	// Path is the file that says so.
	Path string
}

// Current returns the current builder. key stands for the current docker
// context, as package contexts gives it.
func (s Store) Current(key string) (Current, error) {
	path := filepath.Join(s.Dir, "current")
	var file struct {
		Key, Name string
		Global    bool
	}
	lost := ""
	data, err := regular.ReadFile(path, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return Current{}, &FileError{path, errors.Unwrap(err)}
	default:
		if err := json.Unmarshal(data, &file); err != nil {
			return Current{}, &FileError{path, fmt.Errorf("%w; write it anew with: docker buildx use NAME", jsonfault.Plain(data, err))}
		}
		if file.Name != "" && (file.Global || file.Key == key) {
			// One that was removed since does not count.
			lost = file.Name
			in, err := s.Instance(file.Name)
			if err != nil || in != nil {
				return Current{Name: file.Name, Chosen: true, Path: path}, err
			}
		}
	}
	if c, err := s.keyed(key); err != nil || c.Name != "" {
		return c, err
	}
	if file.Name != "" {
		return Current{Lost: lost, Path: path}, nil
	}
	return Current{Chosen: err == nil && file.Key == key, Path: path}, nil
}

// keyed is the default builder of one docker context.
func (s Store) keyed(key string) (Current, error) {
	sum := sha256.Sum256([]byte(key))
	path := filepath.Join(s.Dir, "defaults", hex.EncodeToString(sum[:])[:20])
	data, err := regular.ReadFile(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Current{}, nil
	}
	if err != nil {
		return Current{}, &FileError{path, errors.Unwrap(err)}
	}
	name := strings.TrimSpace(string(data))
	in, err := s.Instance(name)
	if err != nil || in == nil {
		return Current{}, err
	}
	return Current{Name: name, Chosen: true, Path: path}, nil
}
