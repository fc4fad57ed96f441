package bake

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/orch-build/orch/cmd/orch/internal/build"
	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/compare"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/site"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/publication"
	"github.com/orch-build/orch/runner/question"
)

// bakeFlags are the flags of bake, but for those that say how the definition is read.
type bakeFlags struct {
	print      bool
	list       string
	affected   []string
	push, load bool
	noCache    bool
	pull       bool
	sbom       string
	provenance string
	call       string
	check      bool
	policy     []string
	output     []string
	metadata   string
	progress   string
	frontend   string
	publish    string
	skip       string
	audit      string
	debug      bool
	junit      string
	// strictContext makes changes of a context while it is read an error.
	strictContext bool
	// watch builds the targets again whose files change.
	watch bool
	// verbose has the end of the run list every target.
	verbose bool
	// explain has the end of the run say why targets were built.
	explain bool
	scheduleFlags
	shard bakeShardFlags
	// sites reaches where targets are built; nil is a builder.
	sites site.Opener
	// frozen has the run take only what is locked; frozenSet says whether the flag
	// was given.
	frozen, frozenSet bool
	// noCacheSet and pullSet say whether the flags were given.
	noCacheSet, pullSet bool
}

func (b *bakeFlags) register(flags *pflag.FlagSet) {
	helptext.Grouped(flags, "Building", func(flags *pflag.FlagSet) {
		flags.BoolVar(&b.noCache, "no-cache", false, "build every step anew")
		flags.BoolVar(&b.pull, "pull", false, "look for newer base images")
		flags.StringVar(&b.progress, "progress", "auto", "how to show progress: `MODE` is auto, plain, tty, quiet, rawjson or none")
		flags.BoolVarP(&b.watch, "watch", "w", false, "build again what changed files touch, until Ctrl-C")
		flags.BoolVarP(&b.verbose, "verbose", "v", false, "list every target at the end, also on a terminal where nothing is new")
		flags.BoolVarP(&b.debug, "debug", "D", false, "note on standard error what orch does, and how long it takes")
		flags.StringArrayVar(&b.policy, "policy", nil, "add to the source `POLICY`: disabled=BOOL, strict=BOOL, log-level=LEVEL")
		flags.BoolVar(&b.frozen, "frozen", false, "take only what is in orch.lock.hcl; the default where CI is set and there is a lock")
		flags.BoolVar(&b.strictContext, "strict-context", false, "fail if a file of a context changes while it is read")
		flags.BoolVar(&b.explain, "explain", false, "say at the end why targets were built, and which predictions were wrong; see orch explain")
		b.scheduleFlags.register(flags)
	})
	helptext.Grouped(flags, "Cache and frontend", func(flags *pflag.FlagSet) {
		flags.StringVar(&b.frontend, "frontend", "linked", "for Dockerfiles of docker/dockerfile:1: `WHICH` is linked, the frontend in orch, "+
			"or pull, the one that the syntax line names")
	})
	helptext.Grouped(flags, "Results", b.registerResults)
	helptext.Grouped(flags, "Shards", b.shard.register)
	helptext.Grouped(flags, "Asking instead of building", func(flags *pflag.FlagSet) {
		compare.RegisterAffected(flags, &b.affected)
		flags.BoolVar(&b.print, "print", false, "print the resolved definition as JSON")
		flags.StringVar(&b.list, "list", "", "list `WHAT`: targets, variables, or type=…,format=table|json")
		for _, what := range []string{"targets", "variables"} {
			flags.BoolFunc("list-"+what, "list "+what, func(string) error { b.list = what; return nil })
			_ = flags.MarkHidden("list-" + what) // bake's old name
		}
		flags.BoolVar(&b.check, "check", false, "check the Dockerfiles: --call=check")
		flags.StringVar(&b.call, "call", "build", "what to do: `METHOD` is build, check, outline or targets; with ,format=json and ,ignorestatus=BOOL")
	})
}

// registerResults registers the flags of what comes out of a run.
func (b *bakeFlags) registerResults(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&b.output, "output", "o", nil, "output of every chosen target: `DEST` is a folder, or type=…,dest=…")
	flags.BoolVar(&b.push, "push", false, "push images: --set=*.push=true")
	flags.BoolVar(&b.load, "load", false, "load images into a Docker engine: --set=*.load=true")
	flags.StringVar(&b.publish, "publish", "auto", "when tags move: `WHEN` is together, after every target and test is good; "+
		"each, with its own push; or auto, which is together if more than one target is pushed")
	flags.Lookup("publish").NoOptDefVal = "together"
	flags.StringVar(&b.skip, "skip", "", "leave out builds whose images are there already: `MODE` is proven or never (default: what the skip block says)")
	flags.Lookup("skip").NoOptDefVal = config.SkipModes[0]
	flags.StringVar(&b.audit, "audit", "", "build `PERCENT` of the skipped targets all the same, from scratch, and compare (without a number, all of them)")
	flags.Lookup("audit").NoOptDefVal = "100"
	flags.StringVar(&b.sbom, "sbom", "", "attach an SBOM: `WHICH` is true, false or attributes")
	flags.StringVar(&b.provenance, "provenance", "", "attach provenance: `WHICH` is true, false or attributes such as mode=max")
	flags.StringVar(&b.metadata, "metadata-file", "", "write digests and names of the images as JSON to `FILE`")
	flags.StringVar(&b.result, "result", "", "write a record of the run as JSON to `FILE`, whatever comes of it")
	flags.StringVar(&b.report, "report", "", "write a page about the run, with its graph and a timeline, to `FILE`")
	flags.StringVar(&b.junit, "junit", "", "write the results of the test blocks as JUnit XML to `FILE`")
}

