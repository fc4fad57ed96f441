// Package builders knows the builders that a user has, by their names: those of
// builders.hcl, those of buildx, the engines of the docker contexts, and the one
// in orch itself. It decides which one a run uses, and says why. It reads files
// and variables, and calls no builder, but that it may look whether an engine
// listens at its socket. It does not know what is built.
package builders

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/runner/builders/buildx"
	"github.com/orch-build/orch/runner/builders/contexts"
)

// Driver is how a builder is reached.
type Driver string

// The drivers.
const (
	Embedded   Driver = "embedded"
	Remote     Driver = "remote"
	Container  Driver = "docker-container"
	Engine     Driver = "docker"
	Kubernetes Driver = "kubernetes"
)

// EmbeddedName is the name of the builder in orch itself.
const EmbeddedName = "embedded"

// FromAddress is the origin of a builder that has no name, and FromBuildx that of one
// of buildx.
const (
	FromAddress = "address"
	FromBuildx  = "buildx"
)

// Builder is one builder, of one node or several.
type Builder struct {
	Name   string
	Driver Driver
	// Origin is where it is written, for people: "buildx", "docker context", or
	// the path of a file.
	Origin string
	Nodes  []Node
}

// Node is one BuildKit daemon.
type Node struct {
	Name string
	// Driver is how it is reached.
	Driver Driver
	// Address is for people, and where Driver is Remote it is where the daemon is.
	Address string
	// Platforms are those that the user has named; none are the daemon's own.
	Platforms []string
	// Weight is the size of the node in comparison with others.
	Weight float64
	// Limit is how many targets it builds at once, as one of several; 0 is any number.
	Limit int
	TLS   TLS
	// Engine is the engine that is the builder, or has the container.
	Engine contexts.Endpoint
	// Container is the name of the container, and Instance that of the builder of
	// buildx that it belongs to.
	Container, Instance string
	// Pods are where a builder of Kubernetes is.
	Pods Pods
}

// TLS names the files of a connection.
type TLS struct{ CA, Cert, Key, ServerName string }

// Pods are the pods of one builder.
type Pods struct {
	// Kubeconfig, Context and Namespace are kubectl's own if they are "".
	Kubeconfig, Context, Namespace string
	// Selector chooses the pods by labels; "" if Pod names the only one.
	Selector string
	// Sticky keeps a project on one pod; otherwise any is taken.
	Sticky bool
	// Pod is the one that is meant; "" is any.
	Pod string
	// Container is the one in the pod that has the daemon; "" is found.
	Container string
}

// Choice is the builder of a run.
type Choice struct {
	*Builder
	// Reason says why it is this one.
	Reason string
}

// UnknownError says that there is no builder of a name.
type UnknownError struct {
	Name  string
	From  string // who named it, or "" for an argument
	Known []*Builder
}

func (e *UnknownError) Error() string {
	var names, list []string
	for _, b := range e.Known {
		names = append(names, b.Name)
		list = append(list, fmt.Sprintf("%s (%s)", b.Name, b.Origin))
	}
	text := fmt.Sprintf("there is no builder %q", e.Name)
	if e.From != "" {
		text += " (" + e.From + ")"
	}
	if near := suggest.Name(e.Name, names); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return text + "\n  there are: " + strings.Join(list, ", ")
}

// Options say where builders are looked for.
type Options struct {
	Getenv func(string) string
	// System is the operating system: runtime.GOOS.
	System string
	// Dir is the folder in which the project's own file is looked for, and in
	// those above it up to the top of the repository; "" is none.
	Dir string
}

// Catalog is what builders there are. Files are read as they are asked for.
type Catalog struct {
	opt      Options
	contexts contexts.Store
	buildx   buildx.Store
}

// New returns the builders that the environment has.
func New(opt Options) *Catalog {
	docker := contexts.Open(opt.Getenv)
	return &Catalog{opt, docker, buildx.Open(opt.Getenv, docker.Dir)}
}

// variables name a builder, the first that is set.
var variables = []string{"BUILDX_BUILDER", "ORCH_BUILDER"}

