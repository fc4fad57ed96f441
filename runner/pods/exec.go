package pods

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Exec runs a command in a pod, and returns its standard input and output as a
// connection.
func (c Cluster) Exec(pod Pod, argv ...string) (net.Conn, error) {
	args := []string{"exec", "--stdin", "--container=" + pod.Container, pod.Name, "--"}
	if c.Namespace == "" && pod.Namespace != "" {
		c.Namespace = pod.Namespace
	}
	// The command lives as long as the connection.
	cmd := c.kubectl(context.Background(), append(args, argv...)...)
	conn := &cmdConn{cmd: cmd}
	var err error
	if conn.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if conn.out, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	cmd.Stderr = &conn.said
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting kubectl: %w", err)
	}
	return conn, nil
}

// cmdConn is a connection through a command.
type cmdConn struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  io.ReadCloser
	said bounded
	once sync.Once
}

func (c *cmdConn) Read(p []byte) (int, error) {
	n, err := c.out.Read(p)
	if err != nil && n == 0 {
		if said := c.said.text(); said != "" {
			return 0, fmt.Errorf("kubectl: %s", said)
		}
	}
	return n, err
}

func (c *cmdConn) Write(p []byte) (int, error) { return c.in.Write(p) }

// Close ends the command.
func (c *cmdConn) Close() error {
	c.once.Do(func() {
		_ = c.in.Close()
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	})
	return nil
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "kubectl" }

func (*cmdConn) LocalAddr() net.Addr  { return pipeAddr{} }
func (*cmdConn) RemoteAddr() net.Addr { return pipeAddr{} }

// A pipe has no deadlines; gRPC does without.

func (*cmdConn) SetDeadline(time.Time) error      { return nil }
func (*cmdConn) SetReadDeadline(time.Time) error  { return nil }
func (*cmdConn) SetWriteDeadline(time.Time) error { return nil }

// bounded keeps the beginning of what is written to it.
type bounded struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

const keep = 4096

func (b *bounded) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept.Write(p[:min(len(p), keep-b.kept.Len())])
	return len(p), nil
}

func (b *bounded) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.TrimSpace(b.kept.String())
}
