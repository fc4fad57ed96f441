package buildkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	controlapi "github.com/moby/buildkit/api/services/control"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/contextfs"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/buildkit/buildkittest"
	"github.com/orch-build/orch/schema"
)

// planOf makes the plan of a definition, in a folder of its own with a context.
func planOf(t *testing.T, definition string) *planner.Plan {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := errors.Join(os.Mkdir("src", 0o755), os.WriteFile("src/file", []byte("text\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	file, diags := schema.Parse("build.hcl", []byte(definition), schema.Build)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	cfg, diags := config.Resolve([]*schema.File{file}, config.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	plan, faults := planner.New(cfg, planner.Options{Files: planner.Disk{}, BuildPlatform: "linux/amd64"})
	for _, f := range faults {
		t.Logf("%+v", f)
	}
	return plan
}

// bake runs a definition on a daemon that is not one.
func bake(t *testing.T, c *buildkittest.Client, definition string, opt Options, how runner.Options) *runner.Report {
	t.Helper()
	plan := planOf(t, definition)
	b, err := builder.Connect(t.Context(), c, "test")
	if err != nil {
		t.Fatal(err)
	}
	if opt.LookupEnv == nil {
		opt.LookupEnv = os.LookupEnv
	}
	if opt.Contexts == nil {
		opt.Contexts = &contextfs.Watch{}
	}
	report, err := runner.Run(t.Context(), plan, NewSolver(b, opt), how)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// good fails the test unless every target is done.
func good(t *testing.T, r *runner.Report) {
	t.Helper()
	for _, target := range r.Targets {
		if target.State != runner.Done {
			t.Errorf("%s is %s: %v", target.Name(), target.State, target.Err)
		}
	}
	if r.CacheErr != nil || len(r.Caches) > 0 {
		t.Errorf("caches: %v, %v", r.CacheErr, r.Caches)
	}
}

const twoStages = `
group "default" { targets = ["app", "lib"] }
target "app" {
  context           = "src"
  contexts          = { base = "target:lib" }
  dockerfile-inline = <<EOT
FROM base AS build
COPY file /file
RUN make
FROM scratch
COPY --from=build /out /out
EOT
  output = ["type=local,dest=out/app", "type=oci,dest=out/app.tar"]
  tags   = ["example.com/app:1"]
}
target "lib" {
  dockerfile-inline = "FROM example.com/base\nRUN lib\n"
  output            = ["type=oci,dest=out/lib,tar=false", "type=tar,dest=out/lib.tar"]
}
`

func images() map[string]ocispecs.Image {
	return map[string]ocispecs.Image{"example.com/base:latest": {
		Platform: ocispecs.Platform{OS: "linux", Architecture: "amd64"}, Config: ocispecs.ImageConfig{Env: []string{"PATH=/bin"}, WorkingDir: "/w"},
		RootFS: ocispecs.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromString("layer")}},
	}}
}

// TestRun builds a target on another one: each step once, all outputs.
func TestRun(t *testing.T) {
	c := &buildkittest.Client{Images: images(), Prints: map[string]string{"RUN make": "made\n"}}
	logs := t.TempDir()
	r := bake(t, c, twoStages, Options{LogDir: logs}, runner.Options{})
	good(t, r)
	steps := c.Steps()
	for _, want := range []string{"RUN lib", "COPY file /file", "RUN make", "COPY --from=build /out /out"} {
		n := 0
		for _, s := range steps {
			if strings.HasSuffix(s, want) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s was run %d times: %q", want, n, steps)
		}
	}
	for _, name := range []string{"out/app/file", "out/app.tar", "out/lib/index.json", "out/lib.tar"} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
	app := r.Targets[slices.IndexFunc(r.Targets, func(t *runner.TargetReport) bool { return t.Name() == "app" })]
	if app.Result == nil || app.Result.Digest == "" || len(app.Result.Outputs) != 2 || app.Result.Steps.Run == 0 {
		t.Errorf("app: %+v", app.Result)
	}
	if len(r.Steps) == 0 || len(r.Vertices) == 0 || r.Builder != "test" {
		t.Errorf("the report has %d steps, %d vertices, builder %s", len(r.Steps), len(r.Vertices), r.Builder)
	}
	if files, _ := filepath.Glob(filepath.Join(logs, "*make*")); len(files) != 1 {
		t.Errorf("logs of the step: %v", files)
	}
}

// TestFailedStep says where the step is written and what it printed, and blocks
// what is built on it. Secrets are masked.
func TestFailedStep(t *testing.T) {
	m := &mask.Mask{}
	m.Add("s3cret-value")
	c := &buildkittest.Client{
		Images: images(),
		Prints: map[string]string{"RUN lib": "building s3cret-value\nthe cause\n"},
		Fails:  map[string]error{"RUN lib": &gatewaypb.ExitError{ExitCode: 7, Err: errors.New("process \"/bin/sh\" did not complete")}},
	}
	r := bake(t, c, twoStages, Options{Mask: m}, runner.Options{KeepGoing: true})
	groups := r.FailureGroups()
	if len(groups) != 1 {
		t.Fatalf("%d failures", len(groups))
	}
	f := groups[0]
	if f.Target != "lib" || f.ExitCode != 7 || f.Fault != runner.FaultUser || f.Line != 2 || strings.Join(f.Log, "|") != "building ***|the cause" {
		t.Errorf("failure: %+v", *f.Failure)
	}
	if n := r.Count(); n[runner.Failed] != 1 || n[runner.Blocked] != 1 {
		t.Errorf("counts: %v", n)
	}
}

// TestFailedMount takes the error of a step from its vertex where the daemon's
// answer is about its own books.
func TestFailedMount(t *testing.T) {
	for text, code := range map[string]int{
		`process "/bin/sh -c false" did not complete successfully: exit code: 3`:                        3,
		`process "/bin/sh -c false" did not complete successfully: open /no: no such file or directory`: -1,
	} {
		c := &buildkittest.Client{
			Images: images(), Instead: errors.New("releasing already released reference x::y"),
			Fails: map[string]error{"RUN lib": errors.New(text)},
		}
		groups := bake(t, c, twoStages, Options{}, runner.Options{KeepGoing: true}).FailureGroups()
		if len(groups) != 1 {
			t.Fatalf("%d failures", len(groups))
		}
		f := groups[0]
		if f.Err.Error() != text || f.ExitCode != code || f.Fault != runner.FaultUser || f.Line != 2 || f.Vertex == "" {
			t.Errorf("failure: %+v", *f.Failure)
		}
	}
}

// TestFailedExport writes nothing where the output was to be.
func TestFailedExport(t *testing.T) {
	c := &buildkittest.Client{Images: images(), ExportErr: errors.New("no space left on device")}
	r := bake(t, c, twoStages, Options{}, runner.Options{KeepGoing: true})
	for _, target := range r.Targets {
		var f *runner.Failure
		if !errors.As(target.Err, &f) || !f.DiskFull {
			t.Errorf("%s: %v", target.Name(), target.Err)
		}
	}
	for _, name := range []string{"out/app/file", "out/app.tar", "out/lib/index.json", "out/lib.tar"} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s is there", name)
		}
	}
}

