package bake

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/orch-build/orch/cmd/orch/internal/clitest"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner/shard"
)

// parsed are the flags of a command line.
func parsed(t *testing.T, args ...string) *bakeFlags {
	t.Helper()
	b := &bakeFlags{}
	flags := pflag.NewFlagSet("bake", pflag.ContinueOnError)
	b.register(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	b.noted(flags)
	return b
}

// texts are overrides as messages name them.
func texts(list []config.Override) string {
	var out []string
	for _, o := range list {
		out = append(out, o.Text)
	}
	return strings.Join(out, " ")
}

// TestOverrides says what flags change in every target, in the words of the command
// line.
func TestOverrides(t *testing.T) {
	for want, args := range map[string][]string{
		"":                            {"--call", "build"},
		"--output out --output more":  {"-o", "out", "-o", "more"},
		"--push --load":               {"--load", "--push"},
		"*.no-cache=true *.pull=true": {"--no-cache", "--pull"},
		"*.no-cache=false":            {"--no-cache=false"},
		"*.call=lint":                 {"--check"},
		"*.skip.mode=proven":          {"--skip"},
		"*.skip.audit=5":              {"--audit=5"},
		"*.attest=type=sbom,disabled=false *.attest=type=provenance,mode=max": {"--sbom=true", "--provenance=mode=max"},
		"--policy strict=true": {"--policy", "strict=true"},
	} {
		got, err := parsed(t, args...).overrides()
		if err != nil || texts(got) != want {
			t.Errorf("%v: %q, %v", args, texts(got), err)
		}
	}
}

// TestPolicies refuses what a command line cannot say of policies.
func TestPolicies(t *testing.T) {
	for says, args := range map[string][]string{
		"belong into the definition":         {"--policy", "filename=a.rego"},
		"disabled goes with no other policy": {"--policy", "disabled=true,strict=true"},
		"--policy \"x\"":                     {"--policy", "x"},
	} {
		if _, err := parsed(t, args...).policies(); !usage.Is(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// TestOver puts flags behind --set, and lets --set say nothing of policies that are
// off.
func TestOver(t *testing.T) {
	set := []config.Override{{Key: "push", Text: "set push"}, {Key: "policy", Text: "set policy"}}
	b := &bakeFlags{}
	added := []config.Override{{Key: "policy", Append: true, Text: "more"}}
	if got := texts(b.over(set, added)); got != "set push set policy more" {
		t.Errorf("%q", got)
	}
	off := []config.Override{{Key: "policy", Text: "off"}}
	if got := texts(b.over(set, off)); got != "set push off" || len(set) != 2 {
		t.Errorf("%q, and %v is left", got, set)
	}
}

func TestOptions(t *testing.T) {
	e, _, _ := clitest.Env(map[string]string{"BUILDKIT_PROGRESS": "quiet"})
	session := planning.New(machine.New(e, nil))
	opt, err := parsed(t, "--retries", "3", "--jobs", "defer-error,parallel=2").options(session)
	if err != nil || opt.Progress != "quiet" || opt.Retries != 3 || opt.Jobs != 2 || !opt.KeepGoing || opt.Shown() {
		t.Errorf("%+v, %v", opt, err)
	}
	plain, _, _ := clitest.Env(nil)
	if opt, err := parsed(t, "--debug").options(planning.New(machine.New(plain, nil))); err != nil || opt.Progress != "plain" || !opt.Shown() {
		t.Errorf("%+v, %v", opt, err)
	}
	for says, args := range map[string][]string{
		"--keep-going and --fail-fast":       {"--keep-going", "--fail-fast"},
		"--keep-going and --jobs defer-outp": {"--keep-going", "--jobs", "defer-output"},
		"--jobs defer-error and --fail-fast": {"--fail-fast", "--jobs", "defer-error"},
		"a number from 0 to 100":             {"--audit=101"},
		"there are linked and pull":          {"--frontend", "x"},
	} {
		if _, err := parsed(t, args...).options(session); !usage.Is(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// TestUnresumable names the flag that --resume does not go with.
func TestUnresumable(t *testing.T) {
	if err := parsed(t, "--resume").unresumable(); err != nil {
		t.Error(err)
	}
	for _, flag := range []string{"--print", "--check", "--list=targets"} {
		name, _, _ := strings.Cut(flag, "=")
		if err := parsed(t, "--resume", flag).unresumable(); !usage.Is(err) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

// TestWithoutFlag takes a flag off a command line in each form that it has.
func TestWithoutFlag(t *testing.T) {
	flags := pflag.NewFlagSet("bake", pflag.ContinueOnError)
	flags.String("result", "", "")
	flags.Bool("debug", false, "")
	for _, tt := range []struct{ flag, args, want string }{
		{"result", "bake --result a.json --push", "bake --push"},
		{"result", "bake --result=a.json --push", "bake --push"},
		{"debug", "bake --debug --push", "bake --push"},
		{"debug", "bake -- --debug", "bake -- --debug"},
		{"result", "bake --results x", "bake --results x"},
	} {
		if got := withoutFlag(strings.Fields(tt.args), flags.Lookup(tt.flag)); !slices.Equal(got, strings.Fields(tt.want)) {
			t.Errorf("%s of %q: %v", tt.flag, tt.args, got)
		}
	}
}

// TestParts gives the job before the shards all targets, if there is something for
// it to do.
func TestParts(t *testing.T) {
	part := shard.Part{Target: "web", Platforms: []string{"linux/amd64"}}
	file := &shard.File{
		Targets: []shard.Target{{Name: "api"}, {Name: "web"}},
		Shards:  []shard.Shard{{}, {Parts: []shard.Part{part}}},
	}
	f := &bakeShardFlags{file: file, index: 2}
	if got := f.parts(); len(got) != 1 || got[0].Target != "web" {
		t.Errorf("%v", got)
	}
	f.index = 0
	if got := f.parts(); got != nil {
		t.Errorf("without stages to share: %v", got)
	}
	file.Wave = &shard.Wave{}
	if got := f.parts(); len(got) != 2 || got[0].Target != "api" || got[1].Target != "web" {
		t.Errorf("%v", got)
	}
}
