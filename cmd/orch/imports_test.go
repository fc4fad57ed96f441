package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/orch-build/orch/"

// anywhere may be imported by every package, as package regexp may.
const anywhere = "internal/lazyregexp"

// TestImports holds the packages to the one direction that the architecture
// has: each may use only those named here with what they may use, and nothing
// else of the module.
func TestImports(t *testing.T) {
	allowed := map[string][]string{
		"schema":           {"internal/hclparse", "internal/suggest"},
		"config":           {"schema", "internal/template", "config/spec", "config/attribute", "config/decide", "config/services", "config/lock", "internal/urlsecret"},
		"config/lock":      {"internal/fault", "internal/hclparse", "internal/shellquote", "internal/suggest"},
		"config/spec":      {},
		"config/attribute": {"schema", "config/spec"},
		"config/trail":     {},
		"config/funcs":     {},
		"config/files":     {"config/funcs"},
		"config/eval":      {"schema", "config/attribute", "config/funcs", "config/trail"},
		"config/block":     {"config/eval"},
		"config/services":  {"config/block", "config/files"},
		"config/decide":    {"schema", "config/attribute", "config/files", "internal/fault", "internal/urlsecret"},
		"config/policy":    {"schema", "config", "internal/template"},
		"planner":          {"planner/dockerfile", "internal/fault", "internal/framed", "schema", "config", "config/policy", "internal/template", "internal/ocilayout"},
		"planner/print":    {"planner", "planner/inputs", "internal/page", "internal/fault", "internal/termtext"},
		"planner/options":  {"internal/fault", "schema", "config", "config/policy", "planner", "internal/template", "internal/ocilayout"},
		"runner":           {"schema", "config", "config/policy", "planner", "runner/chain", "internal/termtext", "internal/template", "internal/ocilayout"},
		"runner/meter":     {},
		"runner/rights":    {"schema", "config", "internal/template"},
		"runner/lane":      {"internal/layout", "internal/output", "internal/registry", "internal/retry", "internal/termtext"},
		"runner/publish":   {"runner/publish/same", "internal/output", "internal/registry", "internal/retry", "internal/termtext"},
		"internal/output":  {},
		"internal/layout":  {"internal/filelock", "internal/output"},
		"runner/blame":     {"schema", "config", "config/policy", "planner", "runner", "runner/chain", "internal/termtext", "internal/template", "internal/ocilayout"},
		"runner/buildkit": {
			"runner", "runner/blame", "runner/engine/engineout", "runner/engine/keptimage", "runner/buildkit/builder", "runner/buildkit/outputs", "runner/buildkit/steps",
			"runner/buildkit/answer", "runner/buildkit/inside", "runner/buildkit/caches", "runner/buildkit/cachemounts", "runner/mounts/store", "runner/buildkit/creds", "runner/buildkit/exports", "runner/buildkit/facts", "runner/buildkit/faults", "runner/buildkit/fetch", "runner/buildkit/frontend", "runner/buildkit/sourcepolicy", "internal/span", "runner/lane", "runner/meter", "runner/rights", "internal/contextfs", "internal/layout",
			"planner/options", "runner/history", "runner/provenance", "internal/limits", "internal/mask", "internal/netfault", "internal/definition", "internal/followlinks",
		},
		"runner/builders":                       {"runner/builders/address", "runner/builders/buildx", "runner/builders/contexts", "runner/builders/hclfile", "internal/regular", "internal/shellquote", "internal/suggest"},
		"runner/builders/address":               {},
		"runner/builders/buildx":                {"internal/shellquote", "internal/jsonfault", "internal/regular"},
		"runner/builders/contexts":              {"internal/suggest", "internal/jsonfault", "internal/regular"},
		"runner/builders/hclfile":               {"runner/builders/address", "internal/hclparse", "internal/suggest"},
		"runner/engine":                         {"internal/suggest", "runner/builders/contexts", "internal/shellquote"},
		"runner/engine/keptimage":               {"internal/output"},
		"runner/engine/engineout":               {"planner"},
		"runner/engine/enginepush":              {"runner", "runner/engine", "runner/engine/engineout", "internal/registry"},
		"runner/pods":                           {"runner/builders", "internal/termtext"},
		"runner/pods/deploy":                    {"runner/pods"},
		"runner/buildkit/steps":                 {"runner", "runner/meter", "internal/mask", "internal/output"},
		"runner/progress":                       {"runner", "runner/keys"},
		"runner/keys":                           {},
		"runner/remaining":                      {"runner", "runner/chain"},
		"runner/buildkit/inside":                {"runner/buildkit/steps"},
		"runner/buildkit/buildkittest":          {},
		"runner/buildkit/outputs":               {"planner", "internal/layout", "internal/output"},
		"runner/buildkit/builder":               {"runner/meter", "runner/builders", "runner/engine", "runner/pods"},
		"internal/mask":                         {},
		"runner/runnertest":                     {"runner", "runner/blame", "internal/output"},
		"runner/embedded":                       {"internal/limits", "internal/registry", "internal/retry", "internal/termtext", "runner/embedded/internal/daemonconfig", "internal/output", "internal/program", "internal/statedir", "runner/embedded/internal/state"},
		"runner/embedded/server":                {"internal/output", "internal/retry", "runner/embedded/internal/daemonconfig", "runner/embedded/internal/intact", "runner/embedded/internal/state", "runner/meter"},
		"runner/rego":                           {"schema", "config", "config/policy", "internal/template"},
		"runner/chain":                          {"schema", "config", "config/policy", "planner", "internal/template", "internal/ocilayout"},
		"runner/times":                          {"schema", "config", "config/policy", "internal/output", "planner", "runner/chain", "runner", "internal/termtext", "internal/template", "internal/ocilayout"},
		"runner/embedded/internal/daemonconfig": {},
		"runner/embedded/internal/intact":       {"internal/output"},
		"internal/dockerproxy":                  {},
		"runner/provenance":                     {},
		"runner/history":                        {"planner"},
		"internal/vcs":                          {},
		"internal/definition":                   {},
		"internal/followlinks":                  {},
		"internal/proctree":                     {},
		"config/compose":                        {},
		"config/permission":                     {"schema", "config", "config/policy", "internal/ocilayout", "internal/output", "internal/shellquote", "internal/template"},
		"internal/contextfs":                    {"internal/output"},
		"internal/netfault":                     {},
		"internal/limits":                       {},
		"internal/interrupt":                    {},
		"internal/termtext":                     {},
		"internal/registry":                     {"internal/retry", "internal/termtext"},
		"internal/retry":                        {},
		"runner/buildkit/tracing":               {},
		"internal/ocilayout":                    {"internal/termtext"},
		"internal/template":                     {},
		"internal/fault":                        {},
		"internal/shellquote":                   {},
		"internal/urlsecret":                    {},
		"internal/suggest":                      {},
		"internal/usage":                        {},
		"internal/helptext":                     {"internal/suggest", "internal/termtext", "internal/usage"},
		"internal/hashstore":                    {"internal/output"},
		"internal/notice":                       {},
		"internal/profile":                      {"internal/output"},
		"internal/ci":                           {"internal/termtext"},
		"internal/diag":                         {"internal/ci", "internal/limits", "internal/regular", "internal/termtext", "internal/urlsecret"},
		"internal/gitfact":                      {},

		"planner/dockerfile":  {"internal/fault", "internal/framed", "internal/suggest"},
		"planner/inputs":      {"planner", "internal/ocilayout"},
		"planner/check":       {"planner/inputs"},
		"planner/plannertest": {"config", "internal/fault", "internal/need"},
		"internal/framed":     {},
		"internal/need":       {},
	}
	allowed["planner/digest"] = []string{
		"internal/fault", "schema", "config", "config/policy", "internal/template", "internal/ocilayout", "planner", "planner/inputs", "planner/options",
		"internal/contextfs", "internal/imageconfig", "internal/registry", "internal/retry", "internal/termtext", "internal/output",
	}
	allowed["planner/affected"] = append([]string{"planner/digest", "internal/gittree", "planner/explain", "planner/facts"}, allowed["planner/digest"]...)
	allowed["planner/facts"] = append([]string{"planner/digest"}, allowed["planner/digest"]...)
	allowed["planner/explain"] = append([]string{"planner/facts"}, allowed["planner/facts"]...)
	allowed["planner/explain/since"] = append([]string{"planner/explain"}, allowed["planner/explain"]...)
	allowed["runner/foresight"] = append([]string{"runner/predict", "internal/gitfact", "internal/mask", "planner/explain/since", "runner", "runner/record"}, allowed["planner/explain"]...)
	allowed["runner/predict"] = append([]string{"planner/explain", "runner", "runner/chain", "runner/record"}, allowed["planner/explain"]...)
	allowed["runner/skip"] = append([]string{"internal/imagediff", "planner/digest", "runner", "runner/chain"}, allowed["planner/digest"]...)
	allowed["planner/outside"] = append([]string{"planner/digest"}, allowed["planner/digest"]...)
	allowed["runner/bundle"] = append([]string{"planner/outside", "internal/regular", "internal/shellquote"}, allowed["planner/outside"]...)
	allowed["runner/bundle/folder"] = append([]string{"runner/bundle", "internal/usage"}, allowed["runner/bundle"]...)
	allowed["runner/bundle/pack"] = append([]string{"runner/bundle/folder"}, allowed["runner/bundle/folder"]...)
	allowed["runner/bundle/artifact"] = append([]string{"runner/bundle/folder"}, allowed["runner/bundle/folder"]...)
	allowed["runner/pin"] = append([]string{"planner/outside", "runner/buildkit/frontend"}, allowed["planner/outside"]...)
	allowed["runner/pin/frozen"] = append([]string{"runner/pin", "internal/usage"}, allowed["runner/pin"]...)
	allowed["runner/pin/relock"] = append([]string{"runner/pin", "internal/output", "internal/urlsecret", "internal/usage"}, allowed["runner/pin"]...)
	allowed["internal/gittree"] = []string{"internal/gitfact"}
	allowed["internal/span"] = nil
	allowed["internal/hclparse"] = nil
	allowed["internal/regular"] = nil
	allowed["internal/environ"] = []string{"internal/shellquote"}
	allowed["schema/hclfmt"] = []string{"schema", "internal/output"}
	allowed["internal/program"] = []string{"internal/output", "internal/termtext"}
	allowed["runner/jobs"] = nil
	allowed["runner/buildkit/answer"] = []string{"planner", "internal/definition"}
	allowed["internal/docsite"] = []string{"internal/output"}
	allowed["internal/page"] = []string{"internal/termtext"}
	allowed["runner/record"] = []string{"internal/packedjson", "internal/page", "internal/shellquote", "internal/statedir", "planner/print", "runner", "config", "config/policy", "planner", "internal/output", "internal/termtext"}
	allowed["runner/runs"] = []string{"internal/page", "runner", "runner/record", "internal/output", "internal/suggest", "internal/termtext"}
	allowed["runner/buildkit/caches"] = []string{"config", "planner", "runner", "runner/lane", "internal/registry", "internal/retry"}
	allowed["runner/buildkit/exports"] = []string{"config", "runner", "runner/buildkit/outputs", "runner/engine/engineout"}
	allowed["runner/buildkit/facts"] = []string{"planner", "runner/buildkit/frontend", "internal/dockerproxy", "internal/vcs"}
	allowed["runner/buildkit/creds"] = []string{"config", "internal/mask", "internal/registry", "runner/rights"}
	allowed["runner/buildkit/faults"] = []string{"runner", "runner/blame", "internal/limits", "internal/netfault", "internal/output"}
	allowed["runner/buildkit/fetch"] = []string{"config", "internal/termtext", "runner/buildkit/builder", "runner/buildkit/creds", "runner/buildkit/sourcepolicy"}
	allowed["runner/buildkit/frontend"] = []string{"planner"}
	allowed["runner/buildkit/sourcepolicy"] = []string{"planner", "runner/buildkit/frontend", "runner/bundle"}
	allowed["internal/pipeline"] = []string{"internal/shellquote"}
	allowed["internal/packedjson"] = []string{"internal/output"}
	allowed["planner/shard"] = []string{"config", "config/policy", "internal/fault", "internal/jsonfault", "internal/termtext", "planner"}
	allowed["runner/merge"] = []string{"internal/jsonfault", "internal/registry", "internal/shellquote", "planner/shard", "runner", "runner/record"}
	allowed["internal/imageconfig"] = []string{"internal/registry", "internal/retry", "internal/termtext", "internal/output"}
	allowed["internal/language/lsp"] = nil
	allowed["internal/language/document"] = []string{"internal/fault", "internal/language/lsp"}
	allowed["internal/language/project"] = []string{"config", "planner", "planner/check", "planner/dockerfile", "internal/language/document", "internal/hclparse"}
	allowed["internal/language"] = []string{"config/funcs", "internal/language/project", "internal/termtext", "schema/hclfmt"}
	allowed["internal/language/server"] = []string{"internal/language"}
	allowed["internal/filelock"] = nil
	allowed["internal/imagediff"] = []string{"internal/termtext"}
	allowed["runner/publish/same"] = []string{"internal/registry"}
	allowed["planner/place"] = []string{"planner", "planner/shard"}
	allowed["runner/fleet"] = []string{"config", "planner", "planner/place", "planner/shard", "runner", "runner/merge"}
	allowed["runner/mounts/pack"] = nil
	allowed["runner/mounts/helper"] = []string{"runner/mounts/pack"}
	allowed["runner/mounts/store"] = []string{"runner/mounts/pack", "runner/lane", "internal/layout", "internal/output", "internal/registry", "internal/retry", "internal/termtext"}
	allowed["runner/buildkit/cachemounts"] = []string{"runner/mounts/pack", "internal/definition"}
	for pkg := range allowed {
		may := map[string]bool{}
		reach(allowed, pkg, may)
		for _, dep := range deps(t, pkg) {
			name, ours := strings.CutPrefix(dep, module)
			if ours && !may[name] && name != anywhere {
				t.Errorf("%s imports %s", pkg, name)
			}
		}
	}
}

