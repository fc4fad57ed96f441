package planner

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

	"github.com/agext/levenshtein"
	"github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// parsed is the text of a Dockerfile, read once whatever the number of files
// and targets that have it. It knows nothing of arguments.
type parsed struct {
	stages []*stage
	// args are the ARG instructions before the first FROM.
	args   []*instructions.ArgCommand
	escape rune
	lex    *shell.Lex // for that escape character
	// named holds the indexes of the stages of each name, in order.
	named map[string][]int
	errs  []parseError
	// suspect are the stages whose names are looked at for every target; see
	// suspects.
	suspect   []*stage
	suspected bool
	// starts holds where each line begins.
	starts []int
	// lostFrom is true if a FROM, or a misspelt one, could not be read.
	lostFrom bool
	// end is the last line of the instruction before the current one.
	end int
	// text takes what is written in the last stage, for its sum.
	text digest
}

// parseError is what BuildKit's parser refuses, and where.
type parseError struct {
	msg  string
	line int // from 1; 0 if it concerns the whole file
}

// stage is one stage as written.
type stage struct {
	index    int
	name     string // in lower case; "" if it has none
	base     string // with variables
	platform string // with variables; "" if not written
	cmds     []*cmd
	decls    []argDecl
	sum      string // of what is written in it, but names of stages
	comments int    // first of the comment lines above FROM, or first
	first    int    // line of FROM, from 1
	fromEnd  int    // last line of FROM
	last     int    // last line of its last instruction
	source   string // FROM as written
	hasRun   bool
	hasFiles bool // some instruction may read the main context
}

// shown is how a message and a vertex call the stage.
func (s *stage) shown() string {
	if s.name != "" {
		return s.name
	}
	return strconv.Itoa(s.index)
}

// cmd is one instruction.
type cmd struct {
	instructions.Command
	text    string   // on one line, as written
	words   []string // what defines its work; see newCmd
	froms   []from
	onbuild []*cmd // what an ONBUILD instruction triggers
	// wrong is why a triggered instruction means nothing. BuildKit reads it when
	// a stage starts from this one, and not before.
	wrong    error
	hasFiles bool // may read the main context
	first    int
	last     int
}

// from is a name after --from= or from=.
type from struct {
	name  string
	mount bool
	nth   int // which mount of the instruction it belongs to
}

// argDecl is one ARG of a stage.
type argDecl struct {
	key      string
	value    string // its default
	hasValue bool
	fixed    bool // value holds no variable and is already unquoted
}

