//go:build !race

// One goroutine reads all of these: the race detector would see nothing, for ten times the time.

package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/schema"
)

// chain writes n blocks, each made from its number and that of the one before.
func chain(n int, block string) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		fmt.Fprintln(&b, strings.NewReplacer("#", fmt.Sprint(i), "@", fmt.Sprint(i-1)).Replace(block))
	}
	return b.String()
}

func resolveText(src string) (*Config, hcl.Diagnostics) {
	f, diags := schema.Parse("docker-bake.hcl", []byte(src), schema.Bake)
	if diags.HasErrors() {
		return nil, diags
	}
	return Resolve([]*schema.File{f}, Options{inherits: 20_000})
}

// TestLongChains has chains and lattices of blocks, which must not take a time
// that grows with their square or their number of ways.
func TestLongChains(t *testing.T) {
	for name, src := range map[string]string{
		"inheritance":       `target "t0" {}` + "\n" + chain(3000, `target "t#" { inherits = ["t@"] }`) + `target "default" { inherits = ["t3000"] }`,
		"self":              `target "t0" { tags = [self.name] }` + "\n" + chain(1000, `target "t#" { inherits = ["t@"] }`) + `target "default" { inherits = ["t1000"] }`,
		"links":             `target "t0" {}` + "\n" + chain(3000, `target "t#" { contexts = { x = "target:t@" } }`) + `target "default" { contexts = { x = "target:t3000" } }`,
		"groups":            `target "t" {}` + "\n" + `group "g0" { targets = ["t"] }` + "\n" + chain(3000, `group "g#" { targets = ["g@"] }`) + `group "default" { targets = ["g3000"] }`,
		"one group of many": "group \"default\" { targets = [" + strings.Repeat("\"t\", ", 50_000) + "] }\n" + `target "t" {}`,
		"a long list":       "variable \"v\" {\n type = list(string)\n default = [" + strings.Repeat("\"t\", ", 50_000) + "]\n}\n" + `target "default" { tags = v }`,
		"lattice of groups": `target "t" {}` + "\n" + `group "g0" { targets = ["t"] }` + "\n" + `group "h0" { targets = ["t"] }` + "\n" +
			chain(60, `group "g#" { targets = ["g@", "h@"] }`+"\n"+`group "h#" { targets = ["g@", "h@"] }`) + `group "default" { targets = ["g60"] }`,
		"lattice of parents": `target "a0" { tags = [self.name] }` + "\n" + `target "b0" {}` + "\n" +
			chain(60, `target "a#" { inherits = ["a@", "b@"] }`+"\n"+`target "b#" { inherits = ["a@", "b@"] }`) + `target "default" { inherits = ["a60"] }`,
		"lattice of links": `target "a0" {}` + "\n" + `target "b0" {}` + "\n" +
			chain(60, `target "a#" { contexts = { x = "target:a@", y = "target:b@" } }`+"\n"+`target "b#" { contexts = { x = "target:a@", y = "target:b@" } }`) + `target "default" { contexts = { x = "target:a60" } }`,
		"lattice of functions": "function \"f0\" {\n params = [x]\n result = x\n}\nfunction \"g0\" {\n params = [x]\n result = x\n}\n" +
			chain(60, "function \"f#\" {\n params = [x]\n result = false ? g@(x) : f@(x)\n}\nfunction \"g#\" {\n params = [x]\n result = x\n}") + `target "default" { tags = [f10("x")] }`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, diags := resolveText(src); diags.HasErrors() {
				t.Error(diags)
			}
		})
	}
}

