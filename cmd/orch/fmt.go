package main

import (
	"bytes"
	"errors"
	"fmt"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/load"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/schema"
	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/internal/termtext"
)

// errUnformatted says that --check found something to do.
var errUnformatted = errors.New("not in the standard format")

// fmtFlags are the flags of fmt.
type fmtFlags struct {
	check     bool
	diff      bool
	recursive bool
}

func newFmtCommand(e *env) *cobra.Command {
	var f fmtFlags
	cmd := &cobra.Command{
		Use:   "fmt [PATH…]",
		Short: "Write definitions in HCL's standard format",
		Long: `fmt rewrites HCL files in the standard format, which is that of HCL's own
formatter, and prints the names of those that it changed. A PATH is a file, a
folder, which stands for the *.hcl files in it, or - for standard input, whose
formatted text goes to standard output. Without one it is the current folder.

A file with a syntax error is reported and left alone, and so is one that is
formatted already. With --check or --diff no file is written.

Exit codes: 0 done, 1 --check found an unformatted file, 2 a wrong file.`,
		Example: `  orch fmt                  format the files of this folder
  orch fmt --check          is everything formatted? lists what is not
  orch fmt --diff -r ci     show what would change, in sub-folders too
  orch fmt - <in.hcl`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: cobra.FixedCompletions([]string{"hcl"}, cobra.ShellCompDirectiveFilterFileExt),
		RunE: func(_ *cobra.Command, args []string) error {
			return f.run(e, args)
		},
	}
	cmd.Flags().BoolVar(&f.check, "check", false, "write nothing; exit with 1 if a file is not formatted")
	cmd.Flags().BoolVar(&f.diff, "diff", false, "write nothing; print what would change")
	cmd.Flags().BoolVarP(&f.recursive, "recursive", "r", false, "go into sub-folders too")
	return cmd
}

// fmtArgs lets fmt be called as other formatters are, with one dash before a
// long flag: -check, -diff.
func fmtArgs(args []string) []string {
	if len(args) == 0 || args[0] != "fmt" {
		return args
	}
	args = slices.Clone(args)
	for i, a := range args {
		switch a {
		case "--":
			return args
		case "-check", "-diff", "-recursive":
			args[i] = "-" + a
		}
	}
	return args
}

// run formats what the arguments stand for. A file that is wrong does not
// keep the others from being formatted.
func (f *fmtFlags) run(e *env, args []string) error {
	if len(args) == 0 {
		args = []string{"."}
	}
	files, wrong := f.files(e, args)
	changed := false
	for _, name := range files {
		c, err := f.format(e, name)
		var reported *errReported
		switch {
		case errors.As(err, &reported):
			wrong = err
		case usage.Is(err):
			wrong = e.wrongFile(err)
		case err != nil:
			return err
		}
		changed = changed || c
	}
	if wrong == nil && f.check && changed {
		return &errReported{code: exitFailed, err: errUnformatted}
	}
	return wrong
}

// wrongFile reports a file that is not formatted. The others are.
func (e *env) wrongFile(err error) error {
	e.diag().PrintError(err)
	return &errReported{code: exitUsage, err: err}
}

// files lists the files that the arguments stand for, each once. It reports
// the arguments that stand for none, and returns the last of these faults.
func (f *fmtFlags) files(e *env, args []string) (out []string, wrong error) {
	for _, arg := range args {
		files, err := f.filesOf(arg)
		if err != nil {
			wrong = e.wrongFile(err)
		}
		out = append(out, files...)
	}
	slices.Sort(out)
	return slices.Compact(out), wrong
}

// filesOf lists the files that one argument stands for.
func (f *fmtFlags) filesOf(arg string) ([]string, error) {
	if arg == "-" {
		return []string{arg}, nil
	}
	info, err := os.Stat(arg)
	if err != nil {
		return nil, fmt.Errorf("formatting: %w", err)
	}
	if info.IsDir() {
		files, err := f.folder(arg)
		if err != nil {
			return nil, fmt.Errorf("formatting: %w", err)
		}
		return files, nil
	}
	if !f.check && !f.diff && !output.Replaceable(arg) {
		return nil, fmt.Errorf("formatting %s: it is not a regular file; to format what comes from a stream, write -", arg)
	}
	if syntax, ok := schema.SyntaxOf(arg); ok && syntax != schema.HCL {
		return nil, fmt.Errorf("formatting %s: only HCL files are formatted", arg)
	}
	return []string{arg}, nil
}

// folder lists the HCL files of a folder. Hidden folders are passed over, and
// links are not followed into others.
func (f *fmtFlags) folder(root string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == root:
			return nil
		case d.IsDir() && (!f.recursive || strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case !d.IsDir() && filepath.Ext(path) == ".hcl":
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				out = append(out, path)
			}
		}
		return nil
	})
	return out, err
}

// format formats one file and says whether that changes it.
func (f *fmtFlags) format(e *env, name string) (bool, error) {
	src, err := readHCL(e, name)
	if err != nil {
		return false, usage.Wrap(err)
	}
	out, diags := formatted(name, src)
	if diags.HasErrors() {
		return false, e.report(diags, map[string][]byte{name: src})
	}
	changed := !bytes.Equal(src, out)
	switch {
	case f.diff:
		_, err = e.diffOut().Write(diff.Diff(shownName(name), src, shownName(name)+" (formatted)", out))
	case name == "-" && !f.check:
		_, err = termtext.Raw(e.stdout).Write(out)
	case changed:
		fmt.Fprintln(e.stdout, shownName(name))
		if !f.check {
			err = writeFormatted(name, out)
		}
	}
	return changed, err
}

func shownName(name string) string {
	if name == "-" {
		return "<stdin>"
	}
	return name
}

// formatted returns the text in the standard format. The text must be right:
// the formatter would shift the words of a wrong one about.
func formatted(name string, src []byte) ([]byte, hcl.Diagnostics) {
	if f, diags := schema.ParseAs(schema.HCL, name, src, schema.Bake); f.Broken {
		return nil, diags
	}
	out := hclwrite.Format(src)
	if f, _ := schema.ParseAs(schema.HCL, name, out, schema.Bake); f.Broken {
		return src, nil
	}
	return out, nil
}

// writeFormatted replaces the text of a file, which is there.
func writeFormatted(name string, text []byte) error {
	if err := output.WriteFile(name, text, 0o644); err != nil {
		return fmt.Errorf("writing %w", err)
	}
	return nil
}

// diffOut is where a difference goes: as it is to a program, such as patch, and
// harmless to a terminal or to the log of a CI service.
func (e *env) diffOut() io.Writer {
	if termtext.IsTerminal(e.stdout) || e.getenv("CI") != "" {
		return e.stdout
	}
	return termtext.Raw(e.stdout)
}

// readHCL reads a file, or standard input.
func readHCL(e *env, name string) ([]byte, error) {
	if name == "-" {
		return e.readStdin()
	}
	return load.ReadFile(name)
}
