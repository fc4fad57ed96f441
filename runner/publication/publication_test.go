package publication

import (
	"errors"
	"strings"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/planner"
)

// TestTogether counts what is pushed, however that is written.
func TestTogether(t *testing.T) {
	output := func(kind, push string) *planner.Build {
		e := config.Entry{Type: kind, Attrs: map[string]string{"push": push}}
		return &planner.Build{Target: &config.Target{Outputs: []config.Output{config.NewOutput(e)}}}
	}
	for _, tt := range []struct {
		a, b *planner.Build
		want bool
	}{
		{output("image", "true"), output("image", "1"), true},
		{output("image", "T"), output("registry", "false"), true},
		{output("image", ""), output("image", "TRUE"), true},
		{output("image", "1"), output("image", "0"), false},
		{output("image", "1"), output("oci", "1"), false},
	} {
		plan := &planner.Plan{Builds: []*planner.Build{tt.a, tt.b}}
		if got := together(plan, Options{Mode: "auto"}); got != tt.want {
			t.Errorf("%v and %v: %t", tt.a.Target.Outputs, tt.b.Target.Outputs, got)
		}
	}
}

// TestSayFar tells a registry that is not there from one that wants somebody else.
func TestSayFar(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("odd words"), "orch does not reach the registry r.example: odd words.\nThere the builder"},
		{&registry.Error{Method: "GET", URL: "https://r.example/v2/", Status: 404}, "orch does not reach the registry r.example: GET"},
		{&registry.Error{Method: "GET", URL: "https://r.example/v2/", Status: 401}, "orch is refused by the registry r.example: GET https://r.example/v2/: 401 Unauthorized. Is there a docker login r.example"},
		{&registry.Error{Status: 403}, "orch is refused by the registry r.example:"},
	} {
		var got string
		p := &Publication{far: map[string]error{"r.example": tt.err}, opt: Options{Note: func(text string) { got = text }}}
		if err := p.sayFar(); err != nil || !strings.Contains(got, tt.want) {
			t.Errorf("%v: %q, %v", tt.err, got, err)
		}
		p.opt.Mode = "together"
		if err := p.sayFar(); err == nil || strings.Contains(err.Error(), "is refused by it") != strings.Contains(tt.want, "refused") {
			t.Errorf("%v, together: %v", tt.err, err)
		}
	}
}
