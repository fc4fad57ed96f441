// Package compare has the commands that say what has changed: affected, between two
// commits, and explain, since an earlier run. Both take the digests of targets at two
// moments and print the difference. It builds nothing, and reaches no builder but to
// fetch a definition.
package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/gitfact"
	"github.com/orch-build/orch/internal/gittree"
	"github.com/orch-build/orch/internal/shellquote"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/load"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/affected"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/inputs"
)

// affectedFlags say what is compared.
type affectedFlags struct {
	// bases are those that were named; base is the one that is looked at.
	bases                    []string
	base, head, kind, format string
	lock                     string // the lock to compare with, in place of a base
	json, exact, resolve     bool
	present                  bool // names must be there at the head
}

// NewAffectedCommand makes the command that compares two commits.
func NewAffectedCommand(e *planning.Session) *cobra.Command {
	var load planning.Flags
	var flags affectedFlags
	cmd := &cobra.Command{
		Use:   "affected [TARGET…]",
		Short: "Say which targets differ between two commits, and by what",
		Long: `affected computes the digests of the targets at two states of the repository
and prints those that differ, with the first reason. Both states are read from
git's objects; nothing is checked out. A target is affected as well if it is new
or gone, or if something of it cannot be known.

The base is where --base and the head parted, or --base itself with --exact. In
a pull request of a CI service, --base is the branch that it goes to.

--lock compares the working tree with itself, as it was with another lock: which
targets an update of orch.lock.hcl touches.`,
		Example: `  orch affected --base origin/main
  orch affected --base v1.2 --head v1.3 --exact
  orch affected --base origin/main --format matrix
  orch affected --lock old.lock.hcl
  orch affected --base origin/main --format names | xargs -r orch bake`,
		ValidArgsFunction: planning.CompleteTargets(e, &load),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.check(e); err != nil {
				return err
			}
			list, err := flags.compareAll(cmd.Context(), e, &load, args)
			if err != nil {
				return err
			}
			return affected.Write(termtext.Raw(e.Stdout), flags.format, strings.Join(flags.bases, ", "), flags.head, list)
		},
	}
	load.Register(cmd, e)
	f := cmd.Flags()
	load.RegisterLook(f)
	f.StringArrayVar(&flags.bases, "base", nil, "the `REF` to compare with; may be repeated: what has changed since any of them")
	f.StringVar(&flags.head, "head", gittree.Worktree, "the `REF` that is compared, or worktree")
	f.StringVar(&flags.lock, "lock", "", "compare with what was locked by `FILE`, an older orch.lock.hcl")
	f.BoolVar(&flags.exact, "exact", false, "compare with --base itself, not with where it and the head parted")
	f.StringVar(&flags.kind, "kind", "publish", "what counts: `KIND` is publish, all that is published, or build, the images alone")
	f.StringVar(&flags.format, "format", "text", "`FORMAT` is "+strings.Join(affected.Formats, ", "))
	f.BoolVar(&flags.json, "json", false, "same as --format json")
	f.BoolVar(&flags.resolve, "resolve", false, "ask registries what the base images are")
	return cmd
}

// The kinds of changes that count: all of them, or only those by which images would
// come out different.
const (
	Published = "publish"
	Built     = "build"
)

// Narrow returns the targets that have changed since one of some
// revisions; none is true, and said, if there are none.
func Narrow(ctx context.Context, e *planning.Session, l *planning.Flags, args, bases []string, kind string) (names []string, none bool, err error) {
	if len(bases) == 0 {
		return args, false, nil
	}
	if slices.Contains(bases, "") {
		return nil, false, usage.Errorf("--affected takes the name of a branch, a tag or a commit")
	}
	flags := affectedFlags{bases: bases, head: gittree.Worktree, kind: kind, format: "names", present: true}
	list, err := flags.compareAll(ctx, e, l, args)
	if err != nil {
		return nil, false, err
	}
	names = affected.Names(list)
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		fmt.Fprintf(e.Stderr, "No target has changed since %s.\n", strings.Join(bases, " or "))
	}
	return names, len(names) == 0, nil
}

