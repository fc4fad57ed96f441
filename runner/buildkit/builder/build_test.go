package builder_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/orch-build/orch/runner/buildkit/builder"
)

// busy is a builder that does not enter the first Builds in time.
type busy struct {
	builder.Client
	late  int // how many
	asked int
	fails error // what becomes of a Build that has begun
}

func (b *busy) Build(ctx context.Context, _ client.SolveOpt, _ string, do gateway.BuildFunc, status chan *client.SolveStatus) (*client.SolveResponse, error) {
	defer close(status)
	b.asked++
	if b.asked <= b.late {
		return nil, errors.New("NotFound: forwarding Ping: no such job hyjw4bzi84")
	}
	status <- &client.SolveStatus{}
	if _, err := do(ctx, nil); err != nil {
		return nil, err
	}
	return &client.SolveResponse{}, b.fails
}

func TestBuild(t *testing.T) {
	for _, c := range []struct {
		late, asked, done int
		fails             error
		says              string
	}{
		{late: 0, asked: 1, done: 1},
		{late: 3, asked: 4, done: 1},
		{late: 9, asked: 5, says: "no such job"},
		{late: 1, asked: 2, done: 1, fails: errors.New("no such job x"), says: "no such job x"},
	} {
		conn := &busy{late: c.late, fails: c.fails}
		status, statuses, done := make(chan *client.SolveStatus), 0, 0
		shown := make(chan struct{})
		go func() {
			defer close(shown)
			for range status {
				statuses++
			}
		}()
		_, err := (&builder.Builder{Conn: conn}).Build(t.Context(), client.SolveOpt{}, func(context.Context, gateway.Client) (*gateway.Result, error) {
			done++
			return nil, nil
		}, status)
		<-shown
		if conn.asked != c.asked || done != c.done || statuses != c.done || (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d late: asked %d times, done %d times, %d statuses: %v", c.late, conn.asked, done, statuses, err)
		}
	}
}