// reach adds a package, and all that it may use.
func reach(allowed map[string][]string, pkg string, to map[string]bool) {
	if to[pkg] {
		return
	}
	to[pkg] = true
	for _, dep := range allowed[pkg] {
		reach(allowed, dep, to)
	}
}

// commandLayers are the packages of the command line, each with those of them that
// it may use.
var commandLayers = map[string][]string{
	"version":    {},
	"cli":        {},
	"clitest":    {"cli"},
	"parts":      {"cli"},
	"whole":      {"cli", "parts"},
	"machine":    {"cli", "version", "parts"},
	"planning":   {"cli", "parts", "machine"},
	"buildercmd": {"cli", "machine"},
	"screen":     {"cli"},
	"site":       {"cli", "machine", "planning"},
	"build":      {"cli", "version", "parts", "machine", "planning", "screen", "site"},
	"asking":     {"cli", "machine", "planning", "build", "screen"},
	"compare":    {"cli", "machine", "planning"},
	"sharding":   {"cli", "version", "machine", "planning", "build", "compare"},
	"editing":    {"cli", "machine", "planning"},
	"inspect":    {"cli", "machine", "planning", "asking", "build", "compare", "site"},
	"debugging":  {"cli", "planning", "build", "compare"},
	"reproduce":  {"cli", "machine", "planning", "build", "site"},
	"bake":       {"cli", "version", "machine", "planning", "asking", "build", "compare", "sharding", "site"},
}