// RegisterAffected adds the flag of commands that take only what has changed.
func RegisterAffected(f *pflag.FlagSet, bases *[]string) {
	f.StringArrayVar(bases, "affected", nil, "only targets that have changed since `REF` and the working tree parted; may be repeated; see orch affected")
}

// check refuses what cannot be meant, and finds the base in the environment.
func (f *affectedFlags) check(e *planning.Session) error {
	if f.json {
		f.format = "json"
	}
	if len(f.bases) == 0 && f.lock == "" {
		f.bases = slices.DeleteFunc([]string{affected.Base(e.Getenv)}, func(b string) bool { return b == "" })
	}
	switch {
	case f.lock != "" && (len(f.bases) > 0 || f.head != gittree.Worktree):
		return usage.Errorf("--lock compares the working tree with itself: it goes with neither --base nor --head")
	case !slices.Contains(affected.Formats, f.format):
		return usage.Errorf("--format %q is not one of %s", f.format, strings.Join(affected.Formats, ", "))
	case f.kind != Published && f.kind != Built:
		return usage.Errorf("--kind %q is not one of publish, build", f.kind)
	case f.lock == "" && (len(f.bases) == 0 || slices.Contains(f.bases, "")):
		return usage.Errorf("--base REF says what to compare with, and no CI service says it")
	}
	return nil
}

// compareAll returns which of the named targets are affected since any of the
// bases, each with what it is since the first one that says so.
func (f *affectedFlags) compareAll(ctx context.Context, e *planning.Session, flagged *planning.Flags, args []string) ([]affected.Target, error) {
	if flagged.Offline && f.resolve {
		return nil, usage.Errorf("--resolve asks registries, and --offline forbids that")
	}
	head, err := f.state(ctx, e, flagged, args, f.head)
	if err != nil {
		return nil, err
	}
	if f.lock != "" {
		return f.compareLocks(ctx, e, flagged, args, head)
	}
	var out []affected.Target
	for _, f.base = range f.bases {
		list, err := f.compare(ctx, e, flagged, args, head)
		if err != nil {
			return nil, err
		}
		out = affected.Merge(out, list)
	}
	return out, nil
}

// compare returns which of the named targets are affected. Where the base
// cannot be read, these are all.
func (f *affectedFlags) compare(ctx context.Context, e *planning.Session, flagged *planning.Flags, args []string, head *side) ([]affected.Target, error) {
	rev, err := f.baseCommit(ctx)
	if err != nil {
		if len(head.lacks) > 0 {
			return nil, e.Report(head.unknown, head.texts)
		}
		e.Notices.Warn(f.missing(ctx, err))
		return head.named(nil, affected.All(head.State, head.broken, err.Error())), nil
	}
	base, err := f.state(ctx, e, flagged, args, rev)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if slices.ContainsFunc(head.lacks, func(name string) bool { return f.present || err != nil || slices.Contains(base.lacks, name) }) {
		return nil, e.Report(head.unknown, head.texts)
	}
	if err != nil {
		text := strings.SplitN(err.Error(), "\n", 2)[0]
		e.Notices.Warn(fmt.Sprintf("the definition at %s cannot be read, so that every target is affected: %s", f.base, text))
		return head.named(nil, affected.All(head.State, head.broken, "the definition at "+f.base+" cannot be read")), nil
	}
	kind := affected.Publish
	if f.kind == "build" {
		kind = affected.Build
	}
	list := affected.Compare(base.State, head.State, kind)
	return head.named(base, head.opened(head.unplanned(base, list))), nil
}

// compareLocks compares the working tree with itself under another lock.
func (f *affectedFlags) compareLocks(ctx context.Context, e *planning.Session, flagged *planning.Flags, args []string, head *side) ([]affected.Target, error) {
	if len(head.lacks) > 0 {
		return nil, e.Report(head.unknown, head.texts)
	}
	if _, err := os.Stat(f.lock); errors.Is(err, fs.ErrNotExist) {
		return nil, usage.Errorf("reading the lock to compare with, %s: it is not there. An earlier one is in git: %s", f.lock,
			shellquote.InText("git show HEAD~1:"+lock.FileName+" > "+shellquote.Word(f.lock)))
	}
	old := *flagged
	old.Lock = f.lock
	base, err := f.state(ctx, e, &old, args, f.head)
	if err != nil {
		return nil, err
	}
	kind := affected.Publish
	if f.kind == "build" {
		kind = affected.Build
	}
	return head.named(base, affected.Compare(base.State, head.State, kind)), nil
}

