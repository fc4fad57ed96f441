package buildkit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/blame"
	"github.com/orch-build/orch/runner/buildkit/frontend"
	"github.com/orch-build/orch/runner/buildkit/steps"
)

// test runs the target's tests in its result, which is what is exported
// afterwards. The error is the failure of the first test that failed.
func (t *target) test(ctx context.Context) error {
	tests := t.plan.Target.Tests
	if len(tests) == 0 {
		return nil
	}
	box, err := t.testBox()
	if err != nil {
		return t.failure(ctx, err)
	}
	var failure *runner.Failure
	for _, test := range tests {
		start := time.Now()
		log := t.run.steps.Test(t.plan.Name(), test)
		code, err := box.run(ctx, test, log)
		took := time.Since(start)
		lacking := false // it is the builder that cannot run the command
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		} else if err == nil {
			lacking, err = t.judge(test, box, code, log)
		}
		log.End(err)
		if ctx.Err() != nil {
			return err
		}
		result := runner.TestResult{Name: test.Name, Took: took, Output: log.Lines()}
		if err != nil {
			result.Failure = err.Error()
			if failure == nil {
				failure = t.testFailure(test, result, code)
				failure.LogFile, failure.Platform = log.File(), t.notable(box.runsOn)
				if lacking {
					failure.Fault = runner.FaultInfrastructure
				}
			}
		}
		t.report.Tests = append(t.report.Tests, result)
	}
	if failure == nil {
		return nil
	}
	failure.Tests = t.report.Tests
	return failure
}

// testFailure says that a test failed, and where it is written.
func (t *target) testFailure(test *config.Test, result runner.TestResult, code int) *runner.Failure {
	reason := result.Failure
	if code <= 0 {
		// The exit code is not what the test failed for; the error says it.
		code, reason = -1, ""
	}
	return &runner.Failure{
		Target: t.plan.Name(), Step: "test " + test.Name + ": " + strings.Join(test.Run, " "),
		File: test.Range.Filename, Line: test.Range.Start.Line,
		Log: result.Output, ExitCode: code, Fault: runner.FaultUser, Reason: reason,
		Err: errors.New(result.Failure),
	}
}

// judge says why a test that has run in box is not good, or nil, and whether that
// is as the builder cannot run the command.
func (t *target) judge(test *config.Test, box *testBox, code int, log *steps.TestLog) (lacking bool, err error) {
	err = expected(test, code, log.Text())
	if err == nil || code == 0 {
		return false, err
	}
	reason, lacking := blame.Command(log.Lines(), box.runsOn, t.run.builder.Platforms)
	if reason != "" {
		err = fmt.Errorf("%w: %s", err, reason)
	}
	return lacking, err
}

// expected compares a test that has run with what its definition asks for.
func expected(test *config.Test, code int, output string) error {
	if code != test.ExitCode {
		return fmt.Errorf("test %q: the command ended with exit code %d, not %d", test.Name, code, test.ExitCode)
	}
	if test.Output == "" {
		return nil
	}
	pattern, err := regexp.Compile(test.Output)
	if err != nil {
		return fmt.Errorf("test %q: output: %w", test.Name, err)
	}
	if !pattern.MatchString(output) {
		return fmt.Errorf("test %q: the command's output does not match %q", test.Name, test.Output)
	}
	return nil
}

// testBox is an image in which commands can be run.
type testBox struct {
	gateway  gateway.Client
	ref      gateway.Reference
	platform *pb.Platform
	runsOn   string // the platform of the image, as steps have it
	config   ocispecs.ImageConfig
}

// testBox takes the image of the builder's own platform, or else the first.
func (t *target) testBox() (*testBox, error) {
	ids, err := frontend.Platforms(t.result)
	if err != nil {
		return nil, err
	}
	id := ids[0]
	if slices.Contains(ids, t.run.builder.Platform) {
		id = t.run.builder.Platform
	}
	box := &testBox{gateway: t.anchor.gateway, ref: t.result.Ref, runsOn: cmp.Or(id, t.run.builder.Platform)}
	key := exptypes.ExporterImageConfigKey
	if id != "" {
		box.ref = t.result.Refs[id]
		key += "/" + id
	}
	if box.ref == nil {
		return nil, errors.New("the image is empty, so that no test can run in it")
	}
	data := t.result.Metadata[key]
	if data == nil {
		data = t.result.Metadata[exptypes.ExporterImageConfigKey]
	}
	var image ocispecs.Image
	if len(data) > 0 {
		if err := json.Unmarshal(data, &image); err != nil {
			return nil, fmt.Errorf("reading the image's configuration: %w", err)
		}
	}
	if image.Architecture != "" {
		box.runsOn = platforms.Format(platforms.Normalize(image.Platform))
	}
	if id != "" && image.Architecture != "" {
		box.platform = &pb.Platform{OS: image.OS, Architecture: image.Architecture, Variant: image.Variant}
	}
	if lazy, ok := box.ref.(*frontend.LazyRef); ok {
		box.ref = lazy.Known()
	}
	box.config = image.Config
	return box, nil
}

// run runs the command of a test, which prints to log, and returns its exit
// code. The error is about a command that could not be run, or took too long.
func (b *testBox) run(ctx context.Context, test *config.Test, log *steps.TestLog) (int, error) {
	ctr, err := b.gateway.NewContainer(ctx, gateway.NewContainerRequest{
		Platform: b.platform,
		Mounts:   []gateway.Mount{{Dest: "/", Ref: b.ref, MountType: pb.MountType_BIND}},
	})
	if err != nil {
		return -1, fmt.Errorf("test %q: preparing the container: %w", test.Name, err)
	}
	defer func() { _ = ctr.Release(context.WithoutCancel(ctx)) }()
	proc, err := ctr.Start(ctx, gateway.StartRequest{
		Args: test.Run, Env: b.env(test), User: b.config.User, Cwd: b.cwd(), Stdout: log, Stderr: log,
	})
	if err != nil {
		return -1, fmt.Errorf("test %q: starting the command: %w", test.Name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- proc.Wait() }()
	select {
	case err = <-ended:
	case <-time.After(test.Timeout):
		_ = proc.Signal(ctx, syscall.SIGKILL)
		return -1, fmt.Errorf("test %q: the command took longer than %s", test.Name, test.Timeout)
	case <-ctx.Done():
		return -1, context.Cause(ctx)
	}
	var exit *gatewaypb.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit) && exit.ExitCode != gatewaypb.UnknownExitStatus:
		return int(exit.ExitCode), nil
	}
	return -1, fmt.Errorf("test %q: running the command: %w", test.Name, err)
}

// env is the image's environment with the test's variables over it.
func (b *testBox) env(test *config.Test) []string {
	env := slices.DeleteFunc(slices.Clone(b.config.Env), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		_, ok := test.Env[name]
		return ok
	})
	for _, name := range slices.Sorted(maps.Keys(test.Env)) {
		env = append(env, name+"="+test.Env[name])
	}
	return env
}

func (b *testBox) cwd() string {
	if b.config.WorkingDir == "" {
		return "/"
	}
	return b.config.WorkingDir
}
