package print

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/orch-build/orch/planner/inputs"
	"github.com/orch-build/orch/planner/plannertest"
)

// TestNamesInJSON has a name that is not UTF-8 come back as it was.
func TestNamesInJSON(t *testing.T) {
	p := plannertest.NewSample(t)
	p.Write(t, "ctx/src/a\xff", "")
	plan := samplePlan(t, p)
	reads, _ := inputs.Read(plan, inputs.Options{})
	var b bytes.Buffer
	if err := InputsJSON(&b, reads, nil); err != nil {
		t.Fatal(err)
	}
	var doc inputsDocument
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"path_base64": "c3JjL2H/"`) {
		t.Errorf("the name is not there:\n%s", b.String())
	}
}
