package lock

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// lockSchema is docs/lock.schema.json.
func lockSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../docs/lock.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("lock.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("lock.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestSchema holds the attributes of every kind against docs/lock.schema.json.
func TestSchema(t *testing.T) {
	schema := lockSchema(t)
	blocks := map[string]any{"version": Version}
	for _, kind := range Kinds {
		sum := "sha256:" + strings.Repeat("a", 64)
		if kind == Git || kind == Definition {
			sum = strings.Repeat("a", 40)
		}
		entry := map[string]any{digestName(kind): sum, "resolved": time.Now().Format(time.RFC3339), "used-by": []string{"app (Dockerfile)"}}
		if kind == Image || kind == Frontend {
			entry["platforms"] = map[string]string{"linux/amd64": sum}
		}
		blocks[string(kind)] = map[string]any{"name": entry}
	}
	data, err := json.Marshal(blocks)
	if err != nil {
		t.Fatal(err)
	}
	read, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(read); err != nil {
		t.Error(err)
	}
}
