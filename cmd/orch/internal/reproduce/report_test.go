package reproduce

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/clitest"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/imagediff"
)

// TestPrint prints targets that are equal, and what differs in others.
func TestPrint(t *testing.T) {
	file := imagediff.Difference{
		Level: imagediff.Layer, Platform: "linux/amd64", Layer: 2, Layers: 3, Step: "RUN date >/f", Path: "/f", Kind: imagediff.Content,
		Bytes: &imagediff.Range{First: 3, Last: 4, Sizes: [2]int64{9, 9}}, Values: [2]string{"a", "b"}, Reason: "the time", Advice: "none",
	}
	other := file
	other.Path = "/g"
	r := &report{Targets: []target{
		{Name: "same", Result: imagediff.Result{Equal: true, Digests: [2]string{"sha256:1", "sha256:1"}}},
		{Name: "not", Result: imagediff.Result{Digests: [2]string{"sha256:1", "sha256:2"}, Differences: []imagediff.Difference{file, other}, More: 7}},
	}}
	env, out, _ := clitest.Env(nil)
	e := planning.New(machine.New(env, nil))
	var failure *cli.Failure
	if err := r.print(e, false); !errors.As(err, &failure) || failure.Code != cli.ExitFailed {
		t.Errorf("different targets end with %v", err)
	}
	const want = `same: equal, sha256:1
not: different, sha256:1 and sha256:2
  layer 2 of 3 for linux/amd64 (RUN date >/f)
    /f, bytes 3-4 of 9: a → b
      the time
      what helps: none
      and so 1 other
  7 differences more
`
	if out.String() != want {
		t.Errorf("printed\n%s\nand not\n%s", out.String(), want)
	}
	out.Reset()
	r.Targets = r.Targets[:1]
	if err := r.print(e, true); err != nil {
		t.Error(err)
	}
	if !json.Valid(out.Bytes()) || !strings.Contains(out.String(), `"equal": true`) {
		t.Errorf("printed %s", out.String())
	}
}

// TestFailed has a failed build be in what is printed as JSON.
func TestFailed(t *testing.T) {
	env, out, _ := clitest.Env(nil)
	c := &command{env: planning.New(machine.New(env, nil)), asJSON: true, building: "second"}
	err := errors.New("the build failed")
	if got := c.failed(err); !errors.Is(got, err) {
		t.Error(got)
	}
	var r report
	if json.Unmarshal(out.Bytes(), &r) != nil || r.Build != "second" || r.Error != err.Error() || !strings.Contains(out.String(), `"targets": []`) {
		t.Errorf("printed %s", out.String())
	}
	out.Reset()
	c.asJSON = false
	if got := c.failed(err); !errors.Is(got, err) || out.Len() > 0 {
		t.Errorf("%v, printed %s", got, out.String())
	}
}
