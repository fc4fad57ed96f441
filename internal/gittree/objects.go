package gittree

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// catFile is one git cat-file that is asked for blob after blob.
type catFile struct {
	ctx   context.Context
	dir   string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
}

func (c *catFile) start() error {
	c.cmd = exec.CommandContext(c.ctx, "git", "cat-file", "--batch")
	c.cmd.Dir = c.dir
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return err
	}
	c.out = bufio.NewReader(stdout)
	return c.cmd.Start()
}

func (c *catFile) read(blob string) ([]byte, error) {
	if c.cmd == nil {
		if err := c.start(); err != nil {
			return nil, fmt.Errorf("git cat-file: %w", err)
		}
	}
	if _, err := fmt.Fprintln(c.stdin, blob); err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	line, err := c.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	var name, kind string
	var size int
	if n, _ := fmt.Sscan(line, &name, &kind, &size); n != 3 {
		return nil, fmt.Errorf("git cat-file: %s", strings.TrimSpace(line))
	}
	data := make([]byte, size+1)
	if _, err := io.ReadFull(c.out, data); err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	return data[:size], nil
}

func (c *catFile) close() {
	if c.cmd != nil {
		_ = c.stdin.Close()
		_ = c.cmd.Wait()
	}
}
