package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"github.com/orch-build/orch/internal/termtext"
	"io"
	"os"
	"slices"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/report"
	"github.com/orch-build/orch/runner/buildkit"
)

// callMethod is what the frontend is asked about a target, or "" if it is
// built.
func callMethod(t *config.Target) string {
	switch t.Call {
	case "build":
		return ""
	case "check":
		return "lint"
	}
	return t.Call
}

// calls says whether any chosen target is asked about and not built.
func calls(cfg *config.Config) bool {
	return slices.ContainsFunc(cfg.Chosen, func(name string) bool { return callMethod(cfg.Target(name)) != "" })
}

// runCall asks the frontend about the targets that have a call, and builds the
// others.
func runCall(ctx context.Context, e *env, cfg *config.Config, flag callFlag, opt runOptions) error {
	plan, err := e.planned(ctx, cfg, planning{})
	if err != nil {
		return err
	}
	if rest := builtOnly(cfg); len(rest.Chosen) > 0 {
		if err := e.build(ctx, rest, opt); err != nil {
			return err
		}
	}
	var asked []*planner.Build
	for _, b := range plan.Builds {
		if b.Wanted && callMethod(b.Target) != "" {
			asked = append(asked, b)
		}
	}
	slices.SortFunc(asked, func(a, b *planner.Build) int { return bytes.Compare([]byte(a.Name()), []byte(b.Name())) })
	q := question{env: e, plan: plan, builds: asked, builder: opt.builder, progress: opt.progress}
	q.method = func(b *planner.Build) string { return callMethod(b.Target) }
	answers, err := q.ask(ctx)
	if err != nil {
		return err
	}
	if opt.metadataFile != "" {
		if err := writeAnswers(opt.metadataFile, asked, answers); err != nil {
			return err
		}
	}
	if flag.json {
		return printAnswersJSON(e, cfg, asked, answers, flag)
	}
	return printAnswers(e, asked, answers, flag)
}

// builtOnly is the definition without the targets that are asked about, unless
// another target is built on them.
func builtOnly(cfg *config.Config) *config.Config {
	out := *cfg
	out.Chosen = slices.DeleteFunc(slices.Clone(cfg.Chosen), func(name string) bool { return callMethod(cfg.Target(name)) != "" })
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

// printAnswers prints a section for each target. The exit code is the first
// one that an answer stands for, or 1 after an error.
func printAnswers(e *env, asked []*planner.Build, answers map[*planner.Build]*buildkit.Answer, flag callFlag) error {
	code := 0
	for i, b := range asked {
		if i > 0 {
			fmt.Fprintln(e.stdout)
		}
		fmt.Fprintln(e.stdout, b.Name())
		if d := b.Target.Description; d != "" {
			fmt.Fprintln(e.stdout, d)
		}
		fmt.Fprintln(e.stdout)
		a := answers[b]
		err := a.Err
		if err == nil {
			err = a.Print(e.stdout)
		}
		if err != nil {
			fmt.Fprintf(e.stdout, "error: %s\n", report.PlainError(err))
		}
		code = callCode(code, a, err, flag)
	}
	return callResult(code)
}

func callCode(code int, a *buildkit.Answer, err error, flag callFlag) int {
	if err != nil {
		return 1
	}
	if code == 0 && !flag.ignoreStatus {
		return a.Status()
	}
	return code
}

var errCall = errors.New("the frontend found something")

func callResult(code int) error {
	if code == 0 {
		return nil
	}
	return &errReported{code: code, err: errCall}
}

// printAnswersJSON prints bake's form: the definition of each target, and
// the answer under the name of its method.
func printAnswersJSON(e *env, cfg *config.Config, asked []*planner.Build, answers map[*planner.Build]*buildkit.Answer, flag callFlag) error {
	var text bytes.Buffer
	if err := config.Print(&text, cfg); err != nil {
		return err
	}
	var printed struct {
		Group  json.RawMessage            `json:"group,omitempty"`
		Target map[string]json.RawMessage `json:"target"`
	}
	if err := json.Unmarshal(text.Bytes(), &printed); err != nil {
		return err
	}
	targets := map[string]map[string]any{}
	for name, def := range printed.Target {
		targets[name] = map[string]any{"build": def}
	}
	code := 0
	for _, b := range asked {
		a := answers[b]
		method := a.Method
		if method == "lint" {
			method = "check"
		}
		switch {
		case a.Err != nil:
			targets[b.Name()][method] = map[string]any{"error": report.PlainError(a.Err)}
		case a.JSON() != nil:
			fields := map[string]json.RawMessage{} // in the order of their names, as bake's
			if err := json.Unmarshal(a.JSON(), &fields); err != nil {
				return fmt.Errorf("reading the frontend's answer: %w", err)
			}
			if err := a.Print(io.Discard); err != nil {
				text, _ := json.Marshal(err.Error()) // a string always encodes
				fields["error"] = text
			}
			targets[b.Name()][method] = fields
		}
		code = callCode(code, a, a.Err, flag)
	}
	out := struct {
		Group  json.RawMessage           `json:"group,omitempty"`
		Target map[string]map[string]any `json:"target"`
	}{printed.Group, targets}
	if err := termtext.PrintJSON(e.stdout, out); err != nil {
		return err
	}
	return callResult(code)
}

// writeAnswers writes the metadata file of a run that only asked.
func writeAnswers(path string, asked []*planner.Build, answers map[*planner.Build]*buildkit.Answer) error {
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