// mostFiles is how many files a package of the command line may have.
const mostFiles = 20

// TestCommandLayers keeps the packages below cmd/orch in their layers, and small.
func TestCommandLayers(t *testing.T) {
	const internal = "cmd/orch/internal/"
	for _, p := range allPackages(t) {
		name, below := strings.CutPrefix(p.name, internal)
		if !below {
			continue
		}
		may, known := commandLayers[name]
		if !known {
			t.Errorf("%s has no layer: enter it in commandLayers", p.name)
		}
		for _, dep := range p.imports {
			if to, ours := strings.CutPrefix(dep, module+internal); ours && !slices.Contains(may, to) {
				t.Errorf("%s imports %s", name, to)
			}
		}
		files, err := filepath.Glob(filepath.Join("internal", name, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		files = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
		if len(files) > mostFiles {
			t.Errorf("%s has %d files; at most %d: part it", p.name, len(files), mostFiles)
		}
	}
}

// largeParts is what makes the large parts of orch large; see package parts.
var largeParts = []string{
	"github.com/open-policy-agent", "github.com/docker/buildx", "github.com/moby/policy-helpers",
	"github.com/moby/buildkit/control", "github.com/moby/buildkit/worker/base",
	"github.com/compose-spec/compose-go/v2/loader", "github.com/santhosh-tekuri/jsonschema",
}

// TestForeignImports holds the large dependencies to the one package that is
// there to know them.
func TestForeignImports(t *testing.T) {
	forbidden := map[string][]string{
		"schema":            {"github.com/moby/buildkit", "github.com/spf13/cobra", "net/http"},
		"config":            {"github.com/moby/buildkit", "github.com/spf13/cobra"},
		"planner":           {"github.com/moby/buildkit/client", "github.com/moby/buildkit/session", "github.com/spf13/cobra"},
		"planner/digest":    {"github.com/moby/buildkit/control", "github.com/moby/buildkit/worker", "github.com/spf13/cobra"},
		"runner/publish":    {"github.com/moby/buildkit", "github.com/spf13/cobra"},
		"internal/registry": {"github.com/moby/buildkit", "github.com/spf13/cobra"},
		"runner":            {"github.com/moby/buildkit/client", "github.com/moby/buildkit/session", "github.com/spf13/cobra"},
		"runner/buildkit": {
			"github.com/moby/buildkit/control", "github.com/moby/buildkit/worker", "github.com/spf13/cobra",
		},
		"runner/progress": {"github.com/moby/buildkit/client", "github.com/moby/buildkit/session", "github.com/spf13/cobra"},
		"runner/embedded": {"github.com/moby/buildkit/control", "github.com/moby/buildkit/worker/base", "github.com/spf13/cobra"},
		// What is large is handed in by cmd/orch.
		"cmd/orch/internal/bake":       largeParts,
		"cmd/orch/internal/buildercmd": largeParts,
		"cmd/orch/internal/debugging":  largeParts,
		"cmd/orch/internal/editing":    largeParts,
		"cmd/orch/internal/reproduce":  largeParts,
	}
	for pkg, prefixes := range forbidden {
		for _, dep := range deps(t, pkg) {
			for _, prefix := range prefixes {
				if dep == prefix || strings.HasPrefix(dep, prefix+"/") {
					t.Errorf("%s depends on %s", pkg, dep)
				}
			}
		}
	}
}

// TestDisplayImports keeps what draws a run apart from what runs it.
func TestDisplayImports(t *testing.T) {
	forbidden := map[string][]string{
		"runner/progress":    {"github.com/moby/", "github.com/containerd/", module + "runner/buildkit"},
		"runner/buildkit...": {"github.com/moby/buildkit/util/progress", "github.com/containerd/console", "golang.org/x/term", module + "runner/progress"},
	}
	for pkg, prefixes := range forbidden {
		base, below := strings.CutSuffix(pkg, "...")
		for _, p := range allPackages(t) {
			if p.name != base && !(below && strings.HasPrefix(p.name, base+"/")) {
				continue
			}
			for _, to := range p.imports {
				if slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(to, prefix) }) {
					t.Errorf("%s imports %s", p.name, to)
				}
			}
		}
	}
}

