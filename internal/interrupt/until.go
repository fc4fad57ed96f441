package interrupt

import "context"

// Until does work that looks at no context, such as evaluating a definition,
// and stops waiting for it when ctx ends.
func Until(ctx context.Context, work func()) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
