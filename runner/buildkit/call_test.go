package buildkit

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// inlinePlan plans targets by the text of their Dockerfiles.
func inlinePlan(t *testing.T, dockerfiles map[string]string) *planner.Plan {
	t.Helper()
	cfg := &config.Config{}
	for name, text := range dockerfiles {
		cfg.Targets = append(cfg.Targets, &config.Target{Name: name, Context: config.Context{Value: "."}, DockerfileInline: &text})
		cfg.Chosen = append(cfg.Chosen, name)
	}
	plan, diags := planner.New(cfg, planner.Options{Files: planner.Disk{}, BuildPlatform: "linux/amd64", Dir: t.TempDir()})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return plan
}

// TestAskSharedBase asks about targets that start from one image, which only a
// builder can look at: there is no answer for any of them, and not an error for
// all but the first.
func TestAskSharedBase(t *testing.T) {
	plan := inlinePlan(t, map[string]string{
		"a": "FROM example.com/base:1\nRUN a", "b": "FROM example.com/base:1\nRUN b", "c": "FROM scratch\nENV A=1",
	})
	method := func(*planner.Build) string { return "lint" }
	answers, err := Ask(t.Context(), plan, plan.Builds, method, Options{LookupEnv: os.LookupEnv}, false)
	if err != nil {
		t.Fatal(err)
	}
	for b, a := range answers {
		if b.Name() != "c" || a.Err != nil {
			t.Errorf("target %s: %v", b.Name(), a.Err)
		}
	}
	if len(answers) != 1 {
		t.Errorf("%d answers, want that for c", len(answers))
	}
}

func TestMemo(t *testing.T) {
	failed := errors.New("failed")
	for _, tt := range []struct {
		name        string
		answersOnly bool
		err         error
		asked       int32
	}{
		{"an answer", false, nil, 1},
		{"a failure", false, failed, 1},
		{"a failure to be asked again", true, failed, 3},
	} {
		m := memo{answersOnly: tt.answersOnly}
		var asked atomic.Int32
		for range 3 {
			v, err := m.do(t.Context(), "k", func() (any, error) { return asked.Add(1), tt.err })
			if !errors.Is(err, tt.err) || err == nil && v != int32(1) {
				t.Errorf("%s: %v, %v", tt.name, v, err)
			}
		}
		if n := asked.Load(); n != tt.asked {
			t.Errorf("%s: asked %d times, want %d", tt.name, n, tt.asked)
		}
	}
}

// TestMemoOfOneWhoGaveUp has the one who asks give up while another waits for
// the same answer: that one asks for itself.
func TestMemoOfOneWhoGaveUp(t *testing.T) {
	var m memo
	ctx, giveUp := context.WithCancel(t.Context())
	asking := make(chan struct{})
	go func() {
		_, _ = m.do(ctx, "k", func() (any, error) {
			close(asking)
			<-ctx.Done()
			return nil, ctx.Err()
		})
	}()
	<-asking
	got := make(chan error, 1)
	go func() {
		v, err := m.do(t.Context(), "k", func() (any, error) { return 1, nil })
		if err == nil && v != 1 {
			err = errors.New("another answer")
		}
		got <- err
	}()
	giveUp()
	if err := <-got; err != nil {
		t.Error(err)
	}
}
