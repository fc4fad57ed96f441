package frontend

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

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
		m := Memo{AnswersOnly: tt.answersOnly}
		var asked atomic.Int32
		for range 3 {
			v, err := m.Do(t.Context(), "k", func() (any, error) { return asked.Add(1), tt.err })
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
	var m Memo
	ctx, giveUp := context.WithCancel(t.Context())
	asking := make(chan struct{})
	go func() {
		_, _ = m.Do(ctx, "k", func() (any, error) {
			close(asking)
			<-ctx.Done()
			return nil, ctx.Err()
		})
	}()
	<-asking
	got := make(chan error, 1)
	go func() {
		v, err := m.Do(t.Context(), "k", func() (any, error) { return 1, nil })
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
