package permission

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/orch-build/orch/schema"
)

var update = flag.Bool("update", false, "rewrite the table in docs/permissions.md")

// TestTable holds the documentation to what is checked.
func TestTable(t *testing.T) {
	const file, begin, end = "../../docs/permissions.md", "<!-- begin table -->\n", "<!-- end table -->\n"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	table, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", file)
	}
	if table == Table() {
		return
	}
	if !*update {
		t.Fatalf("the table in %s is not what is checked; run the test with -update", file)
	}
	if err := os.WriteFile(file, []byte(before+begin+Table()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestEveryAttribute holds that somebody has thought about every attribute of a
// target, whether it takes a permission.
func TestEveryAttribute(t *testing.T) {
	var known []string
	for _, r := range rules() {
		known = append(known, r.name)
	}
	for _, a := range schema.TargetAttributes() {
		switch ruled := slices.Contains(known, a.Name); {
		case a.Permission == 0:
			t.Errorf("the description of %s in package schema does not say its Permission: NoPermission, or MayTakePermission and a rule in config/permission/rule.go", a.Name)
		case ruled != (a.Permission == schema.MayTakePermission):
			t.Errorf("%s: has a rule in config/permission/rule.go: %v, and its description in package schema says otherwise", a.Name, ruled)
		}
	}
}
