package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Missing says that the engine has no container of a name.
type Missing struct{ Container, Engine string }

func (e *Missing) Error() string {
	return fmt.Sprintf("there is no container %s on %s", e.Container, e.Engine)
}

// EnsureRunning makes sure that a container runs, and starts it if it is stopped.
// started says whether it was so.
func (e *Engine) EnsureRunning(ctx context.Context, container string) (started bool, err error) {
	running, err := e.runs(ctx, container)
	if running || err != nil {
		return false, err
	}
	if err := e.call(ctx, http.MethodPost, "/containers/"+url.PathEscape(container)+"/start", nil, nil); err != nil {
		return false, fmt.Errorf("starting the container %s: %w", container, err)
	}
	return true, nil
}

// ExpectRunning is EnsureRunning that starts nothing: a container that is stopped is
// an error.
func (e *Engine) ExpectRunning(ctx context.Context, container string) (started bool, err error) {
	running, err := e.runs(ctx, container)
	if !running && err == nil {
		err = fmt.Errorf("the container %s is stopped; the next build starts it", container)
	}
	return false, err
}

// runs says whether a container runs. One that is paused is an error.
func (e *Engine) runs(ctx context.Context, container string) (bool, error) {
	var found struct {
		State struct{ Running, Paused bool }
	}
	if err := e.call(ctx, http.MethodGet, "/containers/"+url.PathEscape(container)+"/json", nil, &found); err != nil {
		if notFound(err) {
			return false, &Missing{container, e.who()}
		}
		return false, err
	}
	if found.State.Paused {
		return false, fmt.Errorf("the container %s is paused: docker unpause %s", container, container)
	}
	return found.State.Running, nil
}

// Exec runs a command in a container, and returns its standard input and output
// as a connection.
func (e *Engine) Exec(ctx context.Context, container string, argv ...string) (net.Conn, error) {
	var made struct{ ID string }
	how := map[string]any{"AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "Cmd": argv}
	if err := e.call(ctx, http.MethodPost, "/containers/"+url.PathEscape(container)+"/exec", how, &made); err != nil {
		return nil, fmt.Errorf("running %s in the container %s: %w", argv[0], container, err)
	}
	conn, err := e.hijack(ctx, "/exec/"+made.ID+"/start", "tcp", nil, map[string]any{"Detach": false, "Tty": false})
	if err != nil {
		return nil, fmt.Errorf("running %s in the container %s: %w", argv[0], container, err)
	}
	return &execConn{Conn: conn, what: strings.Join(argv, " "), container: container}, nil
}

// execConn takes what a command writes to its two outputs apart: they come in
// frames of 8 bytes of head, of which the first is the output and the last four
// are the length.
type execConn struct {
	net.Conn
	what, container string

	left   uint32 // of the frame of the standard output that is being read
	mu     sync.Mutex
	stderr bytes.Buffer
}

// Frames of the engine's streams.
const (
	frameHead   = 8
	frameStderr = 2
	// keptStderr is how much of the error output is kept.
	keptStderr = 4096
	// refusalTimeout is how long the engine may take to say why it refuses.
	refusalTimeout = 2 * time.Second
)

func (c *execConn) Read(p []byte) (int, error) {
	for c.left == 0 {
		var head [frameHead]byte
		if _, err := io.ReadFull(c.Conn, head[:]); err != nil {
			return 0, c.ended(err)
		}
		if head[0] > frameStderr || head[1]|head[2]|head[3] != 0 {
			return 0, c.refused(head[:])
		}
		size := binary.BigEndian.Uint32(head[4:])
		if head[0] != frameStderr {
			c.left = size
			continue
		}
		if err := c.keep(int64(size)); err != nil {
			return 0, c.ended(err)
		}
	}
	n, err := c.Conn.Read(p[:min(len(p), int(c.left))])
	c.left -= uint32(n)
	if c.left > 0 && errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// refused is why the command was not run: the engine says so in plain text, where
// a frame would begin.
func (c *execConn) refused(begin []byte) error {
	_ = c.Conn.SetReadDeadline(time.Now().Add(refusalTimeout))
	rest, _ := io.ReadAll(io.LimitReader(c.Conn, keptStderr))
	return fmt.Errorf("running %s in the container %s: %s", c.what, c.container, strings.TrimSpace(string(append(begin, rest...))))
}

// keep reads a frame of the error output.
func (c *execConn) keep(size int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	room := min(size, int64(keptStderr-c.stderr.Len()))
	if _, err := io.CopyN(&c.stderr, c.Conn, room); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, c.Conn, size-room)
	return err
}

// ended says what the command said when it ended.
func (c *execConn) ended(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	said := strings.TrimSpace(c.stderr.String())
	if said == "" || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return fmt.Errorf("%s in the container %s ended: %s", c.what, c.container, said)
}

// startPause is the time between two looks at a container that starts.
const startPause = 100 * time.Millisecond

// Wait calls ready until it is, for as long as ctx lasts.
func Wait(ctx context.Context, ready func(context.Context) error) error {
	var last error
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err // an error of the deadline says less than the one before
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(startPause):
		}
	}
}