// Choose returns the builder of a run. flag is the value of --builder, or "".
func (c *Catalog) Choose(flag string) (*Choice, error) {
	if flag != "" {
		return c.named(flag, "--builder")
	}
	for _, name := range variables {
		if value := c.opt.Getenv(name); value != "" {
			return c.named(value, name)
		}
	}
	if host := c.opt.Getenv("BUILDKIT_HOST"); host != "" {
		b, err := c.atAddress(host)
		if err != nil {
			return nil, fmt.Errorf("BUILDKIT_HOST: %w", err)
		}
		return &Choice{b, "BUILDKIT_HOST"}, nil
	}
	return c.current()
}

// Named returns a builder that was named by --builder.
func (c *Catalog) Named(name string) (*Choice, error) { return c.named(name, "--builder") }

// named is a builder that somebody has named.
func (c *Catalog) named(name, from string) (*Choice, error) {
	b, err := c.Find(name)
	var unknown *UnknownError
	if errors.As(err, &unknown) {
		unknown.From = from
	}
	if err != nil {
		return nil, err
	}
	return &Choice{b, from}, nil
}

// current is the builder where none was named in this call.
func (c *Catalog) current() (*Choice, error) {
	user, err := c.user()
	if err != nil {
		return nil, err
	}
	if user.Use != "" {
		return c.named(user.Use, fmt.Sprintf("use in %s", c.userPath()))
	}
	cur, err := c.buildx.Current(c.contexts.Key())
	if err != nil {
		return nil, err
	}
	if cur.Name != "" {
		return c.ofBuildx(cur.Name)
	}
	docker := c.contexts.Current()
	switch {
	case cur.Chosen && !docker.Chosen && c.opt.System == "linux" && c.absent(docker.Name):
		return &Choice{embedded(), "the default: buildx names the engine, and none runs"}, nil
	case cur.Chosen:
		return c.engine(docker.Name, "the current builder of buildx, which is the engine")
	case docker.Chosen:
		return c.engine(docker.Name, docker.Reason)
	case c.opt.System != "linux":
		return c.engine(docker.Name, "the default on this system")
	}
	reason := "the default, as no other was chosen"
	switch {
	case cur.Lost != "":
		reason = fmt.Sprintf("the default, as buildx has no builder %q any more", cur.Lost)
	case docker.Broken != nil:
		reason = fmt.Sprintf("the default, as the docker configuration cannot be read: %v", docker.Broken)
	}
	return &Choice{embedded(), reason}, nil
}

// ofBuildx is the current builder of buildx: one of its own, whatever else has
// that name.
func (c *Catalog) ofBuildx(name string) (*Choice, error) {
	in, err := c.buildx.Instance(name)
	if err != nil {
		return nil, err
	}
	b, err := c.ofInstance(in)
	if err != nil {
		return nil, err
	}
	return &Choice{b, "the current builder of buildx"}, nil
}

// absent says that nothing listens where the engine of a docker context would.
// buildx writes that its current builder is the engine also when it has lost the
// one before, so that the file alone does not say that somebody chose an engine.
func (c *Catalog) absent(context string) bool {
	ep, err := c.contexts.Endpoint(context)
	if err != nil {
		return false
	}
	path, isSocket := strings.CutPrefix(ep.Host, "unix://")
	if !isSocket {
		return false
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}

func (c *Catalog) engine(context, reason string) (*Choice, error) {
	b, err := c.ofContext(context)
	var unknown *contexts.UnknownError
	if errors.As(err, &unknown) {
		if unknown.From = reason; c.contexts.Current().File != "" {
			unknown.From = "currentContext in " + c.contexts.Current().File
		}
	}
	if err != nil {
		return nil, err
	}
	return &Choice{b, reason}, nil
}

func embedded() *Builder {
	return &Builder{Name: EmbeddedName, Driver: Embedded, Origin: "orch", Nodes: []Node{{Name: EmbeddedName, Driver: Embedded, Weight: 1}}}
}
