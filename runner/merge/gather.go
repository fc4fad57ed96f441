package merge

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/shellquote"
	"github.com/orch-build/orch/planner/shard"
	"github.com/orch-build/orch/runner"
)

// Set are the results of the shards of one plan.
type Set struct {
	Results []*Result // by their numbers
	// Problems are shards that are missing or have failed.
	Problems []Problem

	count  int
	file   string // of the plan
	filled []int
	plan   *shard.File // nil if it was not given
}

// Problem is a shard that is not there, or not good.
type Problem struct {
	Index int
	Text  string
	// Again is the command that runs it.
	Again string
}

// Gather checks that results are of one plan, each shard once. plan may be nil,
// and file is where it was read from.
func Gather(results []*Result, plan *shard.File, file string) (*Set, error) {
	s := &Set{Results: slices.Clone(results), plan: plan, file: file}
	slices.SortStableFunc(s.Results, func(a, b *Result) int { return cmp.Compare(a.Shard.Index, b.Shard.Index) })
	if plan != nil {
		s.count, s.filled = len(plan.Shards), plan.Filled()
	}
	for i, r := range s.Results {
		if err := s.accept(r, i); err != nil {
			return nil, err
		}
	}
	s.findProblems()
	return s, nil
}

// Empty says whether no shard has anything to build.
func (s *Set) Empty() bool {
	return len(s.filled) == 0 && !slices.ContainsFunc(s.Results, func(r *Result) bool { return len(r.Targets) > 0 })
}

// accept takes a result in; i is its place.
func (s *Set) accept(r *Result, i int) error {
	if s.plan != nil && r.Shard.Plan != s.plan.ID {
		return fmt.Errorf("%s is of another plan than %s: it was run for another commit or other variables. Run it again: %s", r.Path, s.file, s.again(r.Shard.Index))
	}
	first := s.Results[0]
	if r.Shard.Plan != first.Shard.Plan || r.Shard.Count != first.Shard.Count {
		return fmt.Errorf("%s and %s are of two plans: merge the results of one plan only", first.Path, r.Path)
	}
	if i > 0 && s.Results[i-1].Shard.Index == r.Shard.Index {
		return fmt.Errorf("shard %s is there twice, in %s and in %s: leave one of them out, or run it again: %s",
			s.number(r.Shard.Index, r.Shard.Count), s.Results[i-1].Path, r.Path, s.again(r.Shard.Index))
	}
	if s.count == 0 {
		s.count, s.filled = r.Shard.Count, r.Shard.Filled
	}
	if s.file == "" {
		s.file = r.Shard.File
	}
	return s.known(r)
}

// known says what a result has that the plan does not: a tag that was not to
// move must not.
func (s *Set) known(r *Result) error {
	if s.plan == nil {
		return nil
	}
	for _, t := range r.Targets {
		planned := s.plan.Target(t.Name)
		for _, tag := range t.Unpublished {
			if planned == nil || !slices.ContainsFunc(planned.Tags, func(name string) bool { return sameTag(name, tag.Name) }) {
				return fmt.Errorf("%s: target %q has the tag %q, which the plan does not have", r.Path, t.Name, tag.Name)
			}
		}
	}
	return nil
}

func sameTag(a, b string) bool {
	one, err := registry.Parse(strings.TrimSpace(a))
	if err != nil {
		return false
	}
	two, err := registry.Parse(strings.TrimSpace(b))
	return err == nil && one == two
}

func (s *Set) number(index, count int) string { return fmt.Sprintf("%d/%d", index, count) }

// again is the command that runs a shard.
func (s *Set) again(index int) string {
	count := s.count
	if count == 0 && len(s.Results) > 0 {
		count = s.Results[0].Shard.Count
	}
	return shellquote.Command("orch", "bake", "--shard", s.number(index, count), "--plan", cmp.Or(s.file, "shards.json"))
}

// findProblems looks for shards that are missing, and for those that have failed.
func (s *Set) findProblems() {
	there := map[int]*Result{}
	for _, r := range s.Results {
		there[r.Shard.Index] = r
	}
	for _, n := range s.filled {
		r := there[n]
		switch {
		case r == nil:
			s.problem(n, "is missing"+s.builds(n))
		case r.State == "running":
			s.problem(n, "was cut off while it ran")
		case r.State != "done":
			s.problem(n, "has "+failedText(r))
		}
	}
}

func (s *Set) problem(index int, text string) {
	s.Problems = append(s.Problems, Problem{
		Index: index, Text: fmt.Sprintf("shard %s %s", s.number(index, s.count), text), Again: s.again(index),
	})
}

// builds says what a shard was to build, if that is known.
func (s *Set) builds(index int) string {
	if s.plan == nil {
		return ""
	}
	var names []string
	for _, p := range s.plan.Shards[index-1].Parts {
		names = append(names, p.Text())
	}
	return ": " + someOf(names)
}

// failedText says what is wrong with the result of a shard.
func failedText(r *Result) string {
	var failed []string
	for _, t := range r.Targets {
		if t.State == runner.Failed {
			failed = append(failed, t.Name)
		}
	}
	if len(failed) == 0 {
		return r.State
	}
	return "failed: " + someOf(failed)
}

// someOf lists names, but not too many.
func someOf(names []string) string {
	const most = 5
	text := strings.Join(names[:min(most, len(names))], ", ")
	if n := len(names) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// Err is an error that names what is missing or has failed, and how it is run
// again; nil if all is good.
func (s *Set) Err() error {
	if len(s.Problems) == 0 {
		return nil
	}
	var lines []string
	for _, p := range s.Problems {
		lines = append(lines, p.Text+"\n  To run it again: "+p.Again)
	}
	return errors.New(strings.Join(lines, "\n"))
}
