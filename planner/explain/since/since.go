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
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/planner/explain"
)

// linkMark is in front of where a symbolic link points to.
const linkMark = "-> "

// mostCauses bounds how many causes of a target are looked up.
const mostCauses = 10

// Complete adds what git knows. dir is the project's folder.
func Complete(ctx context.Context, dir string, x *explain.Explanation) {
	l := &lookup{ctx: ctx, dir: dir, done: map[string]*explain.Commit{}}
	if _, err := l.git("rev-parse", "HEAD"); err != nil {
		for _, t := range x.Targets {
			unsized(t.Against, t.Causes)
		}
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

// unsized takes the sizes off files that are compared with those of a commit: only
// git knows them.
func unsized(against explain.Against, causes []*explain.Cause) {
	for _, c := range causes {
		unsized(against, c.Causes)
		if c.Kind != explain.File || against.Kind == "run" || against.Commit == "" || strings.HasPrefix(c.Stat, "mode ") || isLink(c) {
			continue
		}
		switch {
		case c.Old == "" && c.New != "":
			c.Stat = "new"
		case c.Old != "" && c.New != "":
			c.Stat = "changed"
		}
	}
}

// isLink says whether a file is a symbolic link, or was one.
func isLink(c *explain.Cause) bool {
	return strings.HasPrefix(c.OldSum(), linkMark) || strings.HasPrefix(c.New, linkMark)
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
		case c.Kind == explain.File && strings.HasPrefix(c.Stat, "mode "):
			c.Since = l.once("mode "+c.Name, func() *explain.Commit { return l.mode(c.Name) })
		case c.Kind == explain.File:
			c.Since = l.once("file "+c.Name, func() *explain.Commit { return l.file(c.Name) })
			l.lines(c)
		case c.Kind == explain.Instruction && c.New == "":
			c.Since = l.once("gone "+c.Place, func() *explain.Commit { return l.gone(file, line) })
		case c.Kind == explain.Instruction && written:
			c.Since = l.once("lines "+c.Place, func() *explain.Commit { return l.instruction(file, line, line+c.Lines()) })
		case written:
			c.Since = l.once("line "+c.Place, func() *explain.Commit { return l.line(file, line) })
			if l.old(c.Since) {
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
// the last one that did, if it is not known what that was. It is nil if none did:
// then the difference was in the working tree of a run, or is one that git does not
// keep.
func (l *lookup) file(name string) *explain.Commit {
	if out, err := l.git("status", "--porcelain", "--", ":(literal)"+name); err != nil {
		return nil
	} else if out != "" {
		return &explain.Commit{}
	}
	return l.first("--", ":(literal)"+name)
}

// first is the first commit since what is compared with that git log finds, or the
// last one at all if that is not known.
func (l *lookup) first(args ...string) *explain.Commit {
	which := "-1"
	if l.against.Commit != "" {
		which = l.against.Commit + "..HEAD"
	}
	out, err := l.git(append([]string{"log", format, "-s", which}, args...)...)
	if err != nil {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return read(lines[len(lines)-1])
}

// mode is the first commit since what is compared with that changed the mode of a
// file.
func (l *lookup) mode(name string) *explain.Commit {
	changes := func(out string) bool {
		for line := range strings.Lines(out) { // :100644 100755 OLD NEW M<TAB>NAME
			if f := strings.Fields(strings.TrimPrefix(line, ":")); strings.HasPrefix(line, ":") && f[0] != f[1] {
				return true
			}
		}
		return false
	}
	if out, err := l.git("diff", "--raw", "HEAD", "--", ":(literal)"+name); err != nil || changes(out) {
		return &explain.Commit{}
	}
	if l.against.Commit == "" {
		return nil
	}
	out, err := l.git("log", "--reverse", "--raw", "--format=%x01%H%x00%an%x00%ct%x00%s", l.against.Commit+"..HEAD", "--", ":(literal)"+name)
	if err != nil {
		return nil
	}
	for commit := range strings.SplitSeq(out, "\x01") {
		head, raw, _ := strings.Cut(commit, "\n")
		if changes(raw) {
			return read(head)
		}
	}
	return nil
}

// gone is the commit that took an instruction out: the one behind the last that
// still has its line.
func (l *lookup) gone(file string, line int) *explain.Commit {
	at := fmt.Sprintf("%d,%d", line, line)
	if l.against.Commit == "" {
		return l.file(file)
	}
	out, err := l.git("blame", "--reverse", "-s", "-l", "-L", at, l.against.Commit+"..HEAD", "--", file)
	if err != nil {
		return l.file(file)
	}
	last, _, _ := strings.Cut(strings.TrimPrefix(out, "^"), " ")
	if head, err := l.git("rev-parse", "HEAD"); err == nil && strings.TrimSpace(head) == last {
		return &explain.Commit{}
	}
	out, err = l.git("log", format, "--ancestry-path", last+"..HEAD", "--", ":(literal)"+file)
	if err != nil {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return read(lines[len(lines)-1])
}

// instruction is the first commit since what is compared with that touched one of
// the lines of an instruction.
func (l *lookup) instruction(file string, from, to int) *explain.Commit {
	shift, changed, err := l.uncommitted(file, from, to)
	switch {
	case err != nil:
		return nil
	case changed:
		return &explain.Commit{}
	}
	at := fmt.Sprintf("%d,%d:%s", from+shift, to+shift, file)
	if c := l.first("-L", at); c != nil {
		return c
	}
	return l.file(file)
}

// hunk is what git writes above the lines that differ.
var hunk = lazyregexp.New(`(?m)^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@`)

// uncommitted says whether any of some lines of a file is not committed; else, by
// how many lines they are further down in the commit.
func (l *lookup) uncommitted(file string, from, to int) (shift int, changed bool, err error) {
	out, err := l.git("diff", "--no-ext-diff", "-U0", "HEAD", "--", ":(literal)"+file)
	if err != nil {
		return 0, false, err
	}
	number := func(text string) int {
		if text == "" {
			return 1
		}
		n, _ := strconv.Atoi(text) // the pattern has digits only
		return n
	}
	for _, m := range hunk.FindAllStringSubmatch(out, -1) {
		gone, at, come := number(m[2]), number(m[3]), number(m[4])
		first, last := at, at+come-1
		if come == 0 { // lines went between this one and the next
			first, last = at+1, at
		}
		switch {
		case first <= to && last >= from, come == 0 && from <= at && at < to:
			return 0, true, nil
		case last < from:
			shift += gone - come
		}
	}
	return shift, false, nil
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
// that it is compared with. How long a file is that is compared with that of a
// commit is known only here.
func (l *lookup) lines(c *explain.Cause) {
	commit := l.against.Commit
	if commit == "" || isLink(c) {
		return
	}
	if l.against.Kind != "run" {
		l.sizes(c)
	} else {
		out, err := l.git("show", commit+":./"+c.Name)
		sum := sha256.Sum256([]byte(out))
		if err != nil || hex.EncodeToString(sum[:])[:32] != c.OldSum() {
			return
		}
	}
	if c.Old == "" || c.New == "" {
		return
	}
	out, err := l.git("diff", "--numstat", commit, "--", ":(literal)"+c.Name)
	if err != nil {
		return
	}
	if f := strings.Fields(out); len(f) >= 2 && f[0] != "-" {
		c.Stat = fmt.Sprintf("+%s -%s lines, %s", f[0], f[1], c.Stat)
	}
}

// sizes says how long a file is in the commit, and in the working tree.
func (l *lookup) sizes(c *explain.Cause) {
	was, is := int64(explain.Unknown), int64(explain.Unknown)
	if out, err := l.git("cat-file", "-s", l.against.Commit+":./"+c.Name); err == nil && c.Old != "" {
		was, _ = strconv.ParseInt(strings.TrimSpace(out), 10, 64)
	}
	if info, err := os.Stat(filepath.Join(l.dir, filepath.FromSlash(c.Name))); err == nil && c.New != "" && info.Mode().IsRegular() {
		is = info.Size()
	}
	if was != explain.Unknown || is != explain.Unknown {
		c.Stat = explain.Stat(was, is)
	}
}
