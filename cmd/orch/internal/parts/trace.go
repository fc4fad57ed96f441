package parts

import (
	"context"
	"fmt"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
)

// tracingVariables are those that ask for traces.
var tracingVariables = []string{"OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}

// Trace begins a span around a command, if the environment asks for traces.
// The function that it returns ends the span. Traces that cannot be sent are a
// warning.
func Trace(ctx context.Context, p Parts, e *cli.Env, name string) (context.Context, func()) {
	asked := false
	for _, v := range tracingVariables {
		asked = asked || e.Getenv(v) != ""
	}
	if !asked || e.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return ctx, func() {}
	}
	traced, stop, err := p.StartTracing(ctx, e, name)
	if err != nil {
		fmt.Fprintf(e.Stderr, "Warning: %v\n", err)
		return ctx, func() {}
	}
	return traced, func() {
		if err := stop(); err != nil {
			fmt.Fprintf(e.Stderr, "Warning: %v\n", err)
		}
	}
}
