// Package docker hands images to the Docker engine of this machine, by the command
// docker. It knows nothing of how they are built.
package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// withoutDocker is what to do where there is no Docker engine.
const withoutDocker = "without Docker, write a file: -o type=oci,dest=image.tar"

// Check makes sure, before anything is built, that there is a Docker
// engine if an image is to be loaded into one.
func Check(ctx context.Context, plan *planner.Plan) error {
	if !slices.ContainsFunc(plan.Builds, loadsImage) {
		return nil
	}
	if _, err := exec.LookPath("docker"); err != nil {
		return fmt.Errorf("loading images into Docker takes the command docker, which is not on PATH\n  (%s)", withoutDocker)
	}
	out, err := exec.CommandContext(ctx, "docker", "version", "--format", "{{.Server.Version}}").CombinedOutput()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("no Docker engine answers, into which images could be loaded: %s\n  (%s)", strings.TrimSpace(string(out)), withoutDocker)
	}
	return ctx.Err()
}

// loadsImage says whether a target's image goes into a Docker engine.
func loadsImage(b *planner.Build) bool {
	return slices.ContainsFunc(b.Target.Outputs, func(o config.Output) bool { return o.Form == config.EngineForm })
}

// Load starts the docker command that loads an image.
func Load(ctx context.Context) (io.WriteCloser, error) {
	cmd := exec.CommandContext(ctx, "docker", "load", "--quiet")
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
