package pods

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Exec runs a command in a pod, and returns its standard input and output as a
// connection.
func (c Cluster) Exec(pod Pod, argv ...string) (net.Conn, error) {
	args := []string{"exec"}
	if pod.Container != "" {
		args = append(args, "--container="+pod.Container)
	}
	args = append(args, "-i", pod.Name, "--")
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
	cmd.Stderr, cmd.WaitDelay = &conn.said, lastWords
	if err := cmd.Start(); errors.Is(err, exec.ErrNotFound) {
		return nil, errNoKubectl
	} else if err != nil {
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
	// result is how the command ended, once it has been waited for.
	result error
	// closed is true once the connection was closed on this side.
	closed atomic.Bool
}

func (c *cmdConn) Read(p []byte) (int, error) {
	n, err := c.out.Read(p)
	if err == nil || n > 0 {
		return n, nil
	}
	return 0, c.ended(err)
}

// lastWords is how long kubectl may take to end after it has closed its output.
const lastWords = 2 * time.Second

// ended is why there is nothing more to read: what kubectl said, which is complete
// once it has ended.
func (c *cmdConn) ended(err error) error {
	if c.closed.Load() {
		return net.ErrClosed
	}
	ended := make(chan struct{})
	go func() { c.wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(lastWords):
	}
	if c.closed.Load() {
		return net.ErrClosed
	}
	if said := c.said.text(); said != "" {
		return fmt.Errorf("kubectl: %s", said)
	}
	select {
	case <-ended:
		if c.result != nil {
			return fmt.Errorf("kubectl exec ended with %w", c.result)
		}
	default:
	}
	return err
}

// wait waits for the command to end, once.
func (c *cmdConn) wait() { c.once.Do(func() { c.result = c.cmd.Wait() }) }

func (c *cmdConn) Write(p []byte) (int, error) { return c.in.Write(p) }

// Close ends the command.
func (c *cmdConn) Close() error {
	c.closed.Store(true)
	_ = c.in.Close()
	_ = c.cmd.Process.Kill()
	c.wait()
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
