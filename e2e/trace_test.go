//go:build linux

package e2e

import (
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// TestTraces receives the spans of a run, as an OTLP receiver does.
func TestTraces(t *testing.T) {
	t.Parallel()
	type span struct{ name, trace, parent, id string }
	var mu sync.Mutex
	var spans []span
	service := ""
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		var req collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(data, &req)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			http.Error(w, "no traces", http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, res := range req.ResourceSpans {
			for _, a := range res.Resource.Attributes {
				if a.Key == "service.name" {
					service = a.Value.GetStringValue()
				}
			}
			for _, scope := range res.ScopeSpans {
				for _, s := range scope.Spans {
					spans = append(spans, span{s.Name, hex.EncodeToString(s.TraceId), hex.EncodeToString(s.ParentSpanId), hex.EncodeToString(s.SpanId)})
				}
			}
		}
	}))
	defer receiver.Close()
	dir := project(t, map[string]string{"build.hcl": slowProject, "Dockerfile": slowDockerfile})
	cmd := runOrch(dir, "bake", "--progress", "quiet", "--var", "NONCE=trace")
	const parent = "4bf92f3577b34da6a3ce929d0e0e4736"
	cmd.Env = append(cmd.Env, "OTEL_EXPORTER_OTLP_ENDPOINT="+receiver.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
		"TRACEPARENT=00-"+parent+"-00f067aa0ba902b7-01")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	mu.Lock()
	defer mu.Unlock()
	byName := map[string]span{}
	remote := 0
	for _, s := range spans {
		byName[s.name] = s
		// The builder opens the streams of the session, and does not know the
		// trace.
		if s.trace != parent && !strings.HasPrefix(s.name, "moby.filesync.v1.") {
			t.Errorf("the span %s is of the trace %s", s.name, s.trace)
		}
		if strings.HasPrefix(s.name, "moby.buildkit.v1.") {
			remote++
		}
	}
	root := byName["orch bake"]
	if root.parent != "00f067aa0ba902b7" || service != "orch" {
		t.Errorf("the root's parent is %q, the service %q", root.parent, service)
	}
	for _, name := range []string{"target one", "target two"} {
		if s := byName[name]; s.id == "" || s.parent != root.id {
			t.Errorf("the span %q has the parent %q, want %q", name, s.parent, root.id)
		}
	}
	if byName["evaluate"].id == "" || byName["export"].id == "" || remote == 0 {
		t.Errorf("%d spans of requests to the builder; all: %v", remote, spans)
	}

	// A receiver that does not answer is a warning, and holds nothing up.
	cmd = runOrch(dir, "bake", "--progress", "quiet", "--var", "NONCE=trace")
	cmd.Env = append(cmd.Env, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Warning: sending traces") {
		t.Errorf("%v\n%s", err, out)
	}
}

// grpcReceiver is an OTLP receiver of the other kind, which counts the spans.
type grpcReceiver struct {
	collector.UnimplementedTraceServiceServer
	spans atomic.Int64
	// silent keeps it from answering.
	silent bool
}

func (r *grpcReceiver) Export(ctx context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	if r.silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for _, res := range req.ResourceSpans {
		for _, scope := range res.ScopeSpans {
			r.spans.Add(int64(len(scope.Spans)))
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// TestTracesGRPC sends the spans by gRPC, which is what is used if nothing else
// is said, and to a receiver that takes a call and says nothing.
func TestTracesGRPC(t *testing.T) {
	t.Parallel()
	dir := project(t, map[string]string{"build.hcl": slowProject, "Dockerfile": slowDockerfile})
	for _, silent := range []bool{false, true} {
		r := &grpcReceiver{silent: silent}
		server := grpc.NewServer()
		collector.RegisterTraceServiceServer(server, r)
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = server.Serve(listener) }()
		defer server.Stop()
		cmd := runOrch(dir, "bake", "--progress", "quiet", "--var", "NONCE=grpc")
		cmd.Env = append(cmd.Env, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+listener.Addr().String())
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "Warning") != silent || (r.spans.Load() < 5) != silent {
			t.Errorf("silent: %v: %v, %d spans\n%s", silent, err, r.spans.Load(), out)
		}
	}
}
