package sharding

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/gitfact"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/pipeline"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/shellquote"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner/shard"
)

// NewCICommand makes the commands that set up CI systems.
func NewCICommand(e *planning.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ci",
		Short: "Set up CI systems",
		Long:  `ci writes the files by which a CI system builds the targets of a definition.`,
		Args:  helptext.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCIInitCommand(e))
	return cmd
}

// ciInitFlags are the flags of ci init.
type ciInitFlags struct {
	print, force bool
	output       string
	shards       int
}

func newCIInitCommand(e *planning.Session) *cobra.Command {
	var load planning.Flags
	var f ciInitFlags
	var names []string
	for _, s := range pipeline.Systems {
		names = append(names, cobra.CompletionWithDesc(s.Name, s.Title))
	}
	cmd := &cobra.Command{
		Use:   "init SYSTEM [TARGET…]",
		Short: "Write the pipeline of a CI system: plan, shards, merge",
		Long: `init writes the file of a CI system, made from the targets of the definition: a
job that divides them into shards, the jobs of the shards, and one that merges
and moves the tags. A pull request builds what it touches and pushes nothing; the
main branch and tags build and push all.

Where a cache block is written in CI, the stages that several shards need are
built once, before them. A file that is there and differs is not replaced unless
--force says so; the difference is printed.

Systems: ` + strings.Join(pipeline.Names(), ", ") + `.`,
		Example: `  orch ci init github
  orch ci init gitlab --print
  orch ci init circleci --shards 4 -f ci/build.hcl release`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return names, cobra.ShellCompDirectiveNoFileComp
			}
			return planning.CompleteTargets(e, &load)(cmd, args[1:], typed)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage.Errorf("say for which system: %s", strings.Join(pipeline.Names(), ", "))
			}
			return f.run(cmd, e, &load, args[0], args[1:])
		},
	}
	load.Register(cmd, e)
	flags := cmd.Flags()
	flags.BoolVar(&f.print, "print", false, "print the file, write nothing")
	flags.BoolVar(&f.force, "force", false, "replace the file if it is there")
	flags.StringVarP(&f.output, "output", "o", "", "the `FILE` to write (default: where the system looks for it)")
	flags.IntVar(&f.shards, "shards", 0, "`N` shards, for systems that have to know it beforehand (default: as many as orch plan --shards auto has now)")
	return cmd
}

func (f *ciInitFlags) run(cmd *cobra.Command, e *planning.Session, load *planning.Flags, name string, targets []string) error {
	system, ok := pipeline.Of(name)
	if !ok {
		return usage.Errorf("there is no CI system %q here; there are %s", name, strings.Join(pipeline.Names(), ", "))
	}
	if shards := cmd.Flags().Lookup("shards"); shards.Changed && (f.shards < 1 || f.shards > mostJobs) {
		return usage.Errorf("--shards %d: it must be between 1 and %d", f.shards, mostJobs)
	}
	path := f.output
	if path == "" {
		path = system.Path
	}
	project, err := f.project(cmd.Context(), e, load, targets)
	if err != nil {
		return err
	}
	text, err := pipeline.Write(name, *project)
	if err != nil {
		return err
	}
	if f.print {
		_, err := termtext.Raw(e.Stdout).Write(text)
		return err
	}
	if err := f.spare(e, path, text); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return usage.Errorf("writing the file of %s: %w", system.Title, err)
	}
	if err := output.WriteFile(path, text, 0o644); err != nil {
		return usage.Errorf("writing the file of %s: %w", system.Title, err)
	}
	fmt.Fprintf(e.Stdout, "wrote %s, for %s of %s\n", path, system.Title, termtext.Count(len(project.Targets), "target"))
	return nil
}

// spare refuses to replace a file that is there already, and prints by what it differs
// from the one that would be written.
func (f *ciInitFlags) spare(e *planning.Session, path string, text []byte) error {
	if _, err := os.Lstat(path); err != nil || f.force || !output.Replaceable(path) {
		return nil
	}
	there, err := os.ReadFile(path)
	if err != nil {
		return usage.Errorf("%s is there already; --force replaces it: %w", path, err)
	}
	if bytes.Equal(there, text) {
		return nil
	}
	if _, err := e.Stdout.Write(diff.Diff(path, there, path+" (of orch ci init)", text)); err != nil {
		return err
	}
	return usage.Errorf("%s is there already and differs; --force replaces it", path)
}

// project finds out what a pipeline has to know, as it is in CI.
func (f *ciInitFlags) project(ctx context.Context, e *planning.Session, load *planning.Flags, targets []string) (*pipeline.Project, error) {
	lookup := e.Lookup
	e.Lookup = func(name string) (string, bool) {
		if name == "CI" {
			return "true", true
		}
		return lookup(name)
	}
	if _, err := load.Open(e, nil); err != nil {
		return nil, err
	}
	cfg, err := load.Resolve(ctx, e, func(o *config.Options) { o.Targets, o.Host = targets, nil }, nil)
	if err != nil {
		return nil, err
	}
	plan, err := e.Planned(ctx, cfg, planning.Options{})
	if err != nil {
		return nil, err
	}
	known, err := (&PlanFlags{}).recorded(e)
	if err != nil {
		return nil, err
	}
	how := shard.Options{Count: f.shards, Most: mostJobs, By: shard.By{Target: true, Platform: true}, Times: known, BuildPlatform: machine.LocalPlatform()}
	file, err := shard.Make(plan, how)
	if err != nil {
		return nil, usage.Errorf("%w", err)
	}
	p := &pipeline.Project{
		Targets: cfg.Chosen, Flags: planFlags(load, cfg.Mask, targets), Main: "main", Shards: max(1, len(file.Shards)), Ref: "main",
	}
	if branch, _ := gitfact.Main("."); branch != "" {
		p.Main = branch
	}
	for _, name := range cfg.Chosen {
		t := cfg.Target(name)
		p.Tests = p.Tests || len(t.Tests) > 0
		p.Waves = p.Waves || t.Cache != nil && t.Cache.Write && t.Cache.Type != "none"
		for _, host := range hostsOf(t) {
			if !slices.Contains(p.Registries, host) {
				p.Registries = append(p.Registries, host)
			}
		}
	}
	slices.Sort(p.Registries)
	return p, nil
}

// hostsOf are the registries that a target has tags in.
func hostsOf(t *config.Target) []string {
	var out []string
	for _, tag := range t.Tags {
		if ref, err := registry.Parse(tag); err == nil {
			out = append(out, ref.Domain)
		}
	}
	return out
}

// planFlags is what the command line says of the definition, as a shell reads it.
func planFlags(l *planning.Flags, mask func(string) string, targets []string) string {
	var out []string
	add := func(flag string, values []string) {
		for _, v := range values {
			if mask(v) == v {
				out = append(out, flag, shellquote.Word(v))
			}
		}
	}
	add("-f", l.Files)
	add("--set", l.Overrides)
	add("--var", l.Vars)
	add("--var-file", l.VarFiles)
	for _, t := range targets {
		out = append(out, shellquote.Word(t))
	}
	return strings.Join(out, " ")
}