// TestSplitImports keeps out of the part of orch that starts first what takes
// long to initialise; see split.go.
func TestSplitImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-e", "-tags", "orch_split", module+"cmd/orch").Output()
	if err != nil {
		t.Fatalf("listing the imports of the split orch: %v", err)
	}
	for _, dep := range strings.Fields(string(out)) {
		for _, slow := range []string{
			"github.com/moby/buildkit/control", "github.com/moby/buildkit/worker/base",
			"github.com/santhosh-tekuri/jsonschema", "github.com/asaskevich/govalidator",
			"github.com/open-policy-agent/", "github.com/docker/buildx", "github.com/moby/policy-helpers",
			"github.com/aws/", "github.com/Azure/", "go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp",
		} {
			if strings.HasPrefix(dep, slow) {
				t.Errorf("the split orch depends on %s", dep)
			}
		}
	}
}

// listed is a package of the module as go list has it, without the module's name.
type listed struct {
	name, doc     string
	imports, deps []string
}

// listPackages asks for all packages of the module, once: it takes a second.
var listPackages = sync.OnceValues(func() ([]listed, error) {
	cmd := exec.Command("go", "list", "-f", "{{.ImportPath}}\t{{.Doc}}\t{{join .Imports \" \"}}\t{{join .Deps \" \"}}", module+"...")
	cmd.Env = append(os.Environ(), "GOOS=linux")
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var list []listed
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		list = append(list, listed{
			name: strings.TrimPrefix(fields[0], module), doc: fields[1],
			imports: strings.Fields(fields[2]), deps: strings.Fields(fields[3]),
		})
	}
	return list, nil
})

