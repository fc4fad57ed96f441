// Package since adds to an explanation what git knows of its causes: which commit
// brought them, and how many lines of a file differ. It runs git in the working
// directory; where that is not there, or there is no repository, nothing is
// added.
package since

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/orch-build/orch/planner/explain"
)

// mostCauses bounds how many causes of a target are looked up.
const mostCauses = 10

// Complete adds what git knows. dir is the project's folder.
func Complete(ctx context.Context, dir string, x *explain.Explanation) {
	l := &lookup{ctx: ctx, dir: dir, done: map[string]*explain.Commit{}}
	if _, err := l.git("rev-parse", "HEAD"); err != nil {
		return
	}
	for _, t := range x.Targets {
		l.against = t.Against
		l.complete(t.Causes)
	}
}

type lookup struct {
	ctx     context.Context
	dir     string
	against explain.Against
	done    map[string]*explain.Commit // by what was asked
}

func (l *lookup) git(args ...string) (string, error) {
	cmd := exec.CommandContext(l.ctx, "git", args...)
	cmd.Dir = l.dir
	out, err := cmd.Output()
	return string(out), err
}

func (l *lookup) complete(causes []*explain.Cause) {
	for i, c := range causes {
		if i == mostCauses {
			return
		}
		l.complete(c.Causes)
		if c.Since != nil {
			continue
		}
		file, line, written := place(c.Place)
		switch {
		case c.Kind == explain.File:
			c.Since = l.once("file "+c.Name, func() *explain.Commit { return l.file(c.Name) })
			l.lines(c)
		case c.Kind == explain.Instruction && c.New == "":
			c.Since = l.once("file "+file, func() *explain.Commit { return l.file(file) })
		case written:
			c.Since = l.once("line "+c.Place, func() *explain.Commit { return l.line(file, line) })
			if c.Kind != explain.Instruction && l.old(c.Since) {
				c.Since = nil // the value comes from somewhere else
			}
		}
	}
}

func (l *lookup) once(key string, ask func() *explain.Commit) *explain.Commit {
	key = l.against.Commit + " " + key
	if got, ok := l.done[key]; ok {
		return got
	}
	l.done[key] = ask()
	return l.done[key]
}

// old says whether a commit was there already in what is compared with.
func (l *lookup) old(c *explain.Commit) bool {
	if c == nil || c.ID == "" || l.against.Commit == "" {
		return false
	}
	_, err := l.git("merge-base", "--is-ancestor", c.ID, l.against.Commit)
	return err == nil
}

// place reads FILE:LINE.
func place(text string) (file string, line int, ok bool) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return "", 0, false
	}
	line, err := strconv.Atoi(text[i+1:])
	return text[:i], line, err == nil && line > 0
}

// format is what git prints of a commit, on one line.
const format = "--format=%H%x00%an%x00%ct%x00%s"

func read(line string) *explain.Commit {
	parts := strings.SplitN(line, "\x00", 4)
	if len(parts) != 4 {
		return nil
	}
	sec, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return nil
	}
	return &explain.Commit{ID: parts[0], Author: parts[1], Time: time.Unix(sec, 0).UTC(), Subject: parts[3]}
}

// file is the first commit since what is compared with that touched a file; or
// the last one that did, if that is not known.
func (l *lookup) file(name string) *explain.Commit {
	if out, err := l.git("status", "--porcelain", "--", ":(literal)"+name); err != nil {
		return nil
	} else if out != "" {
		return &explain.Commit{}
	}
	if l.against.Commit != "" {
		out, err := l.git("log", format, l.against.Commit+"..HEAD", "--", ":(literal)"+name)
		if lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n"); err == nil && out != "" {
			return read(lines[len(lines)-1])
		}
	}
	out, err := l.git("log", "-1", format, "--", ":(literal)"+name)
	if err != nil {
		return nil
	}
	return read(strings.TrimSuffix(out, "\n"))
}

// line is the commit that a line comes from.
func (l *lookup) line(file string, line int) *explain.Commit {
	out, err := l.git("blame", "-s", "-l", "--root", "-L", fmt.Sprintf("%d,%d", line, line), "--", file)
	if err != nil {
		return nil
	}
	id, _, _ := strings.Cut(out, " ")
	if strings.Trim(id, "0") == "" {
		return &explain.Commit{}
	}
	if out, err = l.git("log", "-1", format, id); err != nil {
		return nil
	}
	return read(strings.TrimSuffix(out, "\n"))
}

// lines counts the lines of a file that came and went, if git has the content
// that it is compared with.
func (l *lookup) lines(c *explain.Cause) {
	commit := l.against.Commit
	if commit == "" || c.Old == "" || c.New == "" || strings.HasPrefix(c.Stat, "mode ") {
		return
	}
	if l.against.Kind != "ref" {
		out, err := l.git("show", commit+":./"+c.Name)
		sum := sha256.Sum256([]byte(out))
		if err != nil || hex.EncodeToString(sum[:])[:32] != c.OldSum() {
			return
		}
	}
	out, err := l.git("diff", "--numstat", commit, "--", ":(literal)"+c.Name)
	if err != nil {
		return
	}
	if f := strings.Fields(out); len(f) >= 2 && f[0] != "-" {
		c.Stat = fmt.Sprintf("+%s -%s lines, %s", f[0], f[1], c.Stat)
	}
}
