package whole

import (
	"testing"

	"github.com/orch-build/orch/cmd/orch/internal/clitest"
)

// TestTraceAsked does nothing where nobody asks for traces.
func TestTraceAsked(t *testing.T) {
	for _, vars := range []map[string]string{nil, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"}} {
		e, _, stderr := clitest.Env(vars, "bake")
		ctx, end := Trace(t.Context(), e, "x")
		end()
		if ctx != t.Context() || stderr.Len() > 0 {
			t.Errorf("%v: a span, or %q", vars, stderr)
		}
	}
}
