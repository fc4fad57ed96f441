package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/load"
	"github.com/orch-build/orch/schema/hclfmt"
)

// errUnformatted says that --check found something to do.
var errUnformatted = errors.New("not in the standard format")

// fmtFlags are the flags of fmt.
type fmtFlags struct {
	check     bool
	diff      bool
	recursive bool
}

func newFmtCommand(e *planning.Session) *cobra.Command {
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

// run formats what the arguments stand for. A file that is wrong does not
// keep the others from being formatted.
func (f *fmtFlags) run(e *planning.Session, args []string) error {
	if len(args) == 0 {
		args = []string{"."}
	}
	files, wrong := f.files(e, args)
	changed := false
	for _, name := range files {
		c, err := f.format(e, name)
		var reported *cli.Failure
		switch {
		case errors.As(err, &reported):
			wrong = err
		case usage.Is(err):
			wrong = wrongFile(e, err)
		case err != nil:
			return err
		}
		changed = changed || c
	}
	if wrong == nil && f.check && changed {
		return &cli.Failure{Code: cli.ExitFailed, Err: errUnformatted}
	}
	return wrong
}

// wrongFile reports a file that is not formatted. The others are.
func wrongFile(e *planning.Session, err error) error {
	e.Diag().PrintError(err)
	return &cli.Failure{Code: cli.ExitUsage, Err: err}
}

// files lists the files that the arguments stand for, each once. It reports
// the arguments that stand for none, and returns the last of these faults.
func (f *fmtFlags) files(e *planning.Session, args []string) (out []string, wrong error) {
	for _, arg := range args {
		files, err := hclfmt.Find(arg, hclfmt.Options{Recursive: f.recursive, Writes: !f.check && !f.diff})
		if err != nil {
			wrong = wrongFile(e, err)
		}
		out = append(out, files...)
	}
	slices.Sort(out)
	return slices.Compact(out), wrong
}

// format formats one file and says whether that changes it.
func (f *fmtFlags) format(e *planning.Session, name string) (bool, error) {
	src, err := readHCL(e, name)
	if err != nil {
		return false, usage.Wrap(err)
	}
	out, diags := hclfmt.Format(shownName(name), src)
	if diags.HasErrors() {
		return false, e.Report(diags, map[string][]byte{shownName(name): src})
	}
	changed := !bytes.Equal(src, out)
	switch {
	case f.diff:
		_, err = diffOut(e).Write(diff.Diff(shownName(name), src, shownName(name)+" (formatted)", out))
	case name == "-" && !f.check:
		_, err = termtext.Raw(e.Stdout).Write(out)
	case changed:
		fmt.Fprintln(e.Stdout, shownName(name))
		if !f.check {
			err = hclfmt.Write(name, out)
		}
	}
	return changed, err
}

func shownName(name string) string {
	if name == "-" {
		return config.Stdin
	}
	return name
}

// diffOut is where a difference goes: as it is to a program, such as patch, and
// harmless to a terminal or to the log of a CI service.
func diffOut(e *planning.Session) io.Writer {
	if termtext.IsTerminal(e.Stdout) || e.Getenv("CI") != "" {
		return e.Stdout
	}
	return termtext.Raw(e.Stdout)
}

// readHCL reads a file, or standard input.
func readHCL(e *planning.Session, name string) ([]byte, error) {
	if name == "-" {
		return e.ReadStdin()
	}
	return load.ReadFile(name)
}
