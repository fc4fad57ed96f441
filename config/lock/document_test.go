package lock

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/santhosh-tekuri/jsonschema/v6"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"golang.org/x/tools/txtar"
)

// inJSON is a lock in the JSON form of HCL.
func inJSON(t *testing.T, text []byte) string {
	t.Helper()
	file, diags := hclsyntax.ParseConfig(text, FileName, hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	attributes := func(body *hclsyntax.Body) map[string]any {
		out := map[string]any{}
		for name, a := range body.Attributes {
			v, diags := a.Expr.Value(nil)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			data, err := ctyjson.Marshal(v, v.Type())
			if err != nil {
				t.Fatal(err)
			}
			out[name] = json.RawMessage(data)
		}
		return out
	}
	body := file.Body.(*hclsyntax.Body)
	doc := attributes(body)
	for _, b := range body.Blocks {
		kind, ok := doc[b.Type].(map[string]any)
		if !ok {
			kind = map[string]any{}
			doc[b.Type] = kind
		}
		kind[b.Labels[0]] = attributes(b.Body)
	}
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestSchemaOfLocks holds every lock of testdata that can be read, as it is written,
// against the schema.
func TestSchemaOfLocks(t *testing.T) {
	schema := lockSchema(t)
	files, _ := filepath.Glob("testdata/*.txt")
	checked := 0
	for _, name := range files {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		l, _ := Parse(FileName, a.Files[0].Data)
		if l == nil {
			continue
		}
		checked++
		read, err := jsonschema.UnmarshalJSON(strings.NewReader(inJSON(t, l.Bytes())))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(read); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if checked == 0 {
		t.Error("no lock of testdata can be read")
	}
}

// TestRenovate has the preset of docs/lock.md find every tag of a lock, and nothing
// that has none.
func TestRenovate(t *testing.T) {
	page, err := os.ReadFile("../../docs/lock.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	text, _, ok := strings.Cut(rest, "```")
	var preset struct {
		CustomManagers []struct{ ManagerFilePatterns, MatchStrings []string }
	}
	if err := json.Unmarshal([]byte(text), &preset); !ok || err != nil {
		t.Fatal(err)
	}
	manager := preset.CustomManagers[0]
	file := regexp.MustCompile(strings.Trim(manager.ManagerFilePatterns[0], "/"))
	for name, want := range map[string]bool{FileName: true, "services/" + FileName: true, "my" + FileName: false, FileName + ".bak": false} {
		if file.MatchString(name) != want {
			t.Errorf("the file %s: %v", name, !want)
		}
	}

	sum := func(c string) string { return "sha256:" + strings.Repeat(c, 64) }
	l := New(FileName)
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, e := range []Entry{
		{Key: Key{Image, "alpine:3.20"}, Digest: sum("a"), Platforms: map[string]string{"linux/amd64": sum("1"), "linux/arm64": sum("2")}, UsedBy: []string{"api (Dockerfile)"}},
		{Key: Key{Image, "localhost:5000/team/base"}, Digest: sum("b")},
		{Key: Key{Image, "alpine:3.20@" + sum("c")}, Digest: sum("c")},
		{Key: Key{Frontend, "docker/dockerfile:1"}, Digest: sum("d")},
		{Key: Key{HTTP, "https://example.com/f:1"}, Digest: sum("e")},
		{Key: Key{Git, "https://example.com/r.git#main"}, Digest: strings.Repeat("f", 40)},
	} {
		e.Resolved = at
		l.Put(e)
	}
	var got []string
	for _, m := range regexp.MustCompile(manager.MatchStrings[0]).FindAllStringSubmatch(string(l.Bytes()), -1) {
		got = append(got, strings.Join(m[1:], " "))
	}
	want := []string{
		"docker.io/library/alpine 3.20 " + sum("a"),
		"localhost:5000/team/base latest " + sum("b"),
		"docker.io/docker/dockerfile 1 " + sum("d"),
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("found\n%s\nand not\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
