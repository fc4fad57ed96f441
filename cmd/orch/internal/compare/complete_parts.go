package compare

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner/explain"
)

// CompleteParts completes the names of targets, and behind an @ the stages and
// steps of one.
func CompleteParts(e *planning.Session, load *planning.Flags) cobra.CompletionFunc {
	targets := planning.CompleteTargets(e, load)
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
		parts, err := partsOf(cmd.Context(), e.Quiet(), load, name)
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
func partsOf(ctx context.Context, e *planning.Session, load *planning.Flags, name string) ([]string, error) {
	e.Policies = planning.NewPolicies(ctx, e, nil) // nothing is fetched for a completion
	defer e.Policies.Close()
	if _, err := load.Open(e, nil); err != nil {
		return nil, err
	}
	defer load.Loader.Close()
	cfg, err := load.Resolve(ctx, e, func(o *config.Options) { o.Targets, o.Host = []string{name}, nil }, e.WholeFor)
	if err != nil {
		return nil, err
	}
	if err := load.GrantedToFetch(cfg); err != nil {
		return nil, err
	}
	s, err := snapshot(ctx, e, cfg, machine.LocalPlatform(), planning.Remembered)
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
