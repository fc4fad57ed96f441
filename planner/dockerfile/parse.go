// Package dockerfile takes one Dockerfile apart: into its stages, their
// instructions and arguments, and what each of them names. It reads with
// BuildKit's own parser, puts variables into words as BuildKit does, and finds
// the places of what a message is about.
//
// It knows nothing of targets, of other Dockerfiles, nor of files on a disk: it
// is handed bytes. What the stages of a file come to for a target is the business
// of package planner.
package dockerfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/orch-build/orch/internal/framed"
	"github.com/orch-build/orch/internal/suggest"
)

// File is the text of a Dockerfile, read once whatever the number of files
// and targets that have it. It knows nothing of arguments.
type File struct {
	Stages []*Stage
	// Args are the ARG instructions before the first FROM.
	Args   []*instructions.ArgCommand
	Escape rune
	Lex    *shell.Lex // for that escape character
	// Named holds the indexes of the stages of each name, in order.
	Named map[string][]int
	Errs  []Error
	// suspect are the stages whose names are looked at for every target; see
	// suspects.
	suspect   []*Stage
	suspected bool
	// starts holds where each line begins.
	starts []int
	// lostFrom is true if a FROM, or a misspelt one, could not be read.
	lostFrom bool
	// end is the last line of the instruction before the current one.
	end int
	// text takes what is written in the last stage, for its sum.
	text framed.Digest
}

// Error is what BuildKit's parser refuses, and where.
type Error struct {
	Msg  string
	Line int // from 1; 0 if it concerns the whole file
}

// Stage is one stage as written.
type Stage struct {
	Index    int
	Name     string // in lower case; "" if it has none
	Base     string // with variables
	Platform string // with variables; "" if not written
	Cmds     []*Cmd
	Decls    []Arg
	Sum      string // of what is written in it, but names of stages
	comments int    // first of the comment lines above FROM, or first
	First    int    // line of FROM, from 1
	FromEnd  int    // last line of FROM
	Last     int    // last line of its last instruction
	Source   string // FROM as written
	HasRun   bool
	HasFiles bool // some instruction may read the main context
}

// Shown is how a message and a vertex call the stage.
func (s *Stage) Shown() string {
	if s.Name != "" {
		return s.Name
	}
	return strconv.Itoa(s.Index)
}

// Cmd is one instruction.
type Cmd struct {
	instructions.Command
	Text    string   // on one line, as written
	Words   []string // what defines its work; see newCmd
	Froms   []From
	Onbuild []*Cmd // what an ONBUILD instruction triggers
	// Wrong is why a triggered instruction means nothing. BuildKit reads it when
	// a stage starts from this one, and not before.
	Wrong    error
	HasFiles bool // may read the main context
	First    int
	Last     int
	// trigger is true of an instruction that a stage takes over from its base; First and
	// Last are then those of the FROM, as the base may be in another file.
	trigger bool
}

// From is a name after --from= or from=.
type From struct {
	Name  string
	Mount bool
	Nth   int // which mount of the instruction it belongs to
}

// Arg is one ARG of a stage.
type Arg struct {
	Key      string
	Value    string // its default
	HasValue bool
	Fixed    bool // value holds no variable and is already unquoted
}

// Parse reads a Dockerfile with BuildKit's parser and collects every
// instruction that it refuses.
func Parse(data []byte) *File {
	p := &File{Escape: '\\', Named: map[string][]int{}, starts: lineStarts(data)}
	res, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		if n := longLine(data); n > 0 {
			p.Errs = append(p.Errs, Error{Msg: err.Error(), Line: n})
			return p
		}
		p.fail(err, 0)
		return p
	}
	p.Escape, p.Lex = res.EscapeToken, shell.NewLex(res.EscapeToken)
	for i, in := range readInstructions(res.AST.Children) {
		p.add(in, res.AST.Children[i])
		p.end = res.AST.Children[i].EndLine
	}
	if len(p.Stages) == 0 && len(p.Errs) == 0 {
		p.Errs = append(p.Errs, Error{Msg: "the file has no FROM, so there is no stage to build"})
	}
	p.endStage()
	for _, s := range p.Stages {
		s.finish(p.Lex)
	}
	return p
}

// longLine is the first line that is longer than BuildKit's parser takes, for
// which it does not say the place; 0 if there is none.
func longLine(data []byte) int {
	n := 0
	for line := range bytes.Lines(data) {
		if n++; len(line) > bufio.MaxScanTokenSize {
			return n
		}
	}
	return 0
}

func (p *File) fail(err error, line int) {
	var loc *parser.LocationError
	if errors.As(err, &loc) && len(loc.Locations) > 0 && len(loc.Locations[0]) > 0 {
		line = loc.Locations[0][0].Start.Line
	}
	p.Errs = append(p.Errs, Error{Msg: err.Error(), Line: line})
}

// instruction is what a line of a Dockerfile means, or why it means nothing.
type instruction struct {
	value any
	err   error
}

