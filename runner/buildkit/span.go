package buildkit

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// startSpan begins a span below that of the context; where nobody traces, it
// costs nothing. end takes what came of it.
func startSpan(ctx context.Context, name string, attrs ...attribute.KeyValue) (_ context.Context, end func(error)) {
	ctx, span := trace.SpanFromContext(ctx).TracerProvider().Tracer("github.com/orch-build/orch").
		Start(ctx, name, trace.WithAttributes(attrs...))
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// inSpan does a part of the work in a span of its own.
func inSpan(ctx context.Context, name string, do func(context.Context) error) error {
	ctx, end := startSpan(ctx, name)
	err := do(ctx)
	end(err)
	return err
}