// missing says that the base is not there, and how it comes here.
func (f *affectedFlags) missing(ctx context.Context, err error) string {
	text := fmt.Sprintf("%s, so that every target is affected", err)
	if near := suggest.Name(f.base, gittree.Names(ctx, ".")); near != "" && near != f.base {
		return text + fmt.Sprintf("; did you mean %q?", near)
	}
	if cmd := gittree.Fetch(ctx, ".", f.base); cmd != "" {
		text += "; fetch it: " + cmd
	}
	return text
}

// baseCommit is the commit to compare with.
func (f *affectedFlags) baseCommit(ctx context.Context) (string, error) {
	base, err := gittree.Resolve(ctx, ".", f.base)
	if err != nil || f.exact {
		return base, err
	}
	head := f.head
	if head == gittree.Worktree {
		head = "HEAD"
	}
	return gittree.MergeBase(ctx, ".", base, head)
}

// side is the state of what was named, at one of the two revisions.
type side struct {
	*affected.State
	chosen []string // the targets that were named, or are in named groups
	// sensitive are the values that the definition of this side calls so.
	sensitive []string
	lacks     []string // the names that are not there
	// unknown says that, if there are any.
	unknown hcl.Diagnostics
	texts   map[string][]byte // the files that it is about
	open    map[string]string // why targets are open that may have no change
	// broken are the targets that cannot be planned, with the reason.
	broken map[string]string
}

// named keeps the targets that were named: others are in a state because they
// are linked to. Those that are gone were named at the base, which may be nil.
func (s *side) named(base *side, list []affected.Target) []affected.Target {
	return slices.DeleteFunc(list, func(t affected.Target) bool {
		if t.Change == "gone" {
			return base == nil || !slices.Contains(base.chosen, t.Name)
		}
		return !slices.Contains(s.chosen, t.Name)
	})
}

// unplanned has the targets be open that cannot be planned at one of the sides.
func (s *side) unplanned(base *side, list []affected.Target) []affected.Target {
	for i := range list {
		t := &list[i]
		if why := cmp.Or(s.broken[t.Name], base.broken[t.Name]); why != "" {
			t.Change, t.Reason = "open", why
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.broken)) {
		if !slices.ContainsFunc(list, func(t affected.Target) bool { return t.Name == name }) {
			list = append(list, affected.Target{Name: name, Change: "open", Reason: s.broken[name]})
		}
	}
	return list
}

