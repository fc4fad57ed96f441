// Package question puts questions about targets to BuildKit's frontend, such as
// what is wrong with a Dockerfile or which arguments it takes, and prints the
// answers. It builds nothing, and knows no flags but the value of --call.
package question

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/tonistiigi/go-csvvalue"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/report"
	"github.com/orch-build/orch/runner/buildkit/answer"
)

// Call is what the frontend is asked for instead of a build.
type Call struct {
	Method       string // "" is a build
	JSON         bool
	IgnoreStatus bool
}

// Parse reads METHOD[,format=json][,ignorestatus=BOOL].
func Parse(text string) (Call, error) {
	var c Call
	if text == "" {
		return c, nil
	}
	fields, err := csvvalue.Fields(text, nil)
	if err != nil {
		return c, usage.Errorf("--call %q is not a list of comma separated fields", text)
	}
	for _, f := range fields {
		key, value, ok := strings.Cut(f, "=")
		switch {
		case !ok && c.Method == "":
			c.Method = f
		case key == "format" && (value == "json" || value == "text"):
			c.JSON = value == "json"
		case key == "format":
			return c, usage.Errorf("--call %q: the format is json or text", text)
		case key == "ignorestatus":
			if c.IgnoreStatus, err = strconv.ParseBool(value); err != nil {
				return c, usage.Errorf("--call %q: ignorestatus is true or false", text)
			}
		default:
			return c, usage.Errorf("--call %q: it is METHOD, format=json and ignorestatus=BOOL", text)
		}
	}
	switch c.Method {
	case "check":
		c.Method = "lint"
	case "build":
		c.Method = ""
	}
	return c, nil
}

// Method is what the frontend is asked about a target, or "" if it is
// built.
func Method(t *config.Target) string {
	switch t.Call {
	case "build":
		return ""
	case "check":
		return "lint"
	}
	return t.Call
}

// Asked says whether any chosen target is asked about and not built.
func Asked(cfg *config.Config) bool {
	return slices.ContainsFunc(cfg.Chosen, func(name string) bool { return Method(cfg.Target(name)) != "" })
}

// BuiltOnly is the definition without the targets that are asked about, unless
// another target is built on them.
func BuiltOnly(cfg *config.Config) *config.Config {
	return without(cfg, func(name string) bool { return Method(cfg.Target(name)) != "" })
}

// without is the definition without some of the chosen targets, unless another target
// is built on them.
func without(cfg *config.Config, left func(name string) bool) *config.Config {
	out := *cfg
	out.Chosen = slices.DeleteFunc(slices.Clone(cfg.Chosen), left)
	keep := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		t := cfg.Target(name)
		if t == nil || keep[name] {
			return
		}
		keep[name] = true
		for _, c := range t.Contexts {
			if c.Kind == config.LinkedTarget {
				visit(c.Value)
			}
		}
	}
	for _, name := range out.Chosen {
		visit(name)
	}
	out.Targets = slices.DeleteFunc(slices.Clone(cfg.Targets), func(t *config.Target) bool { return !keep[t.Name] })
	return &out
}

// Broken is what is wrong with targets whose Dockerfiles are to be checked, by their
// names. Such a fault is a result of the check where results are read by programs.
type Broken map[string]hcl.Diagnostics

// Readable parts the targets of a definition into those that a plan can be made for,
// and those of which check is asked and planned finds a fault.
func Readable(cfg *config.Config, planned func(*config.Config) (hcl.Diagnostics, error)) (*config.Config, Broken, error) {
	broken := Broken{}
	for _, name := range cfg.Chosen {
		if Method(cfg.Target(name)) != "lint" {
			continue
		}
		diags, err := planned(without(cfg, func(other string) bool { return other != name }))
		if err != nil {
			return nil, nil, err
		}
		if diags.HasErrors() {
			broken[name] = diags
		}
	}
	return without(cfg, func(name string) bool { return broken[name] != nil }), broken, nil
}

