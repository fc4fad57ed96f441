package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// dockerLoad starts the docker command that loads an image.
func dockerLoad(ctx context.Context) (io.WriteCloser, error) {
	cmd := exec.CommandContext(ctx, "docker", "load", "--quiet")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("loading the image into Docker: %w (without Docker, write a file: -o type=oci,dest=image.tar)", err)
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

func (p *loadPipe) Close() error {
	if err := p.WriteCloser.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("loading the image into Docker: %s", strings.TrimSpace(p.said.String()))
	}
	return nil
}
