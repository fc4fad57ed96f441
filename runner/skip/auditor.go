package skip

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/runner"
)

// Auditor builds skipped targets all the same, and compares.
type Auditor struct {
	Session *Session
	// About says which run it is, where a record is rejected.
	About About
	// Narrow returns the definition of some targets, Plan a plan of it, Digests
	// its digests with nothing remembered; Build builds it.
	Narrow  func(ctx context.Context, targets []string) (*config.Config, error)
	Plan    func(context.Context, *config.Config) (*planner.Plan, error)
	Digests func(context.Context, *planner.Plan) (*digest.Digests, error)
	Build   func(context.Context, *config.Config, *planner.Plan) (*runner.Report, error)
	// Part returns what of a definition this machine builds, and Platforms the
	// platforms that it builds of a target; nil is all.
	Part      func(*config.Config) *config.Config
	Platforms func(target string) []string
	// Warn is called with what an audit cannot say.
	Warn func(string)
}

// Audit audits targets. The error is that of those that must not have been
// skipped.
func (a *Auditor) Audit(ctx context.Context, chosen []*Verdict) error {
	var wrong []error
	rest := chosen[:0:0]
	for _, v := range chosen {
		found, err := a.auditStored(ctx, v)
		if err != nil {
			return err
		}
		if found != nil {
			wrong = append(wrong, found)
		} else {
			rest = append(rest, v)
		}
	}
	found, err := a.auditBuilds(ctx, rest)
	if err != nil {
		return err
	}
	return errors.Join(append(wrong, found...)...)
}

// auditStored audits what the registry has, and the digest: one that nothing
// was remembered for must be the same.
func (a *Auditor) auditStored(ctx context.Context, v *Verdict) (found, err error) {
	if len(v.Target.Refs) == 0 {
		return nil, nil // its files have been looked at
	}
	err = a.Session.Stored(ctx, v)
	var wrong *AuditError
	if errors.As(err, &wrong) {
		return wrong, a.reject(ctx, v, wrong)
	}
	if err != nil {
		return nil, fmt.Errorf("auditing %s: %w", v.Target.Build.Name(), err)
	}
	return nil, nil
}