func allPackages(t *testing.T) []listed {
	t.Helper()
	list, err := listPackages()
	if err != nil {
		t.Fatalf("listing the packages: %v", err)
	}
	return list
}

// deps lists everything that a package of the module depends on.
func deps(t *testing.T, pkg string) []string {
	t.Helper()
	for _, p := range allPackages(t) {
		if p.name == pkg {
			return p.deps
		}
	}
	t.Errorf("there is no package %s", pkg)
	return nil
}

// TestLanguageImports holds the languages that definitions are written in to the
// packages that read and report them. All others know a place in a file by
// package fault.
func TestLanguageImports(t *testing.T) {
	allowed := map[string][]string{
		"github.com/hashicorp/hcl/v2": {
			"schema", "config", "config/compose", "config/permission", "config/policy", "convert", "load", "internal/diag", "internal/fault", "internal/hclparse", "internal/language", "cmd/orch",
			"runner/blame", "runner/builders", "runner/buildkit", "runner/policies", "runner/question", "runner/rego",
		},
		"github.com/zclconf/go-cty":             {"schema", "config", "internal/diag", "runner/builders/hclfile"},
		"github.com/compose-spec/compose-go/v2": {"config", "config/compose", "convert", "load", "cmd/orch"},
	}
	for _, p := range allPackages(t) {
		for language, may := range allowed {
			names := slices.ContainsFunc(p.imports, func(dep string) bool { return dep == language || strings.HasPrefix(dep, language+"/") })
			if names && !slices.ContainsFunc(may, func(m string) bool { return p.name == m || strings.HasPrefix(p.name, m+"/") }) {
				t.Errorf("%s imports %s", p.name, language)
			}
		}
	}
}