// TestRetriedStep builds again what failed for a reason that may be gone.
func TestRetriedStep(t *testing.T) {
	c := &buildkittest.Client{Images: images(), Fails: map[string]error{"RUN lib": errors.New("connection reset by peer")}}
	r := bake(t, c, twoStages, Options{}, runner.Options{KeepGoing: true, Retry: runner.Retry{Sessions: 1, Delay: 1}})
	lib := r.Targets[slices.IndexFunc(r.Targets, func(t *runner.TargetReport) bool { return t.Name() == "lib" })]
	if len(lib.Attempts) != 2 || r.Rounds != 2 {
		t.Errorf("%d attempts, %d rounds: %v", len(lib.Attempts), r.Rounds, lib.Err)
	}
}

// TestCaches writes a cache for a target and one for the run, and notes those
// that cannot be written.
func TestCaches(t *testing.T) {
	definition := `
cache {
  type = "registry"
  ref  = "example.com/cache"
}
` + twoStages + `
target "app" {
  cache-to   = ["type=registry,ref=example.com/own,mode=max", "type=inline"]
  cache-from = ["type=registry,ref=example.com/own"]
}
`
	c := &buildkittest.Client{Images: images()}
	good(t, bake(t, c, definition, Options{}, runner.Options{}))
	written := map[string]bool{}
	for _, b := range c.Builds() {
		for _, e := range b.CacheExports {
			written[e.Type+" "+e.Attrs["ref"]] = true
		}
	}
	if !written["registry example.com/own"] || !written["inline "] || len(written) < 3 {
		t.Errorf("written: %v", written)
	}

	c = &buildkittest.Client{Images: images(), CacheErr: errors.New("denied")}
	r := bake(t, c, strings.ReplaceAll(definition, `, "type=inline"`, ""), Options{}, runner.Options{})
	if len(r.Caches) == 0 || r.Caches[0].Read || !r.OK() {
		t.Errorf("caches: %v", r.Caches)
	}
}

