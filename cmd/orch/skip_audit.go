package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/skip"
)

// audit builds some of the skipped targets all the same, and compares. The error
// is that of a target that must not have been skipped.
func (r *buildRun) audit(ctx context.Context) error {
	if r.skips == nil {
		return nil
	}
	chosen := r.skips.Audited(r.record.ID())
	if len(chosen) == 0 {
		return nil
	}
	if r.opt.shown() {
		fmt.Fprintf(r.stderr, "Audit: %s built from scratch and compared\n", termtext.Count(len(chosen), "skipped target"))
	}
	if r.allSkipped() {
		site, err := r.openSite(ctx, r.env, r.opt.builder)
		if err != nil {
			return err
		}
		defer site.Close()
		r.site = site
		defer func() { r.site = nowhere{} }()
	}
	var wrong []error
	rest := chosen[:0:0]
	for _, v := range chosen {
		found, err := r.auditStored(ctx, v)
		if err != nil {
			return err
		}
		if found != nil {
			wrong = append(wrong, found)
		} else {
			rest = append(rest, v)
		}
	}
	found, err := r.auditBuilds(ctx, rest)
	if err != nil {
		return err
	}
	return errors.Join(append(wrong, found...)...)
}

// auditStored audits what the registry has, and the digest: one that nothing
// was remembered for must be the same.
func (r *buildRun) auditStored(ctx context.Context, v *skip.Verdict) (found, err error) {
	err = r.skips.Stored(ctx, v)
	var wrong *skip.AuditError
	if errors.As(err, &wrong) {
		return wrong, r.reject(ctx, v, wrong)
	}
	if err != nil {
		return nil, fmt.Errorf("auditing %s: %w", v.Target.Build.Name(), err)
	}
	return nil, nil
}

// auditDigests holds the digests of skipped targets against ones for which
// nothing was remembered.
func (r *buildRun) auditDigests(ctx context.Context, cfg *config.Config, chosen []*skip.Verdict) ([]error, error) {
	plan, diags, err := r.makePlan(ctx, cfg, planning{platform: r.skipPlatform})
	if err != nil || diags.HasErrors() {
		return nil, errors.Join(err, diags)
	}
	fresh, err := r.digestsOf(ctx, plan, r.skipPlatform, nil)
	if err != nil {
		return nil, err
	}
	var out []error
	for _, v := range chosen {
		name := v.Target.Build.Name()
		for _, b := range plan.Builds {
			if d := fresh.Target(b); b.Name() == name && d.Publication != v.Target.Publication {
				wrong := &skip.AuditError{Target: name, Class: "definition", Text: "computed from nothing, its digest is another one than with what was remembered"}
				out = append(out, wrong)
				if err := r.reject(ctx, v, wrong); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

func (r *buildRun) reject(ctx context.Context, v *skip.Verdict, why error) error {
	return r.skips.Reject(ctx, skip.About{Orch: version, Run: r.record.ID()}, v, why.Error())
}

// auditBuilds builds targets and compares them. What differs is built once more:
// two builds that differ from each other prove nothing.
func (r *buildRun) auditBuilds(ctx context.Context, chosen []*skip.Verdict) ([]error, error) {
	if len(chosen) == 0 {
		return nil, nil
	}
	cfg, err := r.opt.narrow(ctx, namesOf(chosen))
	if err != nil {
		return nil, err
	}
	wrong, err := r.auditDigests(ctx, cfg, chosen)
	if err != nil {
		return nil, err
	}
	first, err := r.buildApart(ctx, chosen)
	if err != nil {
		return nil, err
	}
	differ := chosen[:0:0]
	for _, v := range chosen {
		published, err := r.skips.Published(ctx, v)
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
	second, err := r.buildApart(ctx, differ)
	if err != nil {
		return nil, err
	}
	for _, v := range differ {
		name := v.Target.Build.Name()
		if class, text := first[name].Differs(second[name]); class != "" {
			r.notices.Warn(fmt.Sprintf("%s is not reproducible, so that an audit says nothing of its content: of two builds, %s", name, text))
			continue
		}
		published, err := r.skips.Published(ctx, v)
		if err != nil {
			return nil, err
		}
		class, text := published.Differs(first[name])
		found := &skip.AuditError{Target: name, Class: class, Text: text}
		wrong = append(wrong, found)
		if err := r.reject(ctx, v, found); err != nil {
			return nil, err
		}
	}
	return wrong, nil
}

func namesOf(chosen []*skip.Verdict) []string {
	var out []string
	for _, v := range chosen {
		out = append(out, v.Target.Build.Name())
	}
	return out
}

// buildApart builds targets from scratch, into archives beside everything else,
// and returns what is in them.
func (r *buildRun) buildApart(ctx context.Context, chosen []*skip.Verdict) (map[string]skip.Image, error) {
	dir, err := os.MkdirTemp("", "orch-audit-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cfg, err := r.opt.narrow(ctx, namesOf(chosen))
	if err != nil {
		return nil, err
	}
	archive := func(name string) string { return filepath.Join(dir, strings.ReplaceAll(name, "/", "_")+".tar") }
	apart := map[string]bool{}
	for _, v := range chosen {
		apart[v.Target.Build.Name()] = true
	}
	yes := true
	for _, t := range cfg.Targets {
		t.NoCache, t.CacheFrom, t.CacheTo, t.Cache, t.Tests, t.Skip = &yes, nil, nil, nil, nil, nil
		t.Attest = []config.Attest{config.NewAttest(config.Entry{Type: "provenance", Attrs: map[string]string{"disabled": "true"}})}
		if apart[t.Name] {
			attrs := map[string]string{"dest": archive(t.Name)}
			if at := archiveForm(t.Outputs); at != "" {
				attrs["rewrite-timestamp"] = at
			}
			t.Outputs = []config.Output{config.NewOutput(config.Entry{Type: "oci", Attrs: attrs})}
		}
	}
	plan, diags, err := r.makePlan(ctx, cfg, planning{platform: r.skipPlatform})
	if err != nil || diags.HasErrors() {
		return nil, errors.Join(err, diags)
	}
	one := &buildRun{env: r.env, opt: r.opt, cfg: cfg, plan: plan, site: r.site, mask: r.mask, record: r.record, timeout: r.timeout}
	one.opt.deferOutput = false
	run, err := one.run(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("building for an audit: %w", err)
	case !run.OK():
		return nil, fmt.Errorf("building for an audit: %w", firstFailure(run))
	}
	out := map[string]skip.Image{}
	for name := range apart {
		if out[name], err = skip.ReadArchive(archive(name)); err != nil {
			return nil, fmt.Errorf("auditing %s: %w", name, err)
		}
	}
	return out, nil
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

func firstFailure(run *runner.Report) error {
	for _, t := range run.Targets {
		if t.Err != nil {
			return fmt.Errorf("%s: %w", t.Name(), t.Err)
		}
	}
	return errors.New("a cache failed")
}
