package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/lazyregexp"
)

// tail returns the last n lines of the file from offset on, for an error
// message; what cannot be read is left out.
func tail(path string, offset int64, n int) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if fi, err := f.Stat(); err == nil {
		offset = max(offset, fi.Size()-64<<10)
	}
	b, err := io.ReadAll(io.NewSectionReader(f, offset, 64<<10))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// crashLines is how much of a crash is shown: what it was, and where it begins.
const crashLines = 12

// crash returns what Go says of the end of a program that crashed, if the log
// has it after offset.
func crash(path string, offset int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, offset, 16<<20))
	if err != nil {
		return ""
	}
	lines := strings.Split(string(b), "\n")
	for i, line := range lines {
		if crashBegins.MatchString(line) {
			return strings.TrimRight(strings.Join(lines[i:min(len(lines), i+crashLines)], "\n"), "\n")
		}
	}
	return ""
}

// crashBegins matches the first line of what Go says when a program crashes.
var crashBegins = lazyregexp.New(`^(?:panic: |fatal error: |unexpected fault address |SIG[A-Z0-9]+: |runtime: out of memory|runtime: failed to create new OS thread|runtime: program exceeds )`)

// Mark is a place in the log of a builder: its end when the builder was found.
type Mark struct {
	path   string
	offset int64
}

// Mark returns the end of the builder's log.
func (d *Daemon) Mark() Mark {
	m := Mark{path: d.Log}
	if fi, err := os.Stat(d.Log); err == nil {
		m.offset = fi.Size()
	}
	return m
}

// Crash returns what the builder said when it crashed after the mark, or "".
func (m Mark) Crash() string {
	fi, err := os.Stat(m.path)
	if err != nil {
		return ""
	}
	if fi.Size() < m.offset { // the log has been rotated
		m.offset = 0
	}
	return crash(m.path, m.offset)
}

// CopyLog writes the last n lines of the builder's log to w (all of them if n
// is negative).
func CopyLog(w io.Writer, path string, n int) error {
	f, err := openLog(path, n)
	if err != nil {
		return err
	}
	defer func() { f.Close() }()
	if _, err := io.Copy(w, f); err != nil {
		return fmt.Errorf("copying the builder's log: %w", err)
	}
	return nil
}

// openLog opens the builder's log where its last n lines begin.
func openLog(path string, n int) (*os.File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no log yet: the embedded builder has not run with its state in this folder (%s)", path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the builder's log: %w", err)
	}
	if err := seekLines(f, n); err != nil {
		f.Close()
		return nil, fmt.Errorf("reading the builder's log: %w", err)
	}
	return f, nil
}

// FollowLog is CopyLog, and goes on with what is added, across rotations, until
// ctx is done; that is not an error.
func FollowLog(ctx context.Context, w io.Writer, path string, n int) error {
	f, err := openLog(path, n)
	if err != nil {
		return err
	}
	defer func() { f.Close() }()
	for {
		if _, err := io.Copy(w, f); err != nil {
			return fmt.Errorf("copying the builder's log: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
		if next := reopened(f, path); next != nil {
			_, _ = io.Copy(w, f)
			f.Close()
			f = next
		}
	}
}

// reopened returns the file that is now at path if it is another one than f.
func reopened(f *os.File, path string) *os.File {
	next, err := os.Open(path)
	if err != nil {
		return nil
	}
	a, errA := f.Stat()
	b, errB := next.Stat()
	if errA == nil && errB == nil && !os.SameFile(a, b) {
		return next
	}
	next.Close()
	return nil
}

// seekLines moves f to the start of its last n lines.
func seekLines(f *os.File, n int) error {
	if n < 0 {
		return nil
	}
	pos, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	// The newline at the very end closes the last line and starts none.
	want, buf := n+1, make([]byte, 32<<10)
	for pos > 0 {
		size := min(pos, int64(len(buf)))
		pos -= size
		if _, err := f.ReadAt(buf[:size], pos); err != nil {
			return err
		}
		for i := size; i > 0; {
			i = int64(bytes.LastIndexByte(buf[:i], '\n'))
			if i < 0 {
				break
			}
			if want--; want == 0 {
				_, err := f.Seek(pos+i+1, io.SeekStart)
				return err
			}
		}
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}
