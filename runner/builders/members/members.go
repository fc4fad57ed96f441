// Package members lists the daemons that builders consist of, each by itself:
// the nodes of a builder, the addresses of a name, the ready pods behind a label.
// It asks name servers and clusters, and calls no daemon. It does not know what is
// built.
package members

import (
	"context"
	"fmt"
	"net"
	"path"
	"slices"
	"strings"

	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/builders/address"
	"github.com/orch-build/orch/runner/pods"
)

// Member is one daemon.
type Member struct {
	// Name is what reports call it; no other member has it.
	Name string
	builders.Node
}

// Source looks up what is behind names.
type Source struct {
	// Resolve returns the addresses of a host; nil asks the system.
	Resolve func(ctx context.Context, host string) ([]string, error)
	// Pods returns the pods that are ready; nil asks the cluster.
	Pods func(context.Context, pods.Cluster) ([]pods.Pod, error)
	// Wait is how to wait for pods where none is ready.
	Wait pods.Wait
}

// Of lists the members of some builders.
func (s Source) Of(ctx context.Context, all []*builders.Builder) ([]Member, error) {
	var out []Member
	for _, b := range all {
		for _, node := range b.Nodes {
			some, err := s.expand(ctx, b, node)
			if err != nil {
				return nil, err
			}
			if len(all) > 1 && b.Origin != builders.FromAddress && len(b.Nodes) > 1 {
				for i := range some {
					some[i].Name = b.Name + "/" + some[i].Name
				}
			}
			out = append(out, some...)
		}
	}
	return distinct(out)
}

// expand lists what is behind a node.
func (s Source) expand(ctx context.Context, b *builders.Builder, n builders.Node) ([]Member, error) {
	switch {
	case strings.HasPrefix(n.Address, "dns+tcp://"):
		return s.service(ctx, n)
	case n.Driver == builders.Kubernetes && n.Pods.Selector != "":
		found, err := s.pods(ctx, n)
		if err != nil || !n.Pods.Sticky {
			return found, err
		}
		// Which of them it is hangs on the folder, and is decided later.
	}
	name := n.Name
	if b.Origin == builders.FromAddress {
		name = short(n.Address)
	} else if len(b.Nodes) == 1 {
		name = b.Name
	}
	return []Member{{name, n}}, nil
}

// service lists the addresses of a name, in an order that does not hang on the
// name server.
func (s Source) service(ctx context.Context, n builders.Node) ([]Member, error) {
	host, port, err := address.Service(n.Address)
	if err != nil {
		return nil, err
	}
	resolve := s.Resolve
	if resolve == nil {
		resolve = net.DefaultResolver.LookupHost
	}
	found, err := resolve(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("builder address %q: looking up %s: %w", n.Address, host, err)
	}
	found = slices.Clone(found)
	slices.Sort(found)
	var out []Member
	for _, ip := range slices.Compact(found) {
		one := n
		one.Address = "tcp://" + net.JoinHostPort(ip, port)
		if one.TLS != (builders.TLS{}) && one.TLS.ServerName == "" {
			one.TLS.ServerName = host
		}
		out = append(out, Member{net.JoinHostPort(ip, port), one})
	}
	return out, nil
}

// pods lists the ready pods behind a label.
func (s Source) pods(ctx context.Context, n builders.Node) ([]Member, error) {
	list := s.Pods
	if list == nil {
		list = func(ctx context.Context, c pods.Cluster) ([]pods.Pod, error) { return c.Await(ctx, s.Wait) }
	}
	found, err := list(ctx, pods.Cluster(n.Pods))
	if err != nil {
		return nil, err
	}
	var out []Member
	for _, p := range found {
		one := n
		one.Pods.Pod = p.Name
		out = append(out, Member{p.Name, one})
	}
	slices.SortStableFunc(out, func(a, b Member) int { return ordinal(a.Name) - ordinal(b.Name) })
	return out, nil
}

// ordinal is the number at the end of the name of a StatefulSet's pod: bk-10 is
// behind bk-9. It is 0 where there is none.
func ordinal(name string) int {
	digits := name[strings.LastIndexByte(name, '-')+1:]
	n := 0
	for _, c := range digits {
		if c < '0' || c > '9' || n > 1e6 {
			return 0
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// short is an address as a name: without the scheme, where it is a port or a
// socket.
func short(addr string) string {
	scheme, rest, _ := strings.Cut(addr, "://")
	switch scheme {
	case "tcp":
		return rest
	case "unix":
		return strings.TrimSuffix(path.Base(rest), ".sock")
	}
	return addr
}

// distinct makes sure that names are different, and daemons are.
func distinct(all []Member) ([]Member, error) {
	count := map[string]int{}
	for _, m := range all {
		count[m.Name]++
	}
	where := map[string]bool{}
	for i, m := range all {
		if count[m.Name] > 1 && m.Address != "" {
			all[i].Name = m.Address
		}
		key := fmt.Sprint(m.Driver, m.Address, m.Container, m.Pods, m.Engine.Host)
		if where[key] {
			return nil, &TwiceError{all[i].Name}
		}
		where[key] = true
	}
	return all, nil
}

// TwiceError says that a builder is there twice.
type TwiceError struct{ Name string }

func (e *TwiceError) Error() string {
	return fmt.Sprintf("builder %s is named twice: it would be taken for two", e.Name)
}
