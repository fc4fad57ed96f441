package builder

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
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
