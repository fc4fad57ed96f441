package main

import (
	"context"
	"fmt"
)

// tracingVariables are those that ask for traces.
var tracingVariables = []string{"OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}

// trace begins a span around a command, if the environment asks for traces.
// The function that it returns ends the span. Traces that cannot be sent are a
// warning.
func (e *env) trace(ctx context.Context, name string) (context.Context, func()) {
	asked := false
	for _, v := range tracingVariables {
		asked = asked || e.getenv(v) != ""
	}
	if !asked || e.getenv("OTEL_TRACES_EXPORTER") == "none" {
		return ctx, func() {}
	}
	traced, stop, err := startTracing(ctx, e, name)
	if err != nil {
		fmt.Fprintf(e.stderr, "Warning: %v\n", err)
		return ctx, func() {}
	}
	return traced, func() {
		if err := stop(); err != nil {
			fmt.Fprintf(e.stderr, "Warning: %v\n", err)
		}
	}
}