// parse reads a Dockerfile with BuildKit's parser and collects every
// instruction that it refuses.
func parse(data []byte) *parsed {
	p := &parsed{escape: '\\', named: map[string][]int{}, starts: lineStarts(data)}
	res, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		if n := longLine(data); n > 0 {
			p.errs = append(p.errs, parseError{msg: err.Error(), line: n})
			return p
		}
		p.fail(err, 0)
		return p
	}
	p.escape, p.lex = res.EscapeToken, shell.NewLex(res.EscapeToken)
	for i, in := range readInstructions(res.AST.Children) {
		p.add(in, res.AST.Children[i])
		p.end = res.AST.Children[i].EndLine
	}
	if len(p.stages) == 0 && len(p.errs) == 0 {
		p.errs = append(p.errs, parseError{msg: "the file has no FROM, so there is no stage to build"})
	}
	p.endStage()
	for _, s := range p.stages {
		s.finish(p.lex)
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

func (p *parsed) fail(err error, line int) {
	var loc *parser.LocationError
	if errors.As(err, &loc) && len(loc.Locations) > 0 && len(loc.Locations[0]) > 0 {
		line = loc.Locations[0][0].Start.Line
	}
	p.errs = append(p.errs, parseError{msg: err.Error(), line: line})
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

func (p *parsed) add(in instruction, node *parser.Node) {
	if in.err != nil {
		p.fail(in.err, node.StartLine)
		p.lostFrom = p.lostFrom || levenshtein.Distance(strings.ToLower(node.Value), command.From, nil) <= 2
		return
	}
	switch c := in.value.(type) {
	case *instructions.Stage:
		p.addStage(c, node)
	case *instructions.ArgCommand:
		if len(p.stages) == 0 {
			p.args = append(p.args, c)
			return
		}
		p.addCmd(c, node)
	case instructions.Command:
		p.addCmd(c, node)
	}
}

func (p *parsed) addStage(c *instructions.Stage, node *parser.Node) {
	s := &stage{
		index: len(p.stages), name: c.Name, base: c.BaseName, platform: c.Platform,
		comments: node.StartLine,
		first:    node.StartLine, fromEnd: node.EndLine, last: node.EndLine, source: oneLine(c.SourceCode),
	}
	if s.index > 0 && node.PrevComment != nil {
		s.comments = p.end + 1
	}
	p.endStage()
	p.stages = append(p.stages, s)
	if s.name != "" {
		p.named[s.name] = append(p.named[s.name], s.index)
	}
}

// endStage sums up the text of the last stage.
func (p *parsed) endStage() {
	if n := len(p.stages); n > 0 {
		p.stages[n-1].sum = p.text.hex()
	}
	p.text.reset()
}

func (p *parsed) addCmd(c instructions.Command, node *parser.Node) {
	if p.lostFrom && len(p.stages) == 0 {
		return // it belongs to the stage of the FROM that was refused
	}
	if len(p.stages) == 0 {
		p.errs = append(p.errs, parseError{
			msg:  fmt.Sprintf("%s stands before the first FROM, where only ARG may stand", strings.ToUpper(node.Value)),
			line: node.StartLine,
		})
		return
	}
	s := p.stages[len(p.stages)-1]
	k, text, err := newCmd(c, node)
	if err != nil {
		p.fail(err, node.StartLine)
		return
	}
	s.cmds = append(s.cmds, k)
	s.last = max(s.last, node.EndLine)
	p.text.add(text...)
}

// finish fills what follows from the instructions of a stage.
func (s *stage) finish(lex *shell.Lex) {
	for _, k := range s.cmds {
		s.hasFiles = s.hasFiles || k.hasFiles
		switch c := k.Command.(type) {
		case *instructions.RunCommand:
			s.hasRun = true
		case *instructions.ArgCommand:
			for _, a := range c.Args {
				s.decls = append(s.decls, newArgDecl(a, lex))
			}
		}
	}
}

func newArgDecl(a instructions.KeyValuePairOptional, lex *shell.Lex) argDecl {
	d := argDecl{key: a.Key}
	if a.Value == nil {
		return d
	}
	d.hasValue, d.value = true, *a.Value
	if !strings.ContainsRune(d.value, '$') {
		if v, _, err := lex.ProcessWord(d.value, variables(nil)); err == nil {
			d.value, d.fixed = v, true
		}
	}
	return d
}

// newCmd reads what an instruction refers to, and returns with it the parts
// of its text that define its work: all but the names of stages, which the
// digests of the stages stand for.
func newCmd(c instructions.Command, node *parser.Node) (*cmd, []string, error) {
	k := &cmd{Command: c, text: cmdText(c, node), first: node.StartLine, last: node.EndLine}
	text := []string{strings.ToLower(node.Value)}
	switch c := c.(type) {
	case *instructions.ArgCommand:
		for _, a := range c.Args {
			text = append(text, a.Key)
		}
		k.words = text
		return k, text, nil
	case *instructions.CopyCommand:
		if c.From != "" {
			k.froms = []from{{name: c.From}}
		} else {
			k.hasFiles = len(c.SourcePaths) > 0
		}
	case *instructions.AddCommand:
		k.hasFiles = slices.ContainsFunc(c.SourcePaths, func(s string) bool { return !isRemote(s) })
	case *instructions.RunCommand:
		k.readMounts(c, node.Flags)
	case *instructions.OnbuildCommand:
		triggers, err := parseTrigger(c.Expression, node)
		if err != nil {
			triggers = []*cmd{{Command: c, wrong: err, text: cmdText(c, node)}}
		}
		k.onbuild = triggers
	}
	text = append(text, strconv.FormatBool(node.Attributes["json"]))
	text = append(text, flagTexts(node)...)
	text = append(text, "")
	k.words = appendArgs(text, node)
	return k, k.words, nil
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
func (k *cmd) readMounts(c *instructions.RunCommand, flags []string) {
	for i, m := range instructions.GetMounts(c) {
		if m.From != "" {
			k.froms = append(k.froms, from{name: m.From, mount: true, nth: i})
		}
	}
	for _, f := range flags {
		if value, ok := strings.CutPrefix(f, "--mount="); ok && mayReadContext(mountFields(value)) {
			k.hasFiles = true
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
func parseTrigger(expr string, at *parser.Node) ([]*cmd, error) {
	res, err := parser.Parse(strings.NewReader(expr))
	if err != nil {
		return nil, parser.SetLocation(err, at.Location())
	}
	var out []*cmd
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
