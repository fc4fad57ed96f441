package builder

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/buildkit/client"
	"go.opentelemetry.io/otel/trace"

	"github.com/orch-build/orch/runner/buildkit/buildkittest"
)

func TestWatchBuilder(t *testing.T) {
	never := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	tests := []struct {
		name string
		ask  func(n int) func(context.Context) error
		gone time.Duration // 0 is never
	}{
		{"answers", func(int) func(context.Context) error { return func(context.Context) error { return nil } }, 0},
		{"refuses", func(int) func(context.Context) error {
			return func(context.Context) error { return errors.New("no such call") }
		}, 0},
		{"silent", func(int) func(context.Context) error { return never }, DefaultTimeout},
		{"busy for a while", func(n int) func(context.Context) error {
			if n%askTimes != 0 {
				return never
			}
			return func(context.Context) error { return nil }
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				begin := time.Now()
				var gone time.Duration
				n := 0
				newKeepalive(0).watch(ctx, func(ctx context.Context) error { n++; return tt.ask(n)(ctx) }, func() { gone = time.Since(begin) })
				if gone != tt.gone {
					t.Errorf("gone after %s, want %s", gone, tt.gone)
				}
			})
		})
	}
}

// asked is a builder that keeps the traces of the questions to it.
type asked struct {
	buildkittest.Client
	mu     sync.Mutex
	traces []trace.TraceID
}

func (a *asked) ListWorkers(ctx context.Context, _ ...client.ListWorkersOption) ([]*client.WorkerInfo, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.traces = append(a.traces, trace.SpanContextFromContext(ctx).TraceID())
	return nil, ctx.Err()
}

func (a *asked) of() []trace.TraceID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.traces)
}

// The questions of a watch are of the run's trace, and go on where the run was
// cancelled and still closes what it has opened.
func TestWatchOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := trace.TraceID{1, 2, 3}
		ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{4}}))
		ctx, cancel := context.WithCancel(ctx)
		a := &asked{}
		stop := (&Builder{Conn: a}).Watch(ctx, 0)
		time.Sleep(DefaultTimeout / 2)
		synctest.Wait()
		before := len(a.of())
		cancel()
		time.Sleep(DefaultTimeout / 2)
		stop()
		synctest.Wait()
		traces := a.of()
		if before == 0 || len(traces) <= before {
			t.Errorf("asked %d times in the run, %d in all", before, len(traces))
		}
		for _, got := range traces {
			if got != id {
				t.Errorf("a question is of the trace %s, want %s", got, id)
			}
		}
	})
}
