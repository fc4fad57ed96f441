//go:build linux

package e2e

import (
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// builderProxy is in front of the builder's socket.
type builderProxy struct {
	addr     string
	listener net.Listener
	// mu guards the connections, and what happens to those that are silent.
	mu    sync.Mutex
	conns []*proxied
}

// proxied is a connection to the proxy and the one that it goes on with.
type proxied struct {
	in, out net.Conn
	silent  bool
}

func newBuilderProxy(t *testing.T, socket string) *builderProxy {
	dir, err := os.MkdirTemp("/tmp", "orch-proxy-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return proxyAt(t, "unix", filepath.Join(dir, "s"), socket)
}

// proxyAt is a proxy that listens at an address, in front of another of the same
// network.
func proxyAt(t *testing.T, network, addr, target string) *builderProxy {
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	p := &builderProxy{addr: network + "://" + l.Addr().String(), listener: l}
	t.Cleanup(func() { l.Close(); p.cut() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial(network, target)
			if err != nil {
				in.Close()
				continue
			}
			c := &proxied{in: in, out: out}
			p.mu.Lock()
			p.conns = append(p.conns, c)
			p.mu.Unlock()
			go p.forward(c, out, in)
			go p.forward(c, in, out)
		}
	}()
	return p
}

// forward hands on what comes, as long as the connection is not silent.
func (p *builderProxy) forward(c *proxied, to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		for p.isSilent(c) {
			time.Sleep(20 * time.Millisecond)
		}
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *builderProxy) isSilent(c *proxied) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return c.silent
}

// cut ends every connection.
func (p *builderProxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.in.Close()
		c.out.Close()
		c.silent = false
	}
	p.conns = nil
}

// hush stops every byte on the connections that there are, which stay open.
// Later ones are heard.
func (p *builderProxy) hush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.silent = true
	}
}
