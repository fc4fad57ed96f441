package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit"
)

// leaveAfter is how long an interrupted run waits for the builder to say that
// it has stopped.
const leaveAfter = 700 * time.Millisecond

// runOptions say how a resolved definition is built.
type runOptions struct {
	builder      *builderFlags
	progress     string
	jobs         int
	keepGoing    bool
	metadataFile string
	pullFrontend bool
}

// runBake plans and builds the chosen targets, and prints what came of it.
func runBake(ctx context.Context, e *env, cfg *config.Config, opt runOptions) error {
	plan, err := planFor(e, cfg, localPlatform())
	if err != nil {
		return err
	}
	if err := e.report(checkPolicies(plan), cfg.Sources, plan.Sources); err != nil {
		return err
	}
	builder, err := opt.builder.connect(ctx, e)
	if err != nil {
		return err
	}
	defer builder.Close()
	if builder.Platform != "" && builder.Platform != localPlatform() {
		if plan, err = planFor(e, cfg, builder.Platform); err != nil {
			return err
		}
	}
	report, err := carryOut(ctx, e, plan, builder, opt)
	if err != nil {
		return err
	}
	return showReport(e, report, opt)
}

// planFor makes the plan, or prints what is wrong.
func planFor(e *env, cfg *config.Config, platform string) (*planner.Plan, error) {
	plan, diags := planner.New(cfg, planner.Options{Files: planner.Disk{}, BuildPlatform: platform})
	return plan, e.report(diags, cfg.Sources, plan.Sources)
}

// carryOut runs the plan with a progress display. It returns soon after an
// interrupt, even if the builder does not answer any more.
func carryOut(ctx context.Context, e *env, plan *planner.Plan, builder *buildkit.Builder, opt runOptions) (*runner.Report, error) {
	mode := opt.progress
	if mode == "none" { // the peer's word for quiet
		mode = "quiet"
	}
	progress, err := buildkit.NewProgress(e.stderr, mode)
	if err != nil {
		return nil, usageError{err}
	}
	policy, err := sourcePolicy(e)
	if err != nil {
		return nil, err
	}
	solver := buildkit.NewSolver(builder, buildkit.Options{
		Progress:  progress,
		ClientID:  e.clientID(),
		LookupEnv: e.lookup,
		Stdout:    e.stdout,
		Load:      dockerLoad,

		NoDefaultAttestations: e.flagged("BUILDX_NO_DEFAULT_ATTESTATIONS"),
		PullFrontend:          opt.pullFrontend,
		SourcePolicy:          policy,
	})
	type ended struct {
		report *runner.Report
		err    error
	}
	done := make(chan ended, 1)
	go func() {
		report, err := runner.Run(ctx, plan, solver, runner.Options{Jobs: opt.jobs, KeepGoing: opt.keepGoing})
		progress.Close()
		done <- ended{report, err}
	}()
	select {
	case r := <-done:
		return r.report, r.err
	case <-ctx.Done():
	}
	select {
	case <-done:
	case <-time.After(leaveAfter):
	}
	return nil, ctx.Err()
}

// flagged says whether a variable of the environment is set to a true value.
func (e *env) flagged(name string) bool {
	on, err := strconv.ParseBool(e.getenv(name))
	return err == nil && on
}

// showReport prints the end of a run and turns it into an exit code.
func showReport(e *env, report *runner.Report, opt runOptions) error {
	if opt.metadataFile != "" {
		if err := writeMetadata(opt.metadataFile, report); err != nil {
			return err
		}
	}
	if !report.OK() {
		printFailures(e.stderr, report)
		return &errReported{code: exitFailed, err: errors.New("the build failed")}
	}
	if opt.progress == "quiet" || opt.progress == "none" || opt.progress == "rawjson" {
		return nil
	}
	if err := printTable(e.stderr, report); err != nil {
		return err
	}
	if names := noOutput(report); len(names) > 0 {
		fmt.Fprintf(e.stderr, "No output for %s: the result stays in the build cache. "+
			"Write output = [...] in the target, or use --load, --push or -o.\n", strings.Join(names, ", "))
	}
	if report.CacheErr != nil {
		fmt.Fprintf(e.stderr, "Warning: the build is good, but its cache was not written: %s\n", plainError(report.CacheErr))
	}
	return nil
}

// writeMetadata writes the peer's metadata file, in one step.
func writeMetadata(path string, report *runner.Report) error {
	out := map[string]any{}
	for _, t := range report.Targets {
		if t.Result == nil {
			continue
		}
		md := t.Result.Metadata
		if md == nil {
			md = map[string]any{}
		}
		out[t.Name()] = md
	}
	data, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing metadata file: %w", err)
	}
	return nil
}

// dockerLoad starts the docker command that loads an image.
func dockerLoad(ctx context.Context) (io.WriteCloser, error) {
	cmd := exec.CommandContext(ctx, "docker", "load", "--quiet")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("loading the image into Docker: %w (without Docker, write a file: -o type=oci,dest=image.tar)", err)
	}
	return &loadPipe{WriteCloser: in, cmd: cmd, said: &said}, nil
}

// loadPipe is the standard input of "docker load". Closing it waits for the
// command.
type loadPipe struct {
	io.WriteCloser
	cmd  *exec.Cmd
	said *strings.Builder
}

func (p *loadPipe) Close() error {
	if err := p.WriteCloser.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("loading the image into Docker: %s", strings.TrimSpace(p.said.String()))
	}
	return nil
}