// text is what is wrong with a target, in lines.
func (b Broken) text(name string) string {
	var lines []string
	for _, d := range b[name] {
		if d.Severity != hcl.DiagError {
			continue
		}
		line := d.Summary + ": " + d.Detail
		if d.Subject != nil {
			line = fmt.Sprintf("%s:%d: %s", d.Subject.Filename, d.Subject.Start.Line, line)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// Print prints a section for each target. The result is the first exit code that an answer stands for, or 1 after an error.
func Print(w io.Writer, asked []*planner.Build, answers map[*planner.Build]*answer.Answer, flag Call) (int, error) {
	code := 0
	for i, b := range asked {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, b.Name())
		if d := b.Target.Description; d != "" {
			fmt.Fprintln(w, d)
		}
		fmt.Fprintln(w)
		a := answers[b]
		err := a.Err
		if err == nil {
			err = a.Print(w)
		}
		if err != nil {
			fmt.Fprintf(w, "error: %s\n", report.PlainError(err))
		}
		code = callCode(code, a, err, flag)
	}
	return code, nil
}

func callCode(code int, a *answer.Answer, err error, flag Call) int {
	if err != nil {
		return 1
	}
	if code == 0 && !flag.IgnoreStatus {
		return a.Status()
	}
	return code
}

// PrintJSON prints bake's form: the definition of each target, and
// the answer under the name of its method.
func PrintJSON(w io.Writer, cfg *config.Config, asked []*planner.Build, answers map[*planner.Build]*answer.Answer, broken Broken, flag Call) (int, error) {
	var text bytes.Buffer
	if err := config.Print(&text, cfg); err != nil {
		return 0, err
	}
	var printed struct {
		Group  json.RawMessage            `json:"group,omitempty"`
		Target map[string]json.RawMessage `json:"target"`
	}
	if err := json.Unmarshal(text.Bytes(), &printed); err != nil {
		return 0, err
	}
	targets := map[string]map[string]any{}
	for name, def := range printed.Target {
		targets[name] = map[string]any{"build": def}
	}
	code := 0
	for name := range broken {
		targets[config.PrintedName(name)]["check"] = map[string]any{"error": broken.text(name)}
		code = 1
	}
	for _, b := range asked {
		a := answers[b]
		name, method := config.PrintedName(b.Name()), a.Method
		if method == "lint" {
			method = "check"
		}
		switch {
		case a.Err != nil:
			targets[name][method] = map[string]any{"error": report.PlainError(a.Err)}
		case a.JSON() != nil:
			fields := map[string]json.RawMessage{} // in the order of their names, as bake's
			if err := json.Unmarshal(a.JSON(), &fields); err != nil {
				return 0, fmt.Errorf("reading the frontend's answer: %w", err)
			}
			if err := a.Print(io.Discard); err != nil {
				text, _ := json.Marshal(err.Error()) // a string always encodes
				fields["error"] = text
			}
			targets[name][method] = fields
		}
		code = callCode(code, a, a.Err, flag)
	}
	out := struct {
		Group  json.RawMessage           `json:"group,omitempty"`
		Target map[string]map[string]any `json:"target"`
	}{printed.Group, targets}
	if err := termtext.PrintJSON(w, out); err != nil {
		return 0, err
	}
	return code, nil
}

// WriteMetadata writes the metadata file of a run that only asked.
func WriteMetadata(path string, asked []*planner.Build, answers map[*planner.Build]*answer.Answer) error {
	out := map[string]any{}
	if output.Replaceable(path) {
		// Targets that were built in the same run are there already.
		if data, err := os.ReadFile(path); err == nil {
			_ = json.Unmarshal(data, &out)
		}
	}
	for _, b := range asked {
		out[b.Name()] = answers[b].Metadata()
	}
	data, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	if err := output.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing metadata file: %w", err)
	}
	return nil
}

// Builds are the builds of a plan that are asked about, by their names.
func Builds(plan *planner.Plan) []*planner.Build {
	var asked []*planner.Build
	for _, b := range plan.Builds {
		if b.Wanted && Method(b.Target) != "" {
			asked = append(asked, b)
		}
	}
	slices.SortFunc(asked, func(a, b *planner.Build) int { return strings.Compare(a.Name(), b.Name()) })
	return asked
}
