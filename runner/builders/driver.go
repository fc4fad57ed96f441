package builders

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/orch-build/orch/runner/builders/address"
	"github.com/orch-build/orch/runner/builders/buildx"
	"github.com/orch-build/orch/runner/builders/contexts"
	"github.com/orch-build/orch/runner/builders/hclfile"
)

// containerPrefix is what buildx puts in front of the name of a node to call its
// container.
const containerPrefix = "buildx_buildkit_"

// driverOf is the driver of an address.
func driverOf(addr string) Driver {
	switch scheme, _, _ := strings.Cut(addr, "://"); scheme {
	case "docker":
		return Engine
	case "kube", "kube-pod":
		return Kubernetes
	}
	return Remote
}

// atAddress is a builder without a name.
func (c *Catalog) atAddress(addr string) (*Builder, error) {
	n, err := c.node("", addr)
	if err != nil {
		return nil, err
	}
	return &Builder{Name: addr, Driver: driverOf(addr), Origin: FromAddress, Nodes: []Node{n}}, nil
}

// ofBlock is a builder of builders.hcl.
func (c *Catalog) ofBlock(b *hclfile.Builder) (*Builder, error) {
	out := &Builder{Name: b.Name, Origin: b.Range.Filename}
	for i, node := range b.Nodes {
		n, err := c.node(node.Name, node.Address)
		if err != nil {
			return nil, fmt.Errorf("builder %q (%s): node %s: %w", b.Name, b.Range.Filename, node.Name, err)
		}
		n.Platforms, n.Weight, n.Limit, n.TLS = node.Platforms, node.Weight, node.Limit, TLS(node.TLS)
		if i == 0 {
			out.Driver = driverOf(node.Address)
		}
		out.Nodes = append(out.Nodes, n)
	}
	return out, nil
}

// node is a node at an address.
func (c *Catalog) node(name, addr string) (Node, error) {
	n := Node{Name: name, Driver: driverOf(addr), Address: addr, Weight: 1}
	if err := address.Check(addr); err != nil {
		return n, err
	}
	_, rest, _ := strings.Cut(addr, "://")
	var err error
	switch driverOf(addr) {
	case Engine:
		n.Engine, err = c.endpoint(rest)
	case Kubernetes:
		var c address.Cluster
		c, err = address.Pods(addr)
		n.Pods = Pods{
			Kubeconfig: c.Kubeconfig, Context: c.Context, Namespace: c.Namespace, Selector: c.Selector, Pod: c.Pod, Container: c.Container,
		}
	}
	return n, err
}

// endpoint is an engine that is named by a socket, an address or a context; ""
// is the current one.
func (c *Catalog) endpoint(name string) (contexts.Endpoint, error) {
	switch {
	case name == "":
		return c.contexts.Endpoint(c.contexts.Current().Name)
	case strings.HasPrefix(name, "/"):
		return c.contexts.EndpointOf("unix://" + name), nil
	case address.Is(name):
		return c.sameEngine(name)
	case c.contexts.Has(name):
		return c.contexts.Endpoint(name)
	case strings.Contains(name, ":"):
		return c.sameEngine("tcp://" + name)
	}
	return c.contexts.Endpoint(name)
}

// sameEngine is an engine at an address. The one of the variables has their
// certificates.
func (c *Catalog) sameEngine(host string) (contexts.Endpoint, error) {
	def, err := c.contexts.Endpoint(contexts.Default)
	if err == nil && def.Host == host {
		return def, nil
	}
	return c.contexts.EndpointOf(host), nil
}

// ofContext is the engine of a docker context.
func (c *Catalog) ofContext(name string) (*Builder, error) {
	ep, err := c.contexts.Endpoint(name)
	if err != nil {
		return nil, err
	}
	return &Builder{
		Name: name, Driver: Engine, Origin: "docker context",
		Nodes: []Node{{Name: name, Driver: Engine, Address: ep.Host, Weight: 1, Engine: ep}},
	}, nil
}

// ofInstance is a builder of buildx.
func (c *Catalog) ofInstance(in *buildx.Instance) (*Builder, error) {
	b := &Builder{Name: in.Name, Driver: Driver(in.Driver), Origin: FromBuildx}
	for _, node := range in.Nodes {
		n := Node{Name: node.Name, Driver: Driver(in.Driver), Address: node.Endpoint, Weight: 1}
		for _, p := range node.Platforms {
			n.Platforms = append(n.Platforms, p.String())
		}
		if err := c.drive(in, node, &n); err != nil {
			return nil, err
		}
		b.Nodes = append(b.Nodes, n)
	}
	return b, nil
}

// drive fills in what the driver of an instance needs.
func (c *Catalog) drive(in *buildx.Instance, node buildx.Node, n *Node) (err error) {
	wrong := func(err error) error {
		return fmt.Errorf("builder %q (%s): node %s: %w", in.Name, in.Path, node.Name, err)
	}
	switch in.Driver {
	case string(Remote):
		if err := address.Check(node.Endpoint); err != nil {
			return wrong(err)
		}
		o := node.Options
		n.TLS = TLS{o["cacert"], o["cert"], o["key"], o["servername"]}
	case string(Container):
		n.Container, n.Instance = containerPrefix+node.Name, in.Name
		if n.Engine, err = c.endpoint(node.Endpoint); err != nil {
			return wrong(err)
		}
	case string(Engine):
		if n.Engine, err = c.endpoint(node.Endpoint); err != nil {
			return wrong(err)
		}
	case string(Kubernetes):
		n.Pods = podsOfNode(node)
	case "cloud":
		return wrong(fmt.Errorf("it is of Docker Build Cloud (driver cloud, %s), which orch cannot reach: "+
			"choose another builder with --builder, or 'orch builder use NAME'", node.Endpoint))
	case "":
		return wrong(errors.New("the file names no driver; known are docker, docker-container, kubernetes and remote"))
	default:
		return wrong(fmt.Errorf("unknown driver %q; known are docker, docker-container, kubernetes and remote", in.Driver))
	}
	return nil
}

// podsOfNode finds the pods of a node as buildx makes them: those of a
// deployment which is called as the node is.
func podsOfNode(node buildx.Node) Pods {
	name := strings.ReplaceAll(node.Name, "_", "-")
	p := Pods{Namespace: node.Options["namespace"], Selector: "app=" + name, Sticky: node.Options["loadbalance"] != "random"}
	if u, err := url.Parse(node.Endpoint); err == nil && u.Scheme == "kubernetes" {
		p.Kubeconfig = u.Query().Get("kubeconfig")
		if d := u.Query().Get("deployment"); d != "" {
			p.Selector = "app=" + d
		}
	}
	return p
}
