package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"golang.org/x/tools/txtar"

	"github.com/orch-build/orch/internal/golden"
)

// compiled returns the JSON Schema, ready to hold something against it.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	src, err := JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("build.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("build.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t *testing.T, s *jsonschema.Schema, src []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
	if err != nil {
		t.Fatalf("%v in\n%s", err, src)
	}
	return s.Validate(doc)
}

// TestJSONSchemaOfDefinitions holds every example and every fixture, in its
// JSON form, against the JSON Schema: what is right must be valid.
func TestJSONSchemaOfDefinitions(t *testing.T) {
	s := compiled(t)
	n := 0
	for name, src := range definitions(t) {
		asJSON := src
		if syntax, _ := SyntaxOf(name); syntax != JSON {
			asJSON = toJSON(t, name, src)
			if _, diags := Parse("build.json", asJSON, Build); diags.HasErrors() {
				t.Errorf("%s: the JSON form is wrong: %v\n%s", name, diags, asJSON)
			}
		}
		if err := valid(t, s, asJSON); err != nil {
			t.Errorf("%s: %v\n%s", name, err, asJSON)
		}
		n++
	}
	if n < 12 {
		t.Errorf("only %d definitions were found", n)
	}
}

// definitions returns the definitions of the examples and fixtures that are
// right, by their name.
func definitions(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	examples, err := filepath.Glob("../examples/*/build.hcl")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(examples, "../build.hcl") {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = src
	}
	for _, pattern := range []string{"testdata/*.txtar", "../config/testdata/*.txtar"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			maps.Copy(out, rightFiles(t, name))
		}
	}
	return out
}

// rightFiles returns the files of a fixture that are read as build.hcl is
// without an error; none if the fixture is there for an error.
func rightFiles(t *testing.T, archive string) map[string][]byte {
	t.Helper()
	a, err := txtar.ParseFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range a.Files {
		if f.Name == "want" && bytes.HasPrefix(f.Data, []byte("error:")) {
			return nil
		}
		if syntax, ok := SyntaxOf(f.Name); !ok || syntax == Compose {
			continue
		}
		if _, diags := Parse(f.Name, f.Data, Build); !diags.HasErrors() {
			out[archive+"/"+f.Name] = f.Data
		}
	}
	return out
}

// toJSON writes a definition in the JSON form of HCL. What is not written out
// becomes a template.
func toJSON(t *testing.T, name string, src []byte) []byte {
	t.Helper()
	f, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	out, err := json.MarshalIndent(bodyToJSON(f.Body.(*hclsyntax.Body), src), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func bodyToJSON(body *hclsyntax.Body, src []byte) map[string]any {
	out := map[string]any{}
	for name, attr := range body.Attributes {
		keyword := name == "type" || name == "params" || name == "variadic_params"
		out[name] = exprToJSON(attr.Expr, src, keyword)
	}
	for _, b := range body.Blocks {
		var v any = bodyToJSON(b.Body, src)
		for i := len(b.Labels) - 1; i >= 0; i-- {
			v = map[string]any{b.Labels[i]: v}
		}
		blocks, _ := out[b.Type].([]any)
		out[b.Type] = append(blocks, v)
	}
	return out
}

// exprToJSON writes an expression; a keyword is there without quotes.
func exprToJSON(expr hclsyntax.Expression, src []byte, keyword bool) any {
	switch e := expr.(type) {
	case *hclsyntax.TupleConsExpr:
		out := []any{}
		for _, item := range e.Exprs {
			out = append(out, exprToJSON(item, src, keyword))
		}
		return out
	case *hclsyntax.ObjectConsExpr:
		out := map[string]any{}
		for _, item := range e.Items {
			key, diags := item.KeyExpr.Value(nil)
			if diags.HasErrors() || key.Type() != cty.String {
				return "${" + string(e.Range().SliceBytes(src)) + "}"
			}
			out[key.AsString()] = exprToJSON(item.ValueExpr, src, keyword)
		}
		return out
	}
	if v, diags := expr.Value(nil); !diags.HasErrors() && v.Type().IsPrimitiveType() && !v.IsNull() {
		if v.Type() == cty.String {
			return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(v.AsString())
		}
		raw, _ := ctyjson.Marshal(v, v.Type())
		return json.RawMessage(raw)
	}
	text := string(expr.Range().SliceBytes(src))
	if keyword {
		return text
	}
	return "${" + text + "\n}"
}

// TestJSONSchemaRefuses puts a value of a wrong type in the place of each
// attribute, and names that there are not.
func TestJSONSchemaRefuses(t *testing.T) {
	s := compiled(t)
	wrong := map[string]string{
		"string": `{}`, "name": `[]`, "type": `[]`, "bool": `"maybe"`, "object": `[]`,
		"list(string)": `"x"`, "list(name)": `"x"`, "list(object)": `{}`, "map(string)": `["x"]`, "map(list)": `{"a": 1}`,
	}
	for _, kind := range blockKinds(Build) {
		for _, a := range kind.attrs {
			value, ok := wrong[a.Type]
			if a.misplaced != "" {
				value = `"x"`
			} else if !ok {
				continue
			}
			src := fmt.Sprintf(`{%q: {"a": {%q: %s}}}`, kind.name, a.Name, value)
			if valid(t, s, []byte(src)) == nil {
				t.Errorf("valid: %s", src)
			}
		}
	}
	for _, src := range []string{
		`{"target": {"a": {"tagz": ["x"]}}}`,
		`{"group": {"a": {"description": "no targets"}}}`,
		`{"variable": {"a": {"validation": {"condition": "${true}", "mesage": "x"}}}}`,
		`{"target": {"a": {"output": [{"dest": "no type"}]}}}`,
		`{"target": "x"}`,
		`[]`,
	} {
		if valid(t, s, []byte(src)) == nil {
			t.Errorf("valid: %s", src)
		}
	}
}

// TestJSONSchemaAccepts has the forms of JSON that no fixture has.
func TestJSONSchemaAccepts(t *testing.T) {
	s := compiled(t)
	for _, src := range []string{
		`{"$schema": "build.schema.json", "//": "a comment", "A": [1], "target": {"a": {"//": 1, "tags": "${[A]}", "context": null}}}`,
		`{"target": [{"a": [{"args": {"X": 1, "Y": true, "Z": null}}, {"args": "${{}}"}]}]}`,
		`{"target": {"a": {"output": ["type=oci,dest=x", {"type": "image", "push": true, "name": "x"}], "no-cache": "true", "pull": false}}}`,
		`{"target": {"a": {"matrix": {"x": ["a"], "y": {"k": "v"}, "z": "${Z}"}, "name": "a-${x}", "resources": {"cpu-shares": 2}}}}`,
		`{"variable": {"a": {"validation": [{"condition": "${a != \"\"}", "error_message": "x"}], "sensitive": true, "default": {}}}}`,
		`{"function": {"f": {"params": ["a"], "variadic_params": "b", "result": "${a}"}}}`,
	} {
		if _, diags := Parse("build.json", []byte(src), Build); diags.HasErrors() {
			t.Errorf("%s: %v", src, diags)
		}
		if err := valid(t, s, []byte(src)); err != nil {
			t.Errorf("%s: %v", src, err)
		}
	}
}

// TestSchemaFile holds the file that catalogs of schemas refer to to what 'orch schema'
// prints.
func TestSchemaFile(t *testing.T) {
	src, err := JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, *update, "build.schema.json", string(src))
}