// noted remembers which flags were given.
func (b *bakeFlags) noted(flags *pflag.FlagSet) {
	b.noCacheSet, b.pullSet = flags.Changed("no-cache"), flags.Changed("pull")
	b.frozenSet = flags.Changed("frozen")
	b.shard.shardSet, b.shard.planSet = flags.Changed("shard"), flags.Changed("plan")
}

var progressModes = []string{"auto", "plain", "tty", "quiet", "rawjson", "none"}

// options reads how to build from the flags.
func (b *bakeFlags) options(e *planning.Session) (build.Options, error) {
	if b.progress == "auto" {
		if mode := e.Getenv("BUILDKIT_PROGRESS"); mode != "" {
			b.progress = mode
		}
	}
	if !slices.Contains(progressModes, b.progress) {
		return build.Options{}, usage.Errorf("--progress %q: there are %s", b.progress, strings.Join(progressModes, ", "))
	}
	if b.frontend != "linked" && b.frontend != "pull" {
		return build.Options{}, usage.Errorf("--frontend %q: there are linked and pull", b.frontend)
	}
	if !slices.Contains(publication.Modes, b.publish) {
		return build.Options{}, usage.Errorf("--publish=%s: there are %s", b.publish, strings.Join(publication.Modes, ", "))
	}
	if b.skip != "" && !slices.Contains(config.SkipModes, b.skip) {
		return build.Options{}, usage.Errorf("--skip=%s: there are %s", b.skip, strings.Join(config.SkipModes, ", "))
	}
	if n, err := strconv.ParseFloat(b.audit, 64); b.audit != "" && (err != nil || n < 0 || n > 100) {
		return build.Options{}, usage.Errorf("--audit=%s: it is a number from 0 to 100", b.audit)
	}
	if b.debug && b.progress == "auto" {
		b.progress = "plain" // notes would tear a display that moves
	}
	opt := build.Options{Explain: b.explain, Verbose: b.verbose, Debug: b.debug, Publish: b.publish, JunitFile: b.junit, StrictContext: b.strictContext, PullFrontend: b.frontend == "pull", Progress: b.progress, MetadataFile: b.metadata}
	if b.frozenSet {
		opt.Frozen = &b.frozen
	}
	if err := b.scheduleFlags.apply(&opt); err != nil {
		return opt, err
	}
	return opt, b.writable()
}

// writable says which file of the flags could not be written when the run is
// over, because its folder is not there.
func (b *bakeFlags) writable() error {
	return cli.Writable([][2]string{{"--metadata-file", b.metadata}, {"--result", b.result}, {"--report", b.report}, {"--junit", b.junit}})
}

// overrides returns what the flags override in every target.
func (b *bakeFlags) overrides() ([]config.Override, error) {
	var out []config.Override
	from := func(key, value, text string) {
		out = append(out, config.Override{Pattern: "*", Key: key, Value: value, HasValue: true, Text: text})
	}
	all := func(key, value string) { from(key, value, fmt.Sprintf("*.%s=%s", key, value)) }
	for _, o := range b.output {
		from("output", o, "--output "+o)
	}
	if b.push {
		from("push", "true", "--push")
	}
	if b.load {
		from("load", "true", "--load")
	}
	if b.skip != "" {
		out = append(out, skipFlag("mode", b.skip))
	}
	if b.audit != "" {
		out = append(out, skipFlag("audit", b.audit))
	}
	if b.check {
		b.call = "check"
	}
	call, err := question.Parse(b.call)
	if err != nil {
		return nil, err
	}
	if call.Method != "" {
		all("call", call.Method)
	}
	if b.noCacheSet {
		all("no-cache", strconv.FormatBool(b.noCache))
	}
	if b.pullSet {
		all("pull", strconv.FormatBool(b.pull))
	}
	if b.sbom != "" {
		all("attest", config.Attestation("sbom", b.sbom))
	}
	if b.provenance != "" {
		all("attest", config.Attestation("provenance", b.provenance))
	}
	policies, err := b.policies()
	return append(out, policies...), err
}

// over puts what the flags override behind what --set does. Without a policy,
// what --set says of it does not count.
func (b *bakeFlags) over(set, flags []config.Override) []config.Override {
	off := slices.ContainsFunc(flags, func(o config.Override) bool { return o.Key == "policy" && !o.Append })
	if off {
		set = slices.DeleteFunc(slices.Clone(set), func(o config.Override) bool { return o.Key == "policy" })
	}
	return slices.Concat(set, flags)
}

// policies reads --policy: what is appended to the policy of every target, or
// that there is none.
func (b *bakeFlags) policies() ([]config.Override, error) {
	var out []config.Override
	for _, p := range b.policy {
		parsed, err := config.ParsePolicy(p)
		if err != nil {
			return nil, usage.Errorf("--policy %q: %v", p, err)
		}
		if len(parsed.Files) > 0 || parsed.Reset {
			return nil, usage.Errorf("--policy %q: files and reset belong into the definition", p)
		}
		if parsed.Disabled && (parsed.Strict != nil || parsed.LogLevel != nil || len(b.policy) > 1) {
			return nil, usage.Errorf("--policy %q: disabled goes with no other policy", p)
		}
		out = append(out, config.Override{
			Pattern: "*", Key: "policy", Append: !parsed.Disabled, Value: p, HasValue: true,
			Text: "--policy " + p,
		})
	}
	return out, nil
}
