package planning

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/internal/gitfact"
	"github.com/orch-build/orch/schema"
)

// more is what a value is completed with that does not end there.
const more = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace

// permissions are what --allow takes; those that end in "=" take a path or a name.
var permissions = []string{
	"network.host", "security.insecure", "ssh", "ssh=", "device", "device=", "fs=", "fs.read=", "fs.write=", "buildx.local.delete",
}

// CompleteWords completes a value that is one of some words. One that ends in "=" goes
// on.
func CompleteWords(words ...string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) { return words, more }
}

// CompleteList completes the last of several values that are separated by commas.
func CompleteList(first, rest []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		at := strings.LastIndexByte(typed, ',')
		if at < 0 {
			return first, more
		}
		var out []string
		for _, word := range rest {
			if !strings.Contains(","+typed[:at], ","+word) {
				out = append(out, typed[:at+1]+word)
			}
		}
		return out, more
	}
}

// completeFlags completes the values of the flags that choose and change targets.
func (l *Flags) completeFlags(cmd *cobra.Command, e *Session) {
	for flag, complete := range map[string]func(ctx context.Context, e *Session, typed string) []string{
		"set":    l.completeSet,
		"var":    l.completeVar,
		"except": l.completeExcept,
		"filter": l.completeFilter,
	} {
		_ = cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			quiet := e.Quiet()
			if _, err := l.Open(quiet, nil); err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			directive := more
			if flag == "except" {
				directive = cobra.ShellCompDirectiveNoFileComp
			}
			return complete(cmd.Context(), quiet, typed), directive
		})
	}
	_ = cmd.RegisterFlagCompletionFunc("allow", CompleteWords(permissions...))
	_ = cmd.RegisterFlagCompletionFunc("cache-lane", completeLanes)
}

// completeLanes completes the lanes that are known without asking a registry: those of
// the branch that is checked out and of the main one.
func completeLanes(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	lanes := []string{gitfact.Branch(".")}
	if branch, _ := gitfact.Main("."); branch != lanes[0] {
		lanes = append(lanes, branch)
	}
	lanes = slices.DeleteFunc(lanes, func(l string) bool { return l == "" })
	return lanes, cobra.ShellCompDirectiveNoFileComp
}

// resolved is the definition with all of its targets; nil if it cannot be read.
func (l *Flags) resolved(ctx context.Context, targets ...string) *config.Config {
	defer l.Loader.Close()
	d, err := l.Loader.Resolve(ctx, func(o *config.Options) { o.Targets, o.All = targets, len(targets) == 0 })
	if err != nil {
		return nil
	}
	return d.Config
}

// completeSet completes TARGET.KEY=VALUE.
func (l *Flags) completeSet(ctx context.Context, e *Session, typed string) []string {
	target, rest, dotted := strings.Cut(typed, ".")
	if !dotted {
		out := []string{"*."}
		if d, err := l.Evaluate(ctx, e); err == nil {
			for _, t := range d.Targets() {
				if !t.Template {
					out = append(out, t.Name+".")
				}
			}
		}
		return out
	}
	key, _, valued := strings.Cut(rest, "=")
	var out []string
	switch {
	case valued:
		for _, value := range setValues[key] {
			out = append(out, target+"."+key+"="+value)
		}
	case strings.HasPrefix(rest, "args."), strings.HasPrefix(rest, "arg."):
		for _, name := range l.args(ctx, target) {
			out = append(out, target+"."+rest[:strings.IndexByte(rest, '.')+1]+name+"=")
		}
	default:
		for _, k := range setKeys() {
			out = append(out, target+"."+k)
		}
	}
	return out
}

// setValues are the values of keys that have few.
var setValues = map[string][]string{
	"push": {"true", "false"}, "load": {"true", "false"}, "pull": {"true", "false"}, "no-cache": {"true", "false"},
	"network": {"default", "none", "host"}, "platform": {"linux/amd64", "linux/arm64", "linux/arm/v7"},
	"call":   {"build", "check", "outline", "targets"},
	"output": {"type=local,dest=", "type=tar,dest=", "type=oci,dest=", "type=docker", "type=image,name=", "type=registry", "type=cacheonly"},
}

// setKeys are the keys that --set takes, each with what follows it.
func setKeys() []string {
	var out []string
	for i := range attribute.Attributes {
		for _, k := range attribute.Attributes[i].Keys {
			name, end := k.Name, "="
			if k.Shape == schema.Named {
				end = "."
				if many := name + "s"; slices.Contains(k.Aliases, many) {
					name = many // as bake has it
				}
			}
			out = append(out, name+end)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// args are the names of the build arguments of a target, or of all for a pattern.
func (l *Flags) args(ctx context.Context, target string) []string {
	names := map[string]bool{}
	cfg := l.resolved(ctx)
	if cfg == nil {
		return nil
	}
	for _, t := range cfg.Targets {
		if t.Name == target || strings.Contains(target, "*") {
			for name := range t.Args {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// completeVar completes NAME=VALUE.
func (l *Flags) completeVar(ctx context.Context, e *Session, typed string) []string {
	if strings.Contains(typed, "=") {
		return nil
	}
	d, err := l.Evaluate(ctx, e)
	if err != nil {
		return nil
	}
	var out []string
	for _, v := range d.Variables() {
		out = append(out, cobra.CompletionWithDesc(v.Name+"=", v.Description))
	}
	return out
}

func (l *Flags) completeExcept(ctx context.Context, e *Session, _ string) []string {
	d, err := l.Evaluate(ctx, e)
	if err != nil {
		return nil
	}
	return completions(d)
}

// completeFilter completes NAME=VALUE of a trait.
func (l *Flags) completeFilter(ctx context.Context, _ *Session, typed string) []string {
	cfg := l.resolved(ctx)
	if cfg == nil {
		return nil
	}
	name, _, valued := strings.Cut(typed, "=")
	found := map[string]bool{}
	for _, t := range cfg.Targets {
		for trait, value := range t.Traits {
			switch {
			case !valued:
				found[trait+"="] = true
				found[trait+"!="] = true
			case trait == strings.TrimSuffix(name, "!"):
				found[name+"="+value] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}
