package buildkit

import (
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
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
