package planner_test

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/tools/txtar"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/check"
	"github.com/orch-build/orch/planner/plannertest"
	"github.com/orch-build/orch/planner/print"
)

var update = flag.Bool("update", false, "rewrite the goldens under testdata")

// faultText shows diagnostics the way a terminal does.
func faultText(t testing.TB, cfg *config.Config, plan *planner.Plan, diags hcl.Diagnostics) string {
	t.Helper()
	files := map[string]*hcl.File{}
	for name, data := range cfg.Sources {
		files[name] = &hcl.File{Bytes: data}
	}
	for name, data := range plan.Sources {
		files[name] = &hcl.File{Bytes: data}
	}
	var b bytes.Buffer
	if err := hcl.NewDiagnosticTextWriter(&b, files, 100, false).WriteDiagnostics(diags); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFixtures(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) { checkFixture(t, name) })
	}
}

func checkFixture(t *testing.T, name string) {
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	ar.Files = slices.DeleteFunc(ar.Files, func(f txtar.File) bool {
		if strings.HasPrefix(f.Name, "want/") {
			want[f.Name] = string(f.Data)
			return true
		}
		return false
	})
	cfg, d, files := plannertest.Archive(t, ar)
	opt := planner.Options{Files: files, BuildPlatform: d.BuildPlatform, Dir: "/w"}
	plan, diags := planner.New(cfg, opt)
	if d.Checks {
		plan, diags = check.New(cfg, opt, check.Options{})
	}
	got := map[string]string{}
	if len(diags) > 0 {
		got["want/faults"] = faultText(t, cfg, plan, diags)
	} else {
		got["want/graph"] = planner.GraphText(plan)
		var b bytes.Buffer
		if err := print.Text(&b, plan, print.TextOptions{}); err != nil {
			t.Fatal(err)
		}
		got["want/text"] = b.String()
	}
	if *update {
		for _, k := range slices.Sorted(maps.Keys(got)) {
			ar.Files = append(ar.Files, txtar.File{Name: k, Data: []byte(trimLines(got[k]))})
		}
		if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, k := range slices.Sorted(maps.Keys(got)) {
		if g := trimLines(got[k]); g != want[k] {
			t.Errorf("%s:\n%s\nwant:\n%s", k, g, want[k])
		}
	}
	if len(want) != len(got) {
		t.Errorf("has %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// trimLines takes off the spaces at the ends of lines, which editors eat.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}