// silent is a linter that reports nothing.
var silent = linter.New(&linter.Config{})

// parseInstruction reads one instruction. BuildKit's own shorthand for it has
// no linter and fails on a "# check=" comment above the instruction.
func parseInstruction(node *parser.Node) (any, error) {
	return instructions.ParseInstructionWithLinter(node, silent)
}

// readInstructions reads each node by itself, those of a long file on several
// processors.
func readInstructions(nodes []*parser.Node) []instruction {
	const part = 512
	out := make([]instruction, len(nodes))
	var next atomic.Int64
	read := func() {
		for {
			end := int(next.Add(part))
			if end-part >= len(nodes) {
				return
			}
			for i := end - part; i < min(end, len(nodes)); i++ {
				out[i].value, out[i].err = parseInstruction(nodes[i])
			}
		}
	}
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0)-1, len(nodes)/part) {
		wait.Go(read)
	}
	read()
	wait.Wait()
	return out
}

func (p *File) add(in instruction, node *parser.Node) {
	if in.err != nil {
		p.fail(in.err, node.StartLine)
		p.lostFrom = p.lostFrom || len(suggest.Near(node.Value, []string{command.From}, 2)) > 0
		return
	}
	switch c := in.value.(type) {
	case *instructions.Stage:
		p.addStage(c, node)
	case *instructions.ArgCommand:
		if len(p.Stages) == 0 {
			p.Args = append(p.Args, c)
			return
		}
		p.addCmd(c, node)
	case instructions.Command:
		p.addCmd(c, node)
	}
}

func (p *File) addStage(c *instructions.Stage, node *parser.Node) {
	s := &Stage{
		Index: len(p.Stages), Name: c.Name, Base: c.BaseName, Platform: c.Platform,
		comments: node.StartLine,
		First:    node.StartLine, FromEnd: node.EndLine, Last: node.EndLine, Source: oneLine(c.SourceCode),
	}
	if s.Index > 0 && node.PrevComment != nil {
		s.comments = p.end + 1
	}
	p.endStage()
	p.Stages = append(p.Stages, s)
	if s.Name != "" {
		p.Named[s.Name] = append(p.Named[s.Name], s.Index)
	}
}

// endStage sums up the text of the last stage.
func (p *File) endStage() {
	if n := len(p.Stages); n > 0 {
		p.Stages[n-1].Sum = p.text.Hex()
	}
	p.text.Reset()
}

func (p *File) addCmd(c instructions.Command, node *parser.Node) {
	if p.lostFrom && len(p.Stages) == 0 {
		return // it belongs to the stage of the FROM that was refused
	}
	if len(p.Stages) == 0 {
		p.Errs = append(p.Errs, Error{
			Msg:  fmt.Sprintf("%s is before the first FROM, where only ARG may be", strings.ToUpper(node.Value)),
			Line: node.StartLine,
		})
		return
	}
	s := p.Stages[len(p.Stages)-1]
	k, text, err := newCmd(c, node)
	if err != nil {
		p.fail(err, node.StartLine)
		return
	}
	s.Cmds = append(s.Cmds, k)
	s.Last = max(s.Last, node.EndLine)
	p.text.Add(text...)
}

// finish fills what follows from the instructions of a stage.
func (s *Stage) finish(lex *shell.Lex) {
	for _, k := range s.Cmds {
		s.HasFiles = s.HasFiles || k.HasFiles
		switch c := k.Command.(type) {
		case *instructions.RunCommand:
			s.HasRun = true
		case *instructions.ArgCommand:
			for _, a := range c.Args {
				s.Decls = append(s.Decls, NewArg(a, lex))
			}
		}
	}
}

// NewArg reads one argument of an ARG instruction.
func NewArg(a instructions.KeyValuePairOptional, lex *shell.Lex) Arg {
	d := Arg{Key: a.Key}
	if a.Value == nil {
		return d
	}
	d.HasValue, d.Value = true, *a.Value
	if !strings.ContainsRune(d.Value, '$') {
		if v, _, err := lex.ProcessWord(d.Value, Variables(nil)); err == nil {
			d.Value, d.Fixed = v, true
		}
	}
	return d
}

