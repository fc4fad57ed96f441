package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner/explain"
)

// completeParts completes the names of targets, and behind an @ the stages and
// steps of one.
func completeParts(e *env, load *loadFlags) cobra.CompletionFunc {
	targets := completeTargets(e, load)
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		name, _, ok := strings.Cut(typed, "@")
		prefix := name + "@"
		if n := len(args); n > 1 && args[n-1] == "@" {
			// bash takes the @ for a word of its own, and completes what is behind it.
			name, prefix, ok = args[n-2], "", true
		}
		if !ok || config.IsRemote(typed) || len(args) > 0 && config.IsRemote(args[0]) {
			return targets(cmd, args, typed)
		}
		parts, err := partsOf(cmd.Context(), e.quiet(), load, name)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		for i := range parts {
			parts[i] = prefix + parts[i]
		}
		return parts, cobra.ShellCompDirectiveNoFileComp
	}
}

// partsOf are the stages and steps of a target, each with what it does.
func partsOf(ctx context.Context, e *env, load *loadFlags, name string) ([]string, error) {
	e.policies = newPolicies(ctx, e, &load.builder)
	defer e.policies.Close()
	if _, err := load.open(e, nil); err != nil {
		return nil, err
	}
	defer load.loader.Close()
	cfg, err := load.resolve(ctx, e, func(o *config.Options) { o.Targets, o.Host = []string{name}, nil }, e.wholeFor)
	if err != nil {
		return nil, err
	}
	s, err := e.snapshot(ctx, cfg, localPlatform(), false)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, t := range explain.Compare(nil, s.Facts, explain.Against{}, []string{name}, nil) {
		seen := map[string]bool{}
		add := func(part, text string) {
			if !seen[part] && part != "" { // several platforms have the same
				seen[part] = true
				out = append(out, cobra.CompletionWithDesc(part, text))
			}
		}
		for _, step := range t.Steps {
			add(step.Stage, "stage")
			add(fmt.Sprintf("%s-%d", step.Stage, step.Nth), step.Text)
		}
	}
	return out, nil
}
