package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/shlex"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/whole"
	"github.com/orch-build/orch/internal/scriptproc"
)

// TestDocumentSnippets goes through the code of all pages. Definitions are
// validated, sessions are run and their output is compared, of command lines
// the commands and flags are looked up. What a page cannot show in a way that
// can be run says why in a comment.
func TestDocumentSnippets(t *testing.T) {
	processes := newProcesses(t)
	for _, p := range documentation(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := newSnippets(t, p, processes)
			if folder := filepath.Dir(p.name); strings.HasPrefix(folder, "examples/") {
				s.copy(filepath.Join(docsRoot, folder))
			}
			for _, b := range p.blocks {
				s.block(b)
			}
		})
	}
}

// snippets tests the code of one page, whose blocks share a folder.
type snippets struct {
	*testing.T
	page    page
	dir     string
	process *scriptproc.Process // runs what needs no shell
}

// newProcesses is what pages run orch in.
func newProcesses(t *testing.T) *scriptproc.Pool {
	processes := &scriptproc.Pool{Name: "orch"}
	t.Cleanup(processes.Close)
	return processes
}

func newSnippets(t *testing.T, p page, processes *scriptproc.Pool) *snippets {
	s := &snippets{T: t, page: p, dir: t.TempDir(), process: processes.Process()}
	t.Cleanup(s.process.Close)
	return s
}

func (s *snippets) wrong(number int, format string, args ...any) {
	s.Helper()
	s.Errorf("%s:%d: %s", s.page.name, number, fmt.Sprintf(format, args...))
}

func (s *snippets) block(b codeBlock) {
	if b.in != "" {
		s.enter(b)
	}
	if b.file != "" {
		s.write(b.file, b.text)
	}
	switch {
	case b.language == "" || b.language == "sh":
		s.commands(b)
	case b.notRun != "" || b.file != "" && b.language != "hcl":
	case b.language == "hcl":
		s.definition(b)
	case b.language == "yaml":
		s.yaml(b)
	case b.language == "text" && strings.HasPrefix(s.page.name, "docs/cli/"):
		// It is made from the command.
	default:
		s.wrong(b.number, "nothing runs this block of %q; say why in a comment above it: <!-- not run: REASON -->", b.language)
	}
}

// copy begins with the files of a folder.
func (s *snippets) copy(folder string) {
	if err := os.CopyFS(s.dir, os.DirFS(folder)); err != nil {
		s.Fatal(err)
	}
}

// enter begins a folder with the files of docs/testdata.
func (s *snippets) enter(b codeBlock) {
	s.dir = s.TempDir()
	archive, err := txtar.ParseFile(filepath.Join(docsRoot, "docs/testdata", b.in+".txtar"))
	if err != nil {
		s.Fatal(err)
	}
	for _, f := range archive.Files {
		s.write(f.Name, string(f.Data))
	}
}

func (s *snippets) write(name, text string) {
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.Fatal(err)
	}
}

// definition validates a definition, as build.hcl if it has no name.
func (s *snippets) definition(b codeBlock) {
	if b.file == "" {
		b.file = "build.hcl"
		s.write(b.file, b.text)
	}
	if out, err := s.run(s.env(), "validate", "--allow", "fs=*", "-f", b.file); err != nil {
		s.wrong(b.number, "%v\n%s", err, out)
	}
}

func (s *snippets) env() []string {
	return append(os.Environ(), "ORCH_STATE_DIR="+filepath.Join(s.dir, ".state"), "NO_COLOR=1", "LC_ALL=C.UTF-8")
}

// run runs orch, without a shell, in the process of the page.
func (s *snippets) run(env []string, args ...string) (string, error) {
	stdout, stderr, code, err := s.process.Run(s.dir, append(env, "PWD="+s.dir), args)
	if err == nil && code != 0 {
		err = fmt.Errorf("exit code %d", code)
	}
	return stdout + stderr, err
}

