package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/schema"
)

// TestVolatile follows arguments to what changes with each run.
func TestVolatile(t *testing.T) {
	files := fstest.MapFS{
		"build.hcl": {Data: []byte(`
variable "GITHUB_SHA" { default = "dev" }
variable "PLAIN" { default = "1" }
variable "STAMP" { default = timestamp() }
variable "GIVEN" { default = git.sha }
variable "LABELS" { default = { rev = git.short, name = "x" } }
commit = substr(git.sha, 0, 7)
function "version" {
  params = [name]
  result = "${name}-${commit}"
}
function "plain" {
  params = [commit]
  result = "v${commit}"
}
import "web" {
  source    = "web/build.hcl"
  variables = { REV = git.sha, NAME = "n" }
}
target "direct" {
  args = {
    SHA    = git.sha
    BRANCH = git.branch
    TIME   = formatdate("YYYY", timestamp())
    ID     = "x-${uuidv4()}"
    NAMED  = uuidv5("dns", "x")
    PLAIN  = PLAIN
  }
}
target "behind" {
  args = {
    CI     = GITHUB_SHA
    LOCAL  = commit
    FUNC   = version("a")
    PARAM  = plain("1")
    STAMP  = upper(STAMP)
    GIVEN  = GIVEN
    ELEM   = LABELS.rev
    OTHER  = LABELS["name"]
    TARGET = target.direct.args.SHA
    CALM   = target.direct.args.PLAIN
  }
}
target "merged" { args = merge({ A = git.sha, B = "1" }, { B = git.short, C = "2" }) }
target "chosen" { args = PLAIN == "1" ? { A = git.sha } : LABELS }
target "_base"  { args = { REV = git.sha, KEPT = git.sha, NULLED = git.sha } }
target "heir" {
  inherits = ["_base"]
  args     = { REV = "fixed", NULLED = null }
}
target "set" { inherits = ["_base"] }
target "matrix" {
  name   = "m-${commit}"
  matrix = { commit = ["1"] }
  args   = { COMMIT = commit }
}
`)},
		"web/build.hcl": {Data: []byte(`
variable "REV"  {}
variable "NAME" {}
target "app" { args = { REV = REV, NAME = NAME } }
`)},
	}
	opts := Options{
		Files: mapHost{files}, All: true, Now: func() time.Time { return time.Unix(1, 0) },
		Vars: map[string]string{"GIVEN": "v1"},
		Git:  func(string, string) (any, error) { return "0123456789", nil },
	}
	set, err := attribute.ParseOverride("set.args.REV=1")
	if err != nil {
		t.Fatal(err)
	}
	opts.Overrides = append(opts.Overrides, set)
	file, diags := Parse("build.hcl", files["build.hcl"].Data, &opts)
	cfg, more := Resolve([]*schema.File{file}, opts)
	if diags = append(diags, more...); diags.HasErrors() {
		t.Fatal(diags)
	}
	want := map[string]string{
		"direct":  "ID=uuidv4() SHA=git.sha TIME=timestamp()",
		"behind":  "CI=the variable GITHUB_SHA ELEM=git.short, through the variable LABELS FUNC=git.sha, through the variable commit LOCAL=git.sha, through the variable commit STAMP=timestamp(), through the variable STAMP TARGET=git.sha",
		"merged":  "A=git.sha B=git.short",
		"chosen":  "A=git.sha",
		"_base":   "KEPT=git.sha NULLED=git.sha REV=git.sha",
		"heir":    "KEPT=git.sha NULLED=git.sha",
		"set":     "KEPT=git.sha NULLED=git.sha",
		"web.app": "REV=git.sha, through the variable REV",
	}
	for _, target := range cfg.Targets {
		var got []string
		for name, cause := range target.Volatile {
			got = append(got, fmt.Sprintf("%s=%s", name, cause))
		}
		slices.Sort(got)
		if text := strings.Join(got, " "); text != want[target.Name] {
			t.Errorf("%s: got %q, want %q", target.Name, text, want[target.Name])
		}
	}
}
