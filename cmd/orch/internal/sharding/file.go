package sharding

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/shellquote"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner/shard"
)

// DefaultPlan is the file of a plan of shards where none is named.
const DefaultPlan = "shards.json"

// ParseIndex reads I/N.
func ParseIndex(text string) (index, count int, err error) {
	i, n, ok := strings.Cut(text, "/")
	index, err = strconv.Atoi(i)
	if err == nil {
		count, err = strconv.Atoi(n)
	}
	if ok && err == nil && index > count && count > 0 {
		return 0, 0, usage.Errorf("--shard %s: there is no shard %d of %d; the last one is %d/%d", text, index, count, count, count)
	}
	if !ok || err != nil || index < 0 || count < 0 || index > count {
		return 0, 0, usage.Errorf("--shard %q: write the number of a shard and how many there are, such as 2/7", text)
	}
	return index, count, nil
}

// maxPlan bounds the file of a plan of shards.
const maxPlan = 64 << 20

// ReadPlan reads the file of a plan of shards.
func ReadPlan(path string) (*shard.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, usage.Errorf("reading the plan of shards: %w; %s makes it", err, shellquote.InText(shellquote.Command("orch", "plan", "--shards", "N", "-o", path)))
	}
	if !info.Mode().IsRegular() || info.Size() > maxPlan {
		return nil, usage.Errorf("%s is not a plan of shards: it is not a file, or too large", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usage.Errorf("reading the plan of shards: %w", err)
	}
	file, err := shard.Decode(data)
	if err != nil {
		return nil, usage.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// AsPlanned takes over what the command line of the plan said of the definition.
// What is said now comes after it.
func AsPlanned(l *planning.Flags, d shard.Definition) {
	if len(l.Files) == 0 {
		l.Files = d.Files
	}
	l.URL, l.CmdContext = cmp.Or(l.URL, d.URL), cmp.Or(l.CmdContext, d.CmdContext)
	l.Overrides = slices.Concat(d.Set, l.Overrides)
	l.Vars = slices.Concat(d.Vars, l.Vars)
	l.VarFiles = slices.Concat(d.VarFiles, l.VarFiles)
}

// definition is what the command line says of the definition, for the jobs. A
// value that is secret is left out: they have to say it again.
func definition(l *planning.Flags, mask func(string) string) shard.Definition {
	open := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return mask(s) != s })
	}
	return shard.Definition{
		URL: open([]string{l.URL})[0], CmdContext: l.CmdContext, Files: l.Files, VarFiles: l.VarFiles,
		Set: open(l.Overrides), Vars: open(l.Vars),
	}
}
