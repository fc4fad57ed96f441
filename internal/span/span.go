// Package span begins spans of OpenTelemetry, which also go to the debug log. It
// sends nothing: where nobody traces and nobody debugs, a span costs nothing.
package span

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Start begins a span below that of the context; where nobody traces and
// nobody debugs, it costs nothing. end takes what came of it.
func Start(ctx context.Context, name string, attrs ...attribute.KeyValue) (_ context.Context, end func(error)) {
	start := time.Now()
	ctx, span := trace.SpanFromContext(ctx).TracerProvider().Tracer("github.com/orch-build/orch").
		Start(ctx, name, trace.WithAttributes(attrs...))
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
		fields := logrus.Fields{"took": time.Since(start).Round(time.Millisecond)}
		for _, a := range attrs {
			fields[string(a.Key)] = a.Value.AsString()
		}
		logrus.WithFields(fields).Debug(name)
	}
}