// TestTooMuch has definitions that are refused.
func TestTooMuch(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"matrix of a million": {`target "default" {
  name   = "t-${i}-${j}"
  matrix = { i = range(1000), j = range(1000) }
}`, "more than 50000 targets"},
		"variables": {`variable "v0" { default = "1" }` + "\n" + chain(3000, `variable "v#" { default = v@ }`) + `variable "a" { default = v3000 }`,
			"more than 2000 times"},
		"calls": {"function \"f0\" {\n params = [x]\n result = x\n}\n" + chain(3000, "function \"f#\" {\n params = [x]\n result = f@(x)\n}") + `target "default" { tags = [f3000("x")] }`,
			"nested more than 2000 deep"},
		"lists":     {`a0 = ["` + strings.Repeat("x", 1000) + `"]` + "\n" + chain(8, `a# = [a@, a@, a@, a@, a@, a@, a@, a@, a@, a@]`) + `target "default" { tags = a8 }`, "larger than 4 MiB"},
		"templates": {`a0 = "x"` + "\n" + chain(60, `a# = "${a@}${a@}${a@}${a@}"`) + `target "default" { tags = [a60] }`, "larger than 4 MiB"},
		"doubling calls": {"function \"f0\" {\n params = [x]\n result = \"${x}${x}\"\n}\n" + chain(40, "function \"f#\" {\n params = [x]\n result = f@(f@(x))\n}") + `target "default" { tags = [f40("x")] }`,
			"larger than 4 MiB"},
		"arguments that double": {"function \"f0\" {\n params = [x]\n result = x\n}\n" + chain(60, "function \"f#\" {\n params = [x]\n result = f@(\"${x}${x}\")\n}") + `target "default" { tags = [f60("x")] }`,
			"larger than 4 MiB"},
		"lists that double": {"function \"f0\" {\n params = [x]\n result = x\n}\n" + chain(60, "function \"f#\" {\n params = [x]\n result = f@([x, x])\n}") + `target "default" { tags = [jsonencode(f60("x"))] }`,
			"larger than 4 MiB"},
		"loops that double": {`target "default" { args = { a = length(` + doubling(60, `"${a@}${a@}"`) + `) } }`, "larger than 4 MiB"},
		"loops of lists":    {`target "default" { args = { a = length(` + doubling(60, `[a@, a@]`) + `) } }`, "larger than 4 MiB"},
		"a long template": {`a = join("", [for x in range(1000) : join("", [for y in range(100) : "0123456789"])])` + "\n" +
			`target "default" { args = { a = length(["` + strings.Repeat("${a}", 1000) + `"]) } }`, "with what functions and templates handle"},
		"cycles of parents": {`target "a0" { inherits = ["a40"] }` + "\n" + `target "b0" {}` + "\n" +
			chain(40, `target "a#" { inherits = ["a@", "b@"] }`+"\n"+`target "b#" { inherits = ["a@", "b@"] }`) + `target "default" { inherits = ["a40"] }`,
			"in too many ways"},
		"links": {`target "t0" {}` + "\n" + chain(4100, `target "t#" { contexts = { x = "target:t@" } }`) + `target "default" { contexts = { x = "target:t4100" } }`,
			"more than 4000 times"},
		"range": {`target "default" { tags = range(0, 100000000) }`, "more than 1024 values"},
	} {
		t.Run(name, func(t *testing.T) {
			_, diags := resolveText(c.src)
			if !strings.Contains(diagTexts(diags), c.want) {
				t.Errorf("got %.300s, want %s", diagTexts(diags), c.want)
			}
		})
	}
}

// doubling nests loops of one round each, in which a value doubles.
func doubling(n int, value string) string {
	var b strings.Builder
	b.WriteString(`[for a0 in ["x"] : `)
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "[for a%d in [%s] : ", i, strings.ReplaceAll(value, "@", fmt.Sprint(i-1)))
	}
	fmt.Fprintf(&b, "length([a%d])%s", n, strings.Repeat("]", n+1))
	return b.String()
}

// TestLongTemplateJSON holds that templates are weighed in JSON too.
func TestLongTemplateJSON(t *testing.T) {
	src := `{"a": "` + strings.Repeat("x", 1<<20) + `", "target": {"default": {"args": {"a": "` + strings.Repeat("${a}", 1000) + `"}}}}`
	f, diags := schema.Parse("docker-bake.json", []byte(src), schema.Bake)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if _, diags = Resolve([]*schema.File{f}, Options{}); !strings.Contains(diagTexts(diags), "with what functions and templates handle") {
		t.Errorf("got %.300s", diagTexts(diags))
	}
}

func diagTexts(diags hcl.Diagnostics) string {
	var b strings.Builder
	for _, d := range diags {
		fmt.Fprintln(&b, d.Summary, d.Detail)
	}
	return b.String()
}
