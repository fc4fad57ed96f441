package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/netfault"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/embedded"
	"github.com/orch-build/orch/runner/publish"
)

// publishModes are the values of --publish.
var publishModes = []string{"auto", "together", "each"}

// together says whether the tags of a run move in one phase at its end.
func together(plan *planner.Plan, opt runOptions) bool {
	if opt.publish != "auto" {
		return opt.publish == "together"
	}
	pushed, tested := 0, false
	for _, b := range plan.Builds {
		if pushes(b) {
			pushed++
			tested = tested || len(b.Target.Tests) > 0
		}
	}
	return pushed > 1 || tested || unpublishedEarlier(opt.earlier) > 0
}

// pushes says whether any output of a build goes to a registry.
func pushes(b *planner.Build) bool {
	return slices.ContainsFunc(b.Target.Outputs, func(o config.Output) bool { return o.Push })
}

func unpublishedEarlier(earlier []*runner.RecordTarget) int {
	n := 0
	for _, t := range earlier {
		n += len(t.Unpublished)
	}
	return n
}

// unpublished lists the tags that a run, and the one that it goes on from,
// have not moved.
func unpublished(report *runner.Report, earlier []*runner.RecordTarget) []publish.Move {
	var moves []publish.Move
	add := func(tags []runner.Tag) {
		for _, t := range tags {
			moves = append(moves, publish.Move{Ref: publish.Ref{Name: t.Name, Insecure: t.Insecure}, New: t.Digest})
		}
	}
	for _, t := range earlier {
		add(t.Unpublished)
	}
	for _, t := range report.Targets {
		if t.Result != nil {
			add(t.Result.Unpublished)
		}
	}
	return moves
}

// publication is what a run has to publish, and how.
type publication struct {
	*publish.Publisher
	// far are the registries that orch does not reach, with the reasons: there
	// the builder moves the tags.
	far map[string]error
}

// byDigest says of which registries images are pushed without their tags; it is
// nil if of none.
func (p *publication) byDigest() func(domain string) bool {
	if p == nil {
		return nil
	}
	return func(domain string) bool { return p.far[domain] == nil }
}

// last says of which targets the builder moves tags; it is nil if of none.
func (p *publication) last() func(*planner.Build) bool {
	if p == nil || len(p.far) == 0 {
		return nil
	}
	return func(b *planner.Build) bool { return len(p.farRefs(b)) > 0 }
}

// farRefs are the tags of a target that the builder moves.
func (p *publication) farRefs(b *planner.Build) []publish.Ref {
	return slices.DeleteFunc(pushedRefs(b), func(r publish.Ref) bool { return p.far[domainOf(r)] == nil })
}

func domainOf(r publish.Ref) string {
	ref, err := registry.Parse(r.Name, r.Insecure)
	if err != nil {
		return ""
	}
	return ref.Domain
}

// pushedRefs are the tags that the outputs of a build push.
func pushedRefs(b *planner.Build) []publish.Ref {
	var out []publish.Ref
	for _, o := range b.Target.Outputs {
		if !o.Push || o.ByDigest {
			continue
		}
		names := b.Target.Tags
		if len(names) == 0 {
			names = o.Names
		}
		for _, name := range names {
			ref, err := registry.Parse(strings.TrimSpace(name), o.Insecure)
			if err == nil {
				out = append(out, publish.Ref{Name: ref.String() + ":" + ref.Tag, Insecure: ref.Insecure})
			}
		}
	}
	return out
}

// preparePublication makes ready to publish what a plan pushes, while the
// builder is being reached: it asks each registry whether orch can move tags
// there, and finishes what an earlier run has left of the same tags. The result
// is nil where no tags move together.
func (e *env) preparePublication(ctx context.Context, plan *planner.Plan, opt runOptions) func() (*publication, error) {
	if !together(plan, opt) {
		return func() (*publication, error) { return nil, nil }
	}
	var pub *publication
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		pub, err = e.publication(ctx, plan, opt)
	}()
	return func() (*publication, error) {
		<-done
		return pub, err
	}
}