// newCmd reads what an instruction refers to, and returns with it the parts
// of its text that define its work: all but the names of stages, which the
// digests of the stages stand for.
func newCmd(c instructions.Command, node *parser.Node) (*Cmd, []string, error) {
	k := &Cmd{Command: c, Text: cmdText(c, node), First: node.StartLine, Last: node.EndLine}
	text := []string{strings.ToLower(node.Value)}
	switch c := c.(type) {
	case *instructions.ArgCommand:
		for _, a := range c.Args {
			text = append(text, a.Key)
		}
		k.Words = text
		return k, text, nil
	case *instructions.CopyCommand:
		if c.From != "" {
			k.Froms = []From{{Name: c.From}}
		} else {
			k.HasFiles = len(c.SourcePaths) > 0
		}
	case *instructions.AddCommand:
		k.HasFiles = slices.ContainsFunc(c.SourcePaths, func(s string) bool { return !IsRemote(s) })
	case *instructions.RunCommand:
		k.readMounts(c, node.Flags)
	case *instructions.OnbuildCommand:
		triggers, err := parseTrigger(c.Expression, node)
		if err != nil {
			triggers = []*Cmd{{Command: c, Wrong: err, Text: cmdText(c, node)}}
		}
		k.Onbuild = triggers
	}
	text = append(text, strconv.FormatBool(node.Attributes["json"]))
	text = append(text, flagTexts(node)...)
	text = append(text, "")
	k.Words = appendArgs(text, node)
	return k, k.Words, nil
}

// appendArgs adds the words of an instruction and its heredocs.
func appendArgs(text []string, node *parser.Node) []string {
	for n := node.Next; n != nil; n = n.Next {
		text = append(text, n.Value)
		for _, child := range n.Children {
			text = append(text, child.Value)
			text = append(text, child.Flags...)
			text = appendArgs(text, child)
		}
	}
	for _, h := range node.Heredocs {
		text = append(text, h.Name, strconv.FormatBool(h.Expand), strconv.FormatBool(h.Chomp), h.Content)
	}
	return text
}

// flagTexts returns the flags of an instruction without the names of stages.
func flagTexts(node *parser.Node) []string {
	var out []string
	for _, f := range node.Flags {
		key, value, _ := strings.Cut(f, "=")
		switch {
		case strings.EqualFold(node.Value, "copy") && key == "--from":
			out = append(out, "--from")
		case strings.EqualFold(node.Value, "run") && key == "--mount":
			out = append(out, "--mount="+mountText(value))
		default:
			out = append(out, f)
		}
	}
	return out
}

// mountText returns the fields of a --mount without the name after from=.
func mountText(value string) string {
	fields := mountFields(value)
	for i, f := range fields {
		if k, _, _ := strings.Cut(f, "="); strings.EqualFold(k, "from") {
			fields[i] = "from"
		}
	}
	return strings.Join(fields, "\n")
}

// readMounts notes the stages that the mounts of a RUN name, and whether one
// of them may read the main context.
func (k *Cmd) readMounts(c *instructions.RunCommand, flags []string) {
	for i, m := range instructions.GetMounts(c) {
		if m.From != "" {
			k.Froms = append(k.Froms, From{Name: m.From, Mount: true, Nth: i})
		}
	}
	for _, f := range flags {
		if value, ok := strings.CutPrefix(f, "--mount="); ok && mayReadContext(mountFields(value)) {
			k.HasFiles = true
		}
	}
}

// mayReadContext says whether a mount may be a bind mount of the main
// context; its type may still be a variable.
func mayReadContext(fields []string) bool {
	for _, f := range fields {
		key, value, _ := strings.Cut(f, "=")
		switch strings.ToLower(key) {
		case "from":
			return false
		case "type":
			switch strings.ToLower(value) {
			case "cache", "tmpfs", "secret", "ssh":
				return false
			}
		}
	}
	return true
}

// parseTrigger reads the instruction of an ONBUILD.
func parseTrigger(expr string, at *parser.Node) ([]*Cmd, error) {
	res, err := parser.Parse(strings.NewReader(expr))
	if err != nil {
		return nil, parser.SetLocation(err, at.Location())
	}
	var out []*Cmd
	for _, node := range res.AST.Children {
		node.StartLine, node.EndLine = at.StartLine, at.EndLine
		in, err := parseInstruction(node)
		if err != nil {
			return nil, err
		}
		c, ok := in.(instructions.Command)
		if !ok {
			return nil, parser.WithLocation(fmt.Errorf("%s is not allowed as an ONBUILD trigger", strings.ToUpper(node.Value)), at.Location())
		}
		k, _, err := newCmd(c, node)
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, nil
}

func cmdText(c instructions.Command, node *parser.Node) string {
	if s, ok := c.(fmt.Stringer); ok {
		return oneLine(s.String())
	}
	return oneLine(node.Original)
}

func oneLine(s string) string {
	if !strings.ContainsAny(s, "\t\n\v\f\r\u0085\u00a0") && !strings.Contains(s, "  ") && strings.TrimSpace(s) == s {
		return s
	}
	return strings.Join(strings.Fields(s), " ")
}

// Find returns the index of the stage of that name in any case; the last one
// if several have it.
func (p *File) Find(name string) (int, bool) {
	at := p.Named[strings.ToLower(name)]
	if len(at) == 0 {
		return 0, false
	}
	return at[len(at)-1], true
}

// Before returns the last stage of that name before another one.
func (p *File) Before(name string, limit int) (int, bool) {
	at := p.Named[name]
	n, _ := slices.BinarySearch(at, limit)
	if n == 0 {
		return 0, false
	}
	return at[n-1], true
}
