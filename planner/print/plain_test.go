package print

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner/plannertest"
)

// What is written is shown in both forms, and keeps targets apart; what is secret in it
// is shown in none.
func TestPlainAttributes(t *testing.T) {
	text := "FROM scratch\n"
	target := func(name, network string) *config.Target {
		return &config.Target{Name: name, Context: config.Context{Value: "."}, DockerfileInline: &text, Network: network, Ulimits: []string{"nofile=1:2", "secret=1"}}
	}
	plan := newPlan(t, &config.Config{Chosen: []string{"a", "b"}, Targets: []*config.Target{target("a", "host"), target("b", "")}}, plannertest.Files{})
	opt := Options{Mask: func(s string) string { return strings.ReplaceAll(s, "secret", config.Masked) }}
	var out strings.Builder
	if err := Text(&out, plan, TextOptions{Options: opt, Width: 80}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"network      host", "ulimits      nofile=1:2, " + config.Masked + "=1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "for example") {
		t.Errorf("targets of different networks are one:\n%s", out.String())
	}
	out.Reset()
	if err := JSON(&out, plan, opt); err != nil {
		t.Fatal(err)
	}
	var document Document
	if err := json.Unmarshal([]byte(out.String()), &document); err != nil {
		t.Fatal(err)
	}
	a, b := document.Targets[0].Attributes, document.Targets[1].Attributes
	if a["network"] != "host" || a["ulimits"] != "nofile=1:2, "+config.Masked+"=1" || len(a) != 2 || len(b) != 1 {
		t.Errorf("JSON has %v and %v", a, b)
	}
}
