package record

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestWriteResultText wants nothing in a result file that a terminal or a CI service acts
// on, and the same to be read from it.
func TestWriteResultText(t *testing.T) {
	const name = "a\x1b[31m\u009b\u202e##[error]x"
	path := filepath.Join(t.TempDir(), "result.json")
	if err := WriteResult(path, &Record{Targets: []*Target{{Name: name}}}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{"\x1b", "\u009b", "\u202e", "##["} {
		if bytes.Contains(data, []byte(raw)) {
			t.Errorf("%q is there as it is", raw)
		}
	}
	var back Record
	if err := json.Unmarshal(data, &back); err != nil || len(back.Targets) != 1 || back.Targets[0].Name != name {
		t.Errorf("%v, %+v", err, back)
	}
}
