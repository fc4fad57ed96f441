package steps

import (
	"testing"

	"github.com/moby/buildkit/client"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/meter"
)

// What was moved is counted once, by where it went.
func TestTransfer(t *testing.T) {
	const cache, image = "r.example/team/cache", "r.example/team/image"
	sent := func(repo string) string { return meter.Movement{Sent: true, Repository: repo, Object: "sha256:1"}.ID() }
	got := func(repo string) string { return meter.Movement{Repository: repo, Object: "sha256:1"}.ID() }
	tests := []struct {
		step   string
		status string
		hidden bool
		want   runner.Transfer
	}{
		{"[internal] load build context", "transferring context:", false, runner.Transfer{Sent: 10}},
		{"exporting to image", sent(image), true, runner.Transfer{Pushed: 10}},
		{"exporting cache to registry", sent(cache), true, runner.Transfer{CacheWritten: 10}},
		{"importing cache manifest from " + cache, got(cache), true, runner.Transfer{CacheRead: 10}},
		{"[build 2/3] RUN make", got(cache), true, runner.Transfer{CacheRead: 10}},
		{"[build 1/3] FROM r.example/team/image", got(image), true, runner.Transfer{}},
		{"exporting to image", "pushing layers", false, runner.Transfer{}},
	}
	for _, tt := range tests {
		s := &step{name: tt.step}
		for _, n := range []int64{4, 10, 10} {
			if hidden := s.moves(&client.VertexStatus{ID: tt.status, Current: n}); hidden != tt.hidden {
				t.Errorf("%s, %s: hidden: %v", tt.step, tt.status, hidden)
			}
		}
		var sum runner.Transfer
		s.transfer(&sum, []string{cache})
		if sum != tt.want {
			t.Errorf("%s, %s: %+v, want %+v", tt.step, tt.status, sum, tt.want)
		}
	}
}

// To read a source is not a step that ran, unless layers had to be fetched.
func TestCountSources(t *testing.T) {
	tests := map[string]struct {
		source string
		cached bool
		status string
		want   runner.Steps
	}{
		"a step":                     {want: runner.Steps{Run: 1}},
		"a cached step":              {cached: true, want: runner.Steps{Cached: 1}},
		"an image that is there":     {source: "docker-image", status: "resolve docker.io/library/x", want: runner.Steps{Cached: 1}},
		"an image, said to be there": {source: "docker-image", cached: true, want: runner.Steps{Cached: 1}},
		"an image that is fetched":   {source: "docker-image", status: "sha256:0", want: runner.Steps{Run: 1}},
		"an image that is unpacked":  {source: "docker-image", cached: true, status: "extracting sha256:0", want: runner.Steps{Run: 1}},
		"an image in a folder":       {source: "oci-layout", want: runner.Steps{Cached: 1}},
		"a file from the web":        {source: "https"},
		"a git repository":           {source: "git"},
		"a local folder":             {source: "local", status: "transferring context:"},
	}
	for name, tt := range tests {
		s := &step{source: tt.source, cached: tt.cached}
		if tt.status != "" {
			s.moves(&client.VertexStatus{ID: tt.status, Current: 10})
		}
		var got runner.Steps
		if s.count(&got); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestCacheRepository(t *testing.T) {
	tests := map[string]string{
		"r.example:5000/team/cache:main": "r.example:5000/team/cache",
		"team/cache":                     "registry-1.docker.io/team/cache",
		"":                               "",
	}
	for ref, want := range tests {
		if got := repository(config.Entry{Type: "registry", Attrs: map[string]string{"ref": ref}}); got != want {
			t.Errorf("%q: %q, want %q", ref, got, want)
		}
	}
}