// auditDigests holds the digests of skipped targets against ones for which
// nothing was remembered.
func (a *Auditor) auditDigests(ctx context.Context, cfg *config.Config, chosen []*Verdict) ([]error, error) {
	plan, err := a.Plan(ctx, cfg)
	if err != nil {
		return nil, err
	}
	fresh, err := a.Digests(ctx, plan)
	if err != nil {
		return nil, err
	}
	var out []error
	for _, v := range chosen {
		name := v.Target.Build.Name()
		for _, b := range plan.Builds {
			if d := fresh.Target(b); b.Name() == name && d.Publication != v.Target.Publication {
				wrong := &AuditError{Target: name, Class: "definition", Text: "computed from nothing, its digest is another one than with what was remembered"}
				out = append(out, wrong)
				if err := a.reject(ctx, v, wrong); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

func (a *Auditor) reject(ctx context.Context, v *Verdict, why error) error {
	return a.Session.Reject(ctx, a.About, v, why.Error())
}

// auditBuilds builds targets and compares them. What differs is built once more:
// two builds that differ from each other prove nothing.
func (a *Auditor) auditBuilds(ctx context.Context, chosen []*Verdict) ([]error, error) {
	if len(chosen) == 0 {
		return nil, nil
	}
	cfg, err := a.Narrow(ctx, namesOf(chosen))
	if err != nil {
		return nil, err
	}
	wrong, err := a.auditDigests(ctx, cfg, chosen)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "orch-audit-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	first, err := a.buildApart(ctx, chosen, dir)
	if err != nil {
		return nil, err
	}
	differ := chosen[:0:0]
	for _, v := range chosen {
		published, err := a.published(ctx, v)
		if err != nil {
			return nil, err
		}
		if class, _ := published.Differs(first[v.Target.Build.Name()]); class != "" {
			differ = append(differ, v)
		}
	}
	if len(differ) == 0 {
		return wrong, nil
	}
	// Layers hold times in seconds: two builds within one second would be equal by
	// chance, and blame a target that is not reproducible.
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(1100 * time.Millisecond):
	}
	second, err := a.buildApart(ctx, differ, dir) // in place of the first archives
	if err != nil {
		return nil, err
	}
	for _, v := range differ {
		name := v.Target.Build.Name()
		if class, text := first[name].Differs(second[name]); class != "" {
			a.Warn(fmt.Sprintf("%s is not reproducible, so that an audit says nothing of its content: of two builds, %s", name, text))
			continue
		}
		published, err := a.published(ctx, v)
		if err != nil {
			return nil, err
		}
		class, text := published.Differs(first[name])
		if class == "layers" && !v.Target.timeless() {
			a.Warn(fmt.Sprintf("an audit says nothing of the content of %s: %s, but its layers hold the times of files, "+
				"which are others in each checkout. With SOURCE_DATE_EPOCH and rewrite-timestamp=true in the output it can tell", name, text))
			continue
		}
		if class == "layers" {
			same, err := a.sameFiles(ctx, v, published, second[name], archiveOf(dir, name))
			if err != nil {
				return nil, fmt.Errorf("auditing %s: %w", name, err)
			}
			if same {
				a.Warn(fmt.Sprintf("%s: %s, but files and configuration are the same: the builder leaves a file out of a layer or "+
					"puts it there again, by the times of files in the context, if the layers below have it already", name, text))
				continue
			}
		}
		found := &AuditError{Target: name, Class: class, Text: text}
		wrong = append(wrong, found)
		if err := a.reject(ctx, v, found); err != nil {
			return nil, err
		}
	}
	return wrong, nil
}

// published is what there is of a skipped target, for the platforms that are built
// here.
func (a *Auditor) published(ctx context.Context, v *Verdict) (Image, error) {
	img, err := a.Session.Published(ctx, v)
	if err != nil || a.Platforms == nil || len(v.Target.Refs) == 0 {
		return img, err
	}
	if here := a.Platforms(v.Target.Build.Name()); len(here) > 0 {
		maps.DeleteFunc(img, func(platform string, _ Content) bool { return !slices.Contains(here, platform) })
	}
	return img, nil
}

func namesOf(chosen []*Verdict) []string {
	var out []string
	for _, v := range chosen {
		out = append(out, v.Target.Build.Name())
	}
	return out
}

// archiveOf is where a target is built to be compared.
func archiveOf(dir, name string) string {
	return filepath.Join(dir, strings.ReplaceAll(name, "/", "_")+".tar")
}

// buildApart builds targets from scratch, into archives in a folder beside everything
// else, and returns what is in them.
func (a *Auditor) buildApart(ctx context.Context, chosen []*Verdict, dir string) (map[string]Image, error) {
	cfg, err := a.Narrow(ctx, namesOf(chosen))
	if err != nil {
		return nil, err
	}
	apart := map[string]*Target{}
	for _, v := range chosen {
		apart[v.Target.Build.Name()] = v.Target
	}
	yes := true
	for _, t := range cfg.Targets {
		t.NoCache, t.CacheFrom, t.CacheTo, t.Cache, t.Tests, t.Skip = &yes, nil, nil, nil, nil, nil
		// Without attestations there may be no index that annotations could be for.
		t.Annotations = nil
		t.Attest = []config.Attest{config.NewAttest(config.Entry{Type: "provenance", Attrs: map[string]string{"disabled": "true"}})}
		if target := apart[t.Name]; target != nil {
			t.Outputs = []config.Output{target.apart(t, archiveOf(dir, t.Name))}
		}
	}
	if a.Part != nil {
		cfg = a.Part(cfg)
	}
	plan, err := a.Plan(ctx, cfg)
	if err != nil {
		return nil, err
	}
	run, err := a.Build(ctx, cfg, plan)
	switch {
	case err != nil:
		return nil, fmt.Errorf("building for an audit: %w", err)
	case !run.OK():
		return nil, fmt.Errorf("building for an audit: %w", firstFailure(run))
	}
	out := map[string]Image{}
	for name, target := range apart {
		if len(target.Refs) > 0 {
			out[name], err = ReadArchive(archiveOf(dir, name))
		} else {
			out[name], err = target.Files[0].read(archiveOf(dir, name))
		}
		if err != nil {
			return nil, fmt.Errorf("auditing %s: %w", name, err)
		}
	}
	return out, nil
}

// apart is the output of a target that is built to be compared: an archive of its
// image, or its first output where it pushes none.
func (t *Target) apart(c *config.Target, dest string) config.Output {
	attrs := map[string]string{}
	if len(t.Refs) == 0 {
		for _, o := range c.Outputs {
			if o.Dest == t.Files[0].Dest {
				attrs = maps.Clone(o.Attrs)
				maps.DeleteFunc(attrs, func(k, _ string) bool { return strings.HasPrefix(k, "annotation") })
				attrs["dest"] = dest
				return config.NewOutput(config.Entry{Type: o.Type, Attrs: attrs})
			}
		}
	}
	attrs["dest"] = dest
	if at := archiveForm(c.Outputs); at != "" {
		attrs["rewrite-timestamp"] = at
	}
	return config.NewOutput(config.Entry{Type: "oci", Attrs: attrs})
}

// timeless says whether the layers of a target's images hold no times but the one
// that is given for all files. Others differ between two checkouts of one commit, and
// are not part of the digest, as the builder's cache leaves them out too.
func (t *Target) timeless() bool {
	return slices.ContainsFunc(t.Build.Target.Outputs, func(o config.Output) bool { return o.Timeless })
}

// archiveForm is what the pushed images of a target say of times.
func archiveForm(outputs []config.Output) string {
	for _, o := range outputs {
		if at := o.Attrs["rewrite-timestamp"]; o.Push && at != "" {
			return at
		}
	}
	return ""
}

// firstFailure is why a run is not good. A target that failed comes before one that was
// stopped for it.
func firstFailure(run *runner.Report) error {
	for _, t := range append(run.Failures(), run.Targets...) {
		if t.Err != nil {
			return fmt.Errorf("%s: %w", t.Name(), t.Err)
		}
	}
	return errors.New("a cache failed")
}
