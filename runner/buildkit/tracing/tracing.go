// Package tracing sends OpenTelemetry spans of a run to where the standard
// variables say, OTEL_EXPORTER_OTLP_ENDPOINT and the like, as BuildKit's own
// client does. It is a package of its own because the exporters take time to
// initialise, also where nobody wants spans.
package tracing

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/moby/buildkit/util/tracing/detect"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// scope is the name under which orch's own spans are known.
const scope = "github.com/orch-build/orch"

// stopTimeout bounds how long the last spans may take to be sent: a receiver
// that does not answer must not hold up a build that is over.
const stopTimeout = time.Second

// queueSize is how many spans may wait to be sent: those that a run of some
// thousand targets ends between two sendings. What exceeds it is lost.
const queueSize = 1 << 15

// Start begins a span of that name around everything that is done with the
// context it returns. If the environment names a parent, TRACEPARENT as in
// the W3C's Trace Context, the span is its child. stop ends the span and sends
// what is left to be sent.
func Start(ctx context.Context, name string, getenv func(string) string) (_ context.Context, stop func() error, _ error) {
	nothing := func() error { return nil }
	detect.ServiceName = "orch"
	exp, err := detect.NewSpanExporter(ctx)
	if err != nil {
		return ctx, nothing, fmt.Errorf("preparing to send traces: %w", err)
	}
	if exp == nil || detect.IsNoneSpanExporter(exp) {
		return ctx, nothing, nil
	}
	// Spans are sent in the background; what goes wrong there is reported in the
	// end, once.
	var failed atomic.Pointer[error]
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { failed.CompareAndSwap(nil, &err) }))
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(detect.Resource()), sdktrace.WithBatcher(exp, sdktrace.WithMaxQueueSize(queueSize)))
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{
		"traceparent": getenv("TRACEPARENT"), "tracestate": getenv("TRACESTATE"),
	})
	ctx, span := provider.Tracer(scope).Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient))
	return ctx, func() error {
		span.End()
		err := shutdown(context.WithoutCancel(ctx), provider)
		if first := failed.Load(); err == nil && first != nil {
			err = *first
		}
		if err != nil {
			return fmt.Errorf("sending traces: %w", err)
		}
		return nil
	}, nil
}

// shutdown sends what is left, and gives up in time: not every exporter looks
// at its context while it waits for an answer.
func shutdown(ctx context.Context, provider *sdktrace.TracerProvider) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- provider.Shutdown(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("no answer within %s", stopTimeout)
	}
}
