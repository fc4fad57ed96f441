//go:build linux

package embedded

import (
	"context"
	"testing"
)

func TestStartAndReuse(t *testing.T) {
	o := newOptions(t)
	first := ensure(t, o)
	if !first.Started || first.Info.PID == 0 || first.Info.Version != "1.0.0" {
		t.Errorf("first call: %+v, want a started builder of version 1.0.0", first)
	}
	res, err := solve(context.Background(), dial(t, first), busybox(t), step("echo hello > /out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(res.ran)
	second := ensure(t, o)
	if second.Started || second.Info.PID != first.Info.PID {
		t.Errorf("second call: %+v, want the process %d reused", second, first.Info.PID)
	}
}