// TestTests runs the tests of a target in its image.
func TestTests(t *testing.T) {
	definition := `
target "default" {
  dockerfile-inline = "FROM example.com/base\nRUN lib\n"
  output = ["type=tar,dest=out/app.tar"]
}
test "says" {
  target = "default"
  run    = ["app", "--version"]
  output = "^v[0-9]"
}
`
	c := &buildkittest.Client{Images: images(), Prints: map[string]string{"app --version": "v1\n"}}
	r := bake(t, c, definition, Options{}, runner.Options{})
	good(t, r)
	if tests := r.Targets[0].Tests(); len(tests) != 1 || tests[0].Failure != "" || strings.Join(tests[0].Output, "") != "v1" {
		t.Errorf("tests: %+v", tests)
	}
	for want, c := range map[string]*buildkittest.Client{
		"does not match": {Images: images(), Prints: map[string]string{"app --version": "none\n"}},
		"exit code 3":    {Images: images(), Fails: map[string]error{"app --version": &gatewaypb.ExitError{ExitCode: 3}}},
	} {
		r := bake(t, c, definition, Options{}, runner.Options{})
		if tests := r.Targets[0].Tests(); len(tests) != 1 || !strings.Contains(tests[0].Failure, want) {
			t.Errorf("tests: %+v, want %q", tests, want)
		}
		if _, err := os.Stat("out/app.tar"); err == nil {
			t.Error("the output of a target whose test failed is there")
		}
	}
}

// TestTestOfOtherPlatform says what a command lacks that is none for the builder,
// and whose fault that is.
func TestTestOfOtherPlatform(t *testing.T) {
	for platform, want := range map[string]struct {
		says, place string
		fault       runner.Fault
	}{
		"linux/amd64": {"the program is not one for linux/amd64, which the test runs on", "", runner.FaultUser},
		"linux/s390x": {"a linux/amd64 machine, cannot run linux/s390x programs", "linux/s390x", runner.FaultInfrastructure},
	} {
		c := &buildkittest.Client{
			Prints: map[string]string{"/app": "exec /app: exec format error\n"},
			Fails:  map[string]error{"/app": &gatewaypb.ExitError{ExitCode: 1}},
		}
		groups := bake(t, c, `
target "default" {
  dockerfile-inline = "FROM scratch\nCOPY file /app\n"
  platforms = ["`+platform+`"]
  output = ["type=cacheonly"]
  context = "src"
}
test "runs" {
  target = "default"
  run    = ["/app"]
}
`, Options{}, runner.Options{}).FailureGroups()
		if len(groups) != 1 {
			t.Fatalf("%d failures", len(groups))
		}
		f := groups[0]
		if !strings.Contains(f.Reason, "exit code 1, not 0: ") || !strings.Contains(f.Reason, want.says) || !strings.Contains(f.Tests[0].Failure, want.says) ||
			f.Platform != want.place || f.Fault != want.fault {
			t.Errorf("%s: %+v", platform, *f.Failure)
		}
	}
}

// TestPlatforms builds for two platforms.
func TestPlatforms(t *testing.T) {
	c := &buildkittest.Client{}
	r := bake(t, c, `
target "default" {
  platforms         = ["linux/amd64", "linux/arm64"]
  dockerfile-inline = <<EOT
FROM scratch
ARG TARGETARCH
COPY --from=files /$TARGETARCH /bin
EOT
  contexts = { files = "src" }
  output   = ["type=oci,dest=out/app.tar"]
  annotations = ["manifest:org.example.a=b", "index:org.example.c=d"]
  labels      = { l = "1" }
}
`, Options{}, runner.Options{})
	good(t, r)
	text := strings.Join(c.Steps(), "\n")
	for _, arch := range []string{"amd64", "arm64"} {
		if !regexp.MustCompile(`(?m)^\[linux/\S*` + arch + ` stage-0 1/1\] COPY --from=files`).MatchString(text) {
			t.Errorf("nothing was run for %s:\n%s", arch, text)
		}
	}
}

// TestSizes tells the size of an image by the daemon's records.
func TestSizes(t *testing.T) {
	c := &buildkittest.Client{Images: images(), Usage: []*controlapi.UsageRecord{
		{ID: "1", Description: "pulled from example.com/base", Size: 100},
		{ID: "2", Parents: []string{"1"}, Description: "mount / from exec /bin/sh -c lib", Size: 10},
	}}
	r := bake(t, c, `
target "default" {
  dockerfile-inline = "FROM example.com/base\nRUN lib\n"
  output            = ["type=oci,dest=out/app.tar"]
}
`, Options{}, runner.Options{})
	good(t, r)
	if size := r.Targets[0].Result.ImageSize; size != 110 {
		t.Errorf("the size is %d", size)
	}
}

