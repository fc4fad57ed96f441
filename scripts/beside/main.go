//go:build unix

// Command beside runs commands of the shell at the same time and waits for all of them.
//
//	go run ./scripts/beside 'make lint' 'make test'
//
// It fails if one of them does. Who interrupts it, or ends it by SIGTERM, ends them with
// all that they have started, which a shell does not do by itself.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// grace is how long what is interrupted has for cleaning up.
var grace = 30 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

// run runs the commands until all have ended. Its result is 0, or the exit code of the
// first one that failed.
func run(ctx context.Context, commands []string) int {
	var all sync.WaitGroup
	codes := make(chan int, len(commands))
	for _, command := range commands {
		all.Go(func() {
			if err := one(ctx, command); err != nil {
				fmt.Fprintf(os.Stderr, "beside: %s: %v\n", command, err)
				codes <- exitCode(err)
			}
		})
	}
	all.Wait()
	close(codes)
	return <-codes
}

// exitCode is what a failed command ended with, if it ended by itself.
func exitCode(err error) int {
	if exit, ok := err.(*exec.ExitError); ok && exit.ExitCode() > 0 {
		return exit.ExitCode()
	}
	return 1
}

// one runs a command in a process group of its own, which is ended as a whole.
func one(ctx context.Context, command string) error {
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	group := -cmd.Process.Pid
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	_ = syscall.Kill(group, syscall.SIGINT)
	// The command itself may end before those that it started, which clean up.
	for deadline := time.Now().Add(grace); time.Now().Before(deadline) && syscall.Kill(group, 0) == nil; {
		time.Sleep(50 * time.Millisecond)
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	return cmp.Or(<-ended, context.Cause(ctx))
}