// opened adds the targets that are open for what is outside of the repository.
func (s *side) opened(list []affected.Target) []affected.Target {
	for _, b := range s.Plan.Builds {
		name, reason := b.Name(), s.open[b.Name()]
		if reason == "" || slices.ContainsFunc(list, func(t affected.Target) bool { return t.Name == name }) {
			continue
		}
		sum := s.Digests.Target(b).Publication
		list = append(list, affected.Target{Name: name, Change: "open", Reason: reason, Before: sum, After: sum})
	}
	slices.SortFunc(list, func(a, b affected.Target) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// state reads the definition at a revision, and computes its digests.
func (f *affectedFlags) state(ctx context.Context, e *planning.Session, flagged *planning.Flags, args []string, rev string) (*side, error) {
	tree, err := gittree.Open(ctx, ".", rev)
	if err != nil {
		return nil, usage.Errorf("%w", err)
	}
	defer tree.Close()
	one := *flagged
	if args, err = one.Open(e, args); err != nil {
		return nil, err
	}
	defer one.Loader.Close()
	one.Loader.Disk = tree
	out := &side{}
	git := f.facts(ctx, rev)
	d, err := resolveAt(ctx, &one, git, args)
	if err != nil {
		return nil, err
	}
	if d.Diags.HasErrors() {
		// Names may be there at one side only.
		var there []string
		if there, out.lacks, err = divide(ctx, &one, args); err != nil {
			return nil, err
		}
		if len(out.lacks) == 0 {
			return nil, f.fault(e, rev, d.Diags, d.Texts)
		}
		out.unknown = d.Diags
		out.texts = d.Texts
		if len(there) == 0 {
			out.State = &affected.State{Plan: &planner.Plan{}}
			return out, nil
		}
		if d, err = resolveAt(ctx, &one, git, there); err != nil {
			return nil, err
		}
		if d.Diags.HasErrors() {
			return nil, f.fault(e, rev, d.Diags, d.Texts)
		}
	}
	out.chosen = d.Config.Chosen
	if out.State, out.broken, err = f.digests(ctx, e, affected.Outside{Tree: tree, May: one.MayRead}, d); err != nil {
		return nil, err
	}
	d.Config.Hide(out.Plan.Credentials...)
	out.sensitive = d.Config.Sensitive()
	out.open = affected.Outside{Tree: tree}.Open(out.Plan)
	return out, nil
}

// resolveAt reads the definition. Secrets, keys and destinations are of this
// machine and not of a revision: they are not looked at.
func resolveAt(ctx context.Context, l *planning.Flags, git func(dir, fact string) (any, error), args []string) (*load.Definition, error) {
	return l.Loader.Resolve(ctx, func(o *config.Options) { o.Targets, o.Host, o.Git = args, nil, git })
}

// facts are what git.sha and the like are at a revision.
func (f *affectedFlags) facts(ctx context.Context, rev string) func(dir, fact string) (any, error) {
	if rev == gittree.Worktree {
		return gitfact.Read
	}
	typed := f.head
	if rev != f.head {
		typed = f.base
	}
	branch := gittree.Branch(ctx, ".", typed)
	if branch == "" { // a commit or a tag, to be built on the branch that is checked out
		branch = gitfact.Branch(".")
	}
	commit, err := gittree.Resolve(ctx, ".", rev)
	return func(dir, fact string) (any, error) {
		if err != nil {
			return nil, err
		}
		return gitfact.At(dir, commit, branch, fact)
	}
}

// divide says which of the names the definition has. A definition that cannot
// be evaluated has them all: that is another fault.
func divide(ctx context.Context, l *planning.Flags, args []string) (there, lacks []string, err error) {
	d, err := l.Loader.Evaluate(ctx)
	if err != nil {
		return nil, nil, err
	}
	if d.Diags.HasErrors() {
		return args, nil, nil
	}
	for _, name := range args {
		if d.Evaluated.Has(name) {
			there = append(there, name)
		} else {
			lacks = append(lacks, name)
		}
	}
	return there, lacks, nil
}

// digests computes the digests of a definition, without the targets that cannot be
// planned.
func (f *affectedFlags) digests(ctx context.Context, e *planning.Session, files affected.Outside, d *load.Definition) (*affected.State, map[string]string, error) {
	dir, err := affected.WorkingFolder()
	if err != nil {
		return nil, nil, err
	}
	tree := files.Tree
	sets := planning.PoliciesIn(ctx, e, files)
	defer sets.Close()
	opt := planner.Options{Files: files, BuildPlatform: machine.LocalPlatform(), Dir: dir, Policies: sets.Of}
	plan, diags := planner.New(d.Config, opt)
	var broken map[string]string
	if diags.HasErrors() {
		var cfg *config.Config
		cfg, broken = affected.Whole(d.Config, opt, affected.Tree{Tree: tree})
		if plan, diags = planner.New(cfg, opt); diags.HasErrors() {
			return nil, nil, errors.New(diags.Errs()[0].Error())
		}
	}
	memory := e.ProjectMemory()
	defer memory.Save()
	s, err := affected.Compute(ctx, plan, inputs.Options{Tree: affected.Tree{Tree: tree}, Files: files}, digest.Options{
		Files: files, GitModes: true, Images: e.Images(planning.Lookup(f.resolve)), Memory: memory.Planner(), Project: dir,
	}, dir)
	return s, broken, err
}

// fault reports what is wrong at the head; what is wrong at the base is not a fault
// of the user now.
func (f *affectedFlags) fault(e *planning.Session, rev string, diags hcl.Diagnostics, texts map[string][]byte) error {
	if rev == f.head {
		return e.Report(diags, texts)
	}
	return errors.New(diags.Errs()[0].Error())
}