// TestLoad hands an image to a Docker engine.
func TestLoad(t *testing.T) {
	var loaded bytes.Buffer
	c := &buildkittest.Client{}
	r := bake(t, c, `
target "default" {
  dockerfile-inline = "FROM scratch\nCOPY --from=files file /\n"
  contexts = { files = "src" }
  output   = ["type=docker"]
  tags     = ["app:1"]
}
`, Options{Load: func(context.Context, string) (io.WriteCloser, error) { return nopCloser{&loaded}, nil }}, runner.Options{})
	good(t, r)
	if loaded.Len() == 0 {
		t.Error("nothing was loaded")
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// TestHostGateway has the address that the builder names for its host, and says where
// one names none.
func TestHostGateway(t *testing.T) {
	const definition = `target "a" {
  dockerfile-inline = "FROM example.com/base\nRUN x\n"
  extra-hosts       = { docker = "host-gateway" }
  output            = ["type=oci,dest=out/a.tar"]
}`
	label := map[string]string{"org.mobyproject.buildkit.worker.moby.host-gateway-ip": "172.17.0.1"}
	good(t, bake(t, &buildkittest.Client{Images: images(), Labels: label}, definition, Options{}, runner.Options{}))
	r := bake(t, &buildkittest.Client{Images: images()}, definition, Options{}, runner.Options{})
	if err := r.Targets[0].Err; err == nil || !strings.Contains(err.Error(), "test does not say which address host-gateway is") {
		t.Errorf("error %v", err)
	}
}

// TestSecrets hands the secrets of a target out, and keeps targets with
// different privileges apart.
func TestSecrets(t *testing.T) {
	t.Setenv("TOKEN", "s3cret-value")
	c := &buildkittest.Client{Images: images()}
	r := bake(t, c, `
group "default" { targets = ["a", "b"] }
target "a" {
  dockerfile-inline = "FROM example.com/base\nRUN --mount=type=secret,id=token x\nRUN --network=host y\n"
  secret            = ["id=token,env=TOKEN"]
  entitlements      = ["network.host"]
  output            = ["type=oci,dest=out/a.tar"]
}
target "b" {
  dockerfile-inline = "FROM example.com/base\nRUN --mount=type=secret,id=token x\n"
  secret            = ["id=token,src=src/file"]
  output            = ["type=oci,dest=out/b.tar"]
}
`, Options{}, runner.Options{})
	good(t, r)
	host := 0
	for _, b := range c.Builds() {
		if slices.Contains(b.AllowedEntitlements, "network.host") {
			host++
		}
	}
	if host == 0 {
		t.Error("no request may use the network of the host")
	}
}

// TestInterrupted ends with the context, whatever is under way.
func TestInterrupted(t *testing.T) {
	plan := planOf(t, twoStages)
	c := &buildkittest.Client{Images: images()}
	b, err := builder.Connect(t.Context(), c, "test")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	report, err := runner.Run(ctx, plan, NewSolver(b, Options{Contexts: &contextfs.Watch{}}), runner.Options{
		Event: func(e runner.Event) {
			if _, ok := e.(runner.StepStarted); ok {
				cancel()
			}
		},
	})
	if !errors.Is(err, context.Canceled) || report.OK() {
		t.Errorf("error %v, %v", err, report.Count())
	}
}

// TestRedial finds the builder again for the next session.
func TestRedial(t *testing.T) {
	c := &buildkittest.Client{Images: images(), Fails: map[string]error{"RUN lib": errors.New("connection reset by peer")}}
	second := &buildkittest.Client{Images: images()}
	r := bake(t, c, twoStages, Options{Redial: func(ctx context.Context) (*builder.Builder, error) {
		return builder.Connect(ctx, second, "test")
	}}, runner.Options{
		KeepGoing: true, Retry: runner.Retry{Sessions: 1, Delay: 1},
		Changed: func(_ *runner.Report, t *runner.TargetReport) {
			if t.State == runner.Waiting && len(t.Attempts) > 0 {
				_ = c.Close()
			}
		},
	})
	good(t, r)
	if len(second.Builds()) == 0 {
		t.Error("the second builder was not used")
	}
}

// TestCall asks the frontend about targets.
func TestCall(t *testing.T) {
	plan := planOf(t, twoStages)
	c := &buildkittest.Client{Images: images()}
	b, err := builder.Connect(t.Context(), c, "test")
	if err != nil {
		t.Fatal(err)
	}
	s := NewSolver(b, Options{Contexts: &contextfs.Watch{}})
	for _, method := range []string{"outline", "targets", "lint"} {
		answers, err := s.Call(t.Context(), plan, plan.Builds, func(*planner.Build) string { return method }, nil)
		if err != nil || len(answers) != len(plan.Builds) {
			t.Fatalf("%s: %d answers, error %v", method, len(answers), err)
		}
		for b, a := range answers {
			if a.Err != nil {
				t.Errorf("%s of %s: %v", method, b.Name(), a.Err)
			}
		}
	}
	if err := b.Close(); err != nil || !c.Closed() || fmt.Sprint(b.Client()) != "<nil>" {
		t.Errorf("closing: %v", err)
	}
}