// shell runs a command line, and returns what it prints.
func (s *snippets) shell(env []string, command string) (string, error) {
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir, cmd.Env = s.dir, env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// commands tests a block of command lines. One whose first line begins with a
// "$ " is a session: what follows a command is what it prints.
func (s *snippets) commands(b codeBlock) {
	lines := strings.Split(strings.TrimSuffix(b.text, "\n"), "\n")
	session := strings.HasPrefix(lines[0], "$ ")
	for i := 0; i < len(lines); i++ {
		number := b.number + 1 + i
		if !session {
			s.commandLine(number, lines[i], b.notRun)
			continue
		}
		command := strings.TrimPrefix(lines[i], "$ ")
		s.commandLine(number, command, b.notRun)
		from := i + 1
		for i+1 < len(lines) && !strings.HasPrefix(lines[i+1], "$ ") {
			i++
		}
		if b.notRun == "" {
			s.session(number, command, lines[from:i+1])
		}
	}
}

// session runs one command and compares what it prints. A line "…" stands for
// any number of lines.
func (s *snippets) session(number int, command string, want []string) {
	out, err := s.shell(s.env(), command)
	if !matches(strings.Split(strings.TrimSuffix(out, "\n"), "\n"), want) {
		s.wrong(number, "%s prints (%v)\n%s", command, err, out)
	}
}

func matches(got, want []string) bool {
	switch {
	case len(want) == 0:
		return len(got) == 0 || len(got) == 1 && got[0] == ""
	case want[0] == "…":
		for i := range len(got) + 1 {
			if matches(got[i:], want[1:]) {
				return true
			}
		}
		return false
	}
	return len(got) > 0 && strings.TrimRight(got[0], " ") == strings.TrimRight(want[0], " ") && matches(got[1:], want[1:])
}

var setsVariable = regexp.MustCompile(`^[A-Za-z_]+=`)

// commandLine looks up the commands of a line, and the flags of orch.
func (s *snippets) commandLine(number int, text, notRun string) {
	words, err := shlex.Split(text)
	if err != nil {
		s.wrong(number, "%v", err)
		return
	}
	for _, words := range splitPipe(words) {
		for len(words) > 0 && setsVariable.MatchString(words[0]) {
			words = words[1:]
		}
		switch {
		case len(words) == 0:
		case words[0] == "orch":
			s.orch(number, words[1:])
		case words[0] == "make":
			s.makeTargets(number, words[1:])
		case notRun == "" && !slices.Contains([]string{"jq", "dot", "cd", "echo", "xargs"}, words[0]):
			s.wrong(number, "nothing runs %q; say why in a comment above the block: <!-- not run: REASON -->", words[0])
		}
	}
}

// splitPipe returns the commands of a line.
func splitPipe(words []string) [][]string {
	var commands [][]string
	var command []string
	redirect := false
	for _, w := range words {
		switch {
		case w == "|" || w == "&&" || w == ";":
			commands, command = append(commands, command), nil
		case w == ">" || w == "<":
			redirect = true
		case redirect:
			redirect = false
		case strings.HasPrefix(w, ">"):
		default:
			command = append(command, w)
		}
	}
	return append(commands, command)
}

// orch parses a command line of orch as the command does.
func (s *snippets) orch(number int, args []string) {
	root := newRootCommand(planning.New(machine.New(cli.OS(), whole.Parts{})), nil)
	cmd, rest, err := root.Find(args)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil && !cmd.HasParent() && len(cmd.Flags().Args()) > 0 {
		err = fmt.Errorf("there is no command %q", cmd.Flags().Arg(0))
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil {
		s.wrong(number, "orch %s: %v", strings.Join(args, " "), err)
	}
}

// makeTargets looks up targets of the Makefile.
func (s *snippets) makeTargets(number int, words []string) {
	makefile, err := os.ReadFile(filepath.Join(docsRoot, "Makefile"))
	if err != nil {
		s.Fatal(err)
	}
	for _, w := range words {
		if !strings.Contains(w, "=") && !strings.Contains(string(makefile), "\n"+w+":") {
			s.wrong(number, "the Makefile has no target %s", w)
		}
	}
}

// ciExpression is what GitHub replaces before a command runs.
var ciExpression = regexp.MustCompile(`\$\{\{.*?\}\}`)

// yaml tests the command lines in a recipe of a CI service.
func (s *snippets) yaml(b codeBlock) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(b.text), &doc); err != nil {
		s.wrong(b.number, "%v", err)
		return
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			for i, l := range strings.Split(n.Value, "\n") {
				if strings.HasPrefix(strings.TrimSpace(l), "orch ") {
					s.commandLine(b.number+n.Line+i, ciExpression.ReplaceAllString(l, "x"), "")
				}
			}
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(&doc)
}

var (
	inlineCode = regexp.MustCompile("`([^`]+)`")
	longFlag   = regexp.MustCompile(`(?:^|[\s(|\[])(--[a-z][a-z-]*)`)
)

// foreignFlags are flags of other programs that pages mention.
var foreignFlags = strings.Fields(`--from --mount --parents --exclude --keep --cache-from --platform
	--short --target --build-arg --secret --build-context --remote-cache --cache-hint --checksum
	--assume-unchanged --skip-worktree --to --unsigned --allow-untrusted`)

// TestDocumentFlags looks up the flags that the text of pages mentions.
func TestDocumentFlags(t *testing.T) {
	root := newRootCommand(planning.New(machine.New(cli.OS(), whole.Parts{})), nil)
	all := map[string]bool{}
	for _, cmd := range allCommands(root) {
		for _, name := range flagNames(cmd) {
			all[name] = true
		}
	}
	for _, p := range documentation(t) {
		for _, l := range p.text {
			for _, m := range inlineCode.FindAllStringSubmatch(l.text, -1) {
				known := all
				if args, ok := strings.CutPrefix(m[1], "orch "); ok {
					known = flagsOf(root, args)
				}
				for _, f := range longFlag.FindAllStringSubmatch(strings.ReplaceAll(m[1], `\|`, "|"), -1) {
					if !known[f[1]] && !slices.Contains(foreignFlags, f[1]) {
						t.Errorf("%s:%d: in `%s`, %s is not a flag", p.name, l.number, m[1], f[1])
					}
				}
			}
		}
	}
}

func flagsOf(root *cobra.Command, args string) map[string]bool {
	known := map[string]bool{}
	cmd, _, _ := root.Find(strings.Fields(strings.ReplaceAll(args, `\|`, " ")))
	if cmd == nil {
		return known
	}
	for _, name := range flagNames(cmd) {
		known[name] = true
	}
	return known
}

func flagNames(cmd *cobra.Command) []string {
	names := []string{"--help"}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	return names
}
