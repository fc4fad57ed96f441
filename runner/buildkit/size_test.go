package buildkit

import (
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client/llb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// A record keeps the name of the run that made it; others find it by what they
// have in common. The very name comes first.
func TestRecordsByName(t *testing.T) {
	at := func(id, description string, minute int) *controlapi.UsageRecord {
		used := time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC)
		return &controlapi.UsageRecord{ID: id, Description: description, CreatedAt: timestamppb.New(used)}
	}
	r := newRecords([]*controlapi.UsageRecord{
		at("single", "[app 1/2] COPY a /", 1),
		at("arm", "[linux/arm64 app 2/2] COPY b /", 1),
		at("amd", "[linux/amd64 app  2/2] COPY b /", 2),
		at("run", "mount / from exec /bin/sh -c make", 1),
	})
	for description, want := range map[string]string{
		"[app 1/2] COPY a /":                "single",
		"[linux/arm64 app 1/2] COPY a /":    "single",
		"[linux/arm64 app 2/2] COPY b /":    "arm",
		"[app 2/2] COPY b /":                "amd",
		"mount / from exec /bin/sh -c make": "run",
		"mount / from exec /bin/sh -c test": "",
		"[other 1/2] COPY a /":              "",
		"":                                  "",
	} {
		got := ""
		if u := r.of(description); u != nil {
			got = u.ID
		}
		if got != want {
			t.Errorf("%q: record %q, want %q", description, got, want)
		}
	}
}

// A builder whose records count the packed form of layers too says how large an
// image is only where every layer of it is unpacked.
func TestSizeWithoutPacked(t *testing.T) {
	def, err := llb.Scratch().File(llb.Mkfile("/a", 0o644, nil), llb.WithCustomName("[app 1/2] COPY a /")).
		File(llb.Mkfile("/b", 0o644, nil), llb.WithCustomName("[app 2/2] COPY b /")).Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	graph := newOpGraph(def.ToPB())
	layers := func(sizes ...int64) (out []ocispecs.Descriptor) {
		for _, n := range sizes {
			out = append(out, ocispecs.Descriptor{Size: n})
		}
		return out
	}
	tests := map[string]struct {
		low, high int64 // of the two records
		packed    []ocispecs.Descriptor
		want      int64
	}{
		"all unpacked":              {1300, 2700, layers(300, 700), 3000},
		"nothing exported":          {1300, 2700, nil, 0},
		"the base is packed":        {300, 2700, layers(300, 700), 0},
		"the base is not there":     {0, 2700, layers(300, 700), 0},
		"a layer more":              {1300, 2700, layers(700), 0},
		"a layer less":              {1300, 2700, layers(100, 300, 700), 0},
		"a few bytes on an old one": {0, 7, nil, 0},
	}
	for name, tt := range tests {
		r := newRecords([]*controlapi.UsageRecord{
			{ID: "low", Description: "[app 1/2] COPY a /", Size: tt.low, CreatedAt: timestamppb.Now()},
			{ID: "high", Description: "[app 2/2] COPY b /", Size: tt.high, Parents: []string{"low"}, CreatedAt: timestamppb.Now()},
		})
		if got := r.without(graph, graph.root, tt.packed); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}
