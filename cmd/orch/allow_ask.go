package main

import (
	"bufio"
	"context"
	"fmt"
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
		return usageError{err}
	}
	return l.grants(ctx, e, needs, overrides)
}

// allowedToPlan is allowed for what is read to make a plan.
func (l *loadFlags) allowedToPlan(ctx context.Context, e *env, cfg *config.Config) error {
	needs, err := permission.Planned(cfg)
	if err != nil {
		return usageError{err}
	}
	return l.grants(ctx, e, needs, nil)
}

// grants makes sure that needs are granted.
func (l *loadFlags) grants(ctx context.Context, e *env, needs []permission.Need, overrides []config.Override) error {
	granted, err := l.granted(overrides)
	if err != nil {
		return err
	}
	files, err := l.checksFiles(e)
	if err != nil {
		return err
	}
	missing := granted.Missing(needs, files)
	if len(missing) == 0 {
		return nil
	}
	wd, err := permission.RealPath(".")
	if err != nil {
		return err
	}
	text := describeNeeds(missing, wd)
	if !e.canAsk() {
		return usageError{fmt.Errorf("%s", text)}
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

// describeNeeds says what is not granted, where it is written, and the flags
// that would grant it.
func describeNeeds(missing []permission.Need, wd string) string {
	var b strings.Builder
	b.WriteString("the definition asks for what it has not been allowed:\n")
	for _, n := range missing {
		fmt.Fprintf(&b, "  %s, %s", n.Action(wd), n.Why)
		if n.At.Filename != "" {
			fmt.Fprintf(&b, " (%s:%d:%d)", n.At.Filename, n.At.Start.Line, n.At.Start.Column)
		}
		b.WriteByte('\n')
	}
	b.WriteString("These flags allow it:\n ")
	for _, f := range permission.Flags(missing, wd) {
		b.WriteString(" " + shellQuote("--allow="+f))
	}
	return b.String()
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
