package build

import (
	"context"
	"fmt"

	"github.com/orch-build/orch/runner"
)

// handOver ends a good shard: skipped targets are audited, and the result says of the
// built ones what the merge has to know to record them.
func (r *Run) handOver(ctx context.Context, run *runner.Report) {
	if r.skips == nil {
		return
	}
	if run.AuditErr = r.audit(ctx); run.AuditErr != nil || len(r.skips.Targets) == len(r.skips.Verdicts) {
		return
	}
	list, about, err := r.recordable(ctx, run, nil)
	if err != nil {
		if ctx.Err() == nil {
			r.Notices.Warn(fmt.Sprintf("no records of the builds are kept, so that they cannot be skipped: %v", err))
		}
		return
	}
	pending := r.skips.Pending(ctx, about, list)
	for _, t := range run.Targets {
		p := pending[t.Name()]
		if p == nil {
			continue
		}
		if t.Result.Pending, err = p.Encode(); err != nil {
			r.Notices.Warn(err.Error())
		}
	}
}

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
