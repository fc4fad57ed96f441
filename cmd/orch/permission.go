package main

import (
	"bufio"
	"context"
	"fmt"
	"github.com/orch-build/orch/internal/usage"
	"io"
	"os"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/permission"
	"github.com/orch-build/orch/internal/termtext"
	"golang.org/x/term"
)

// allowed makes sure that everything the definition touches on this machine
// is granted. What is not is asked for on a terminal, and is an error without
// one.
func (l *loadFlags) allowed(ctx context.Context, e *env, cfg *config.Config, overrides []config.Override) error {
	needs, err := permission.Of(cfg)
	if err != nil {
		return usage.Wrap(err)
	}
	return l.grants(ctx, e, needs, overrides)
}

// allowedToPlan is allowed for what is read to make a plan.
func (l *loadFlags) allowedToPlan(ctx context.Context, e *env, cfg *config.Config) error {
	needs, err := permission.Planned(cfg)
	if err != nil {
		return usage.Wrap(err)
	}
	return l.grants(ctx, e, needs, nil)
}

// grants makes sure that needs are granted.
func (l *loadFlags) grants(ctx context.Context, e *env, needs []permission.Need, overrides []config.Override) error {
	missing, err := l.loader.Missing(needs, overrides)
	if err != nil || len(missing) == 0 {
		return err
	}
	wd, err := permission.RealPath(".")
	if err != nil {
		return err
	}
	text := permission.Describe(missing, wd)
	if !e.canAsk() {
		return usagef("%s", text)
	}
	fmt.Fprintf(e.stderr, "%s\n\nGo on and allow it this time? [y/N] ", text)
	yes, err := readAnswer(ctx, e.stdin)
	if err != nil {
		return err
	}
	if !yes {
		return usagef("not allowed, so nothing was done")
	}
	return nil
}

// canAsk says whether someone can read a question and answer it.
func (e *env) canAsk() bool {
	in, ok := e.stdin.(*os.File)
	out := termtext.File(e.stderr)
	return ok && out != nil && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd()))
}

// readAnswer reads a line and says whether it is a yes.
func readAnswer(ctx context.Context, in io.Reader) (bool, error) {
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(in).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case a := <-answer:
		return a == "y" || a == "yes", nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