func (e *env) publication(ctx context.Context, plan *planner.Plan, opt runOptions) (*publication, error) {
	p, err := e.publisher()
	if err != nil {
		return nil, err
	}
	pub := &publication{Publisher: p}
	var refs []publish.Ref
	for _, b := range plan.Builds {
		refs = append(refs, pushedRefs(b)...)
	}
	e.lookForHelpers(refs)
	if pub.far, err = p.Registry.(publish.Remote).Unreached(ctx, refs); err != nil {
		return nil, err
	}
	if err := pub.sayFar(e, opt); err != nil {
		return nil, err
	}
	for _, m := range unpublished(&runner.Report{}, opt.earlier) {
		refs = append(refs, m.Ref)
	}
	defer e.interrupt.Hold()()
	return pub, p.Prepare(ctx, refs)
}

// lookForHelpers warns of programs for credentials that are not there.
func (e *env) lookForHelpers(refs []publish.Ref) {
	for _, r := range refs {
		e.openRegistries().credentials.Look(domainOf(r))
	}
}

// sayFar tells in which registries the builder moves the tags. Where all tags
// have to move together, that is an error.
func (p *publication) sayFar(e *env, opt runOptions) error {
	for _, domain := range slices.Sorted(maps.Keys(p.far)) {
		reason := p.far[domain].Error()
		if fault, ok := netfault.Of(p.far[domain]); ok {
			reason = fault.Reason
		}
		if opt.publish == "together" {
			return fmt.Errorf("--publish=together: orch has to move the tags in %s, and does not reach it: %s. "+
				"Without the flag the builder moves them, not all or nothing", domain, reason)
		}
		if opt.shown() {
			e.note(fmt.Sprintf("orch does not reach the registry %s: %s.\n"+
				"There the builder moves the tags, one target after another, when all targets are good: not all or nothing.", domain, reason))
		}
	}
	return nil
}

// publishTags moves the tags of a good run.
func (e *env) publishTags(ctx context.Context, p *publish.Publisher, report *runner.Report, earlier []*runner.RecordTarget) error {
	moves := unpublished(report, earlier)
	if len(moves) == 0 {
		return nil
	}
	defer e.interrupt.Hold()()
	if err := p.Publish(ctx, moves); err != nil {
		return err
	}
	report.Published = len(moves)
	for _, t := range earlier {
		t.Unpublished = nil
	}
	for _, t := range report.Targets {
		if t.Result != nil {
			t.Result.Unpublished = nil
		}
	}
	return nil
}

// publisher keeps its journals in the state folder.
func (e *env) publisher() (*publish.Publisher, error) {
	opt, err := embedded.OptionsFromEnv(e.getenv)
	if err != nil {
		return nil, err
	}
	project, err := os.Getwd()
	if err != nil {
		project = ""
	}
	return &publish.Publisher{
		Dir: filepath.Join(opt.StateDir, "publish"), Project: project, Registry: publish.Remote{Client: e.openRegistries().client},
		Budget: opt.RegistryTimeout, Warn: e.warn, Note: e.note,
	}, nil
}

// publishRest moves the tags of a run whose targets are all built.
func publishRest(ctx context.Context, e *env, rest *resumed) error {
	p, err := e.publisher()
	if err != nil {
		return err
	}
	report := &runner.Report{}
	if err := e.publishTags(ctx, p, report, rest.done); err != nil {
		return e.unpublished(ctx, err, unpublished(report, rest.done))
	}
	if report.Published > 0 {
		fmt.Fprintf(e.stderr, "%s published.\n", count(report.Published, "tag"))
	}
	return nil
}

// unpublished says that tags were not moved, and why, and returns the exit
// code.
func (e *env) unpublished(ctx context.Context, err error, moves []publish.Move) error {
	code, begin := exitFailed, "Every target is built and pushed, but not under its tags"
	if ctx.Err() != nil {
		code, begin = exitInterrupted, "Interrupted: every target is built and pushed, but not under its tags"
	}
	var back *publish.PutBackError
	var unfinished *publish.UnfinishedError
	var mixed *publish.MixedError
	text := err.Error()
	if !errors.As(err, &back) && !errors.As(err, &unfinished) && !errors.As(err, &mixed) {
		if ctx.Err() != nil {
			text = ""
		}
		text = strings.TrimPrefix(text+fmt.Sprintf("; no tag has moved, of %s", count(len(moves), "tag")), "; ")
	}
	fmt.Fprintf(e.stderr, "\n%s: %s\n", begin, text)
	if !errors.As(err, &unfinished) && (back == nil || !back.Journal) {
		fmt.Fprintf(e.stderr, "To publish what is built: %s\n", resumeCommand(e.args))
	}
	return &errReported{code: code, err: err}
}
