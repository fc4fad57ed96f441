// Package docker hands images to Docker engines, by the command docker: to the
// current one, or to those that outputs name by their docker contexts. It asks them
// first whether they answer and what they can keep. It knows nothing of how images
// are built.
package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// withoutDocker is what to do where there is no Docker engine.
const withoutDocker = "without Docker, write a file: -o type=oci,dest=image.tar"

// command is a docker command for an engine.
func command(ctx context.Context, engine string, args ...string) *exec.Cmd {
	if engine != "" {
		args = append([]string{"--context", engine}, args...)
	}
	return exec.CommandContext(ctx, "docker", args...)
}

// Load starts the docker command that loads images into an engine.
func Load(ctx context.Context, engine string) (io.WriteCloser, error) {
	cmd := command(ctx, engine, "load", "--quiet")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("loading the image into Docker: %w (%s)", err, withoutDocker)
	}
	return &loadPipe{WriteCloser: in, cmd: cmd, said: &said}, nil
}

// loadPipe is the standard input of "docker load". Closing it waits for the
// command.
type loadPipe struct {
	io.WriteCloser
	cmd  *exec.Cmd
	said *strings.Builder
}

// Write says why the command ended if it takes no more.
func (p *loadPipe) Write(b []byte) (int, error) {
	n, err := p.WriteCloser.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		return n, errors.Join(p.Close(), errors.New("docker load ended early"))
	}
	return n, err
}

func (p *loadPipe) Close() error {
	if err := p.WriteCloser.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("loading the image into Docker: %s", strings.TrimSpace(p.said.String()))
	}
	return nil
}
