package cli

import (
	"bufio"
	"context"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/orch-build/orch/internal/termtext"
)

// CanAsk says whether someone can read a question and answer it.
func (e *Env) CanAsk() bool {
	in, ok := e.Stdin.(*os.File)
	out := termtext.File(e.Stderr)
	return ok && out != nil && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd()))
}

// ReadAnswer reads a line and says whether it is a yes.
func ReadAnswer(ctx context.Context, in io.Reader) (bool, error) {
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
