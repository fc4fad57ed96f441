package funcs

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/orch-build/orch/internal/golden"
)

const functionsHead = `# Functions

<!-- Made from the table of functions: go test ./config/funcs -run TestFunctionsReference -update -->

What expressions in a definition may call, beside the functions that it declares
itself. They are those of bake, and goenv. The last parameter of a function with …
may be given several times, or not at all.

| function | does |
|---|---|
`

var update = flag.Bool("update", false, "rewrite the page of functions")

// TestFunctionsReference holds docs/functions.md to the functions that there are.
func TestFunctionsReference(t *testing.T) {
	var b strings.Builder
	b.WriteString(functionsHead)
	functions := Standard(Machine{})
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		text := Describe(name, functions[name])
		if text == "" {
			t.Errorf("nothing says what %s does: write it into undescribed", name)
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", Signature(name, functions[name]), strings.ReplaceAll(text, "|", `\|`))
	}
	golden.Check(t, *update, "../../docs/functions.md", b.String())
}
