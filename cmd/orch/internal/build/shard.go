package build

import (
	"fmt"

	"github.com/orch-build/orch/runner"
)

// sayShard says what is left to do for a good shard.
func (r *Run) sayShard(run *runner.Report) {
	s := r.Opt.Shard
	if s == nil {
		return
	}
	if s.Index == 0 {
		fmt.Fprintf(r.Stderr, "The shared stages are in the cache of the lane.\n")
		return
	}
	tags := 0
	for _, t := range run.Targets {
		if t.Result != nil {
			tags += len(t.Result.Unpublished)
		}
	}
	fmt.Fprintf(r.Stderr, "Shard %d/%d is done: its result is in %s.", s.Index, s.Count, r.Opt.ResultFile)
	if tags > 0 {
		fmt.Fprintf(r.Stderr, " %s moved by 'orch merge'.", tagsWillBe(tags))
	}
	fmt.Fprintln(r.Stderr)
}

func tagsWillBe(n int) string {
	if n == 1 {
		return "1 tag is"
	}
	return fmt.Sprintf("%d tags are", n)
}
