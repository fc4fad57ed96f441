package buildercmd

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/embedded"
	"github.com/orch-build/orch/runner/engine"
)

// rows are the lines of a table, each with its columns one blank apart.
func rows(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		out = append(out, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(out, "\n")
}

func TestPrintInfo(t *testing.T) {
	choice := &builders.Choice{Builder: &builders.Builder{Name: "embedded"}, Reason: "nobody chose one"}
	info := &embedded.Info{
		Running: true, PID: 7, Started: time.Now().Add(-2 * time.Hour), Version: "v1", BuildKit: "v0.34.2", Address: "unix:///s", StateDir: "/state",
		Log: "/state/log", IdleExit: "15m0s", Clients: 1, Active: 2, Rootless: true, Runtime: "runc", Snapshotter: "overlayfs", Network: "host",
		Config: "/etc/buildkitd.toml", MaxParallelism: 4, Platforms: []string{"linux/amd64", "linux/arm64"}, Emulated: []string{"linux/arm64"},
	}
	var out bytes.Buffer
	if err := printInfo(&out, choice, info); err != nil {
		t.Fatal(err)
	}
	want := `Builder: embedded
Chosen by: nobody chose one
Status: running, 1 client, 2 requests in work
Process: 7, up 2 hours
Version: orch v1, BuildKit v0.34.2
Address: unix:///s
State: /state
Log: /state/log
Ends: after 15m0s without a client
Runs steps: with runc, overlayfs, network host, rootless
Configured: by /etc/buildkitd.toml
At once: 4 steps
Platforms: linux/amd64, linux/arm64
Emulated: linux/arm64`
	if got := rows(out.String()); got != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestPrintInfoIdle(t *testing.T) {
	for _, tt := range []struct {
		info *embedded.Info
		want []string
	}{
		{&embedded.Info{Running: true, IdleExit: "never"}, []string{"Status: running, idle", "Ends: when stopped"}},
		{&embedded.Info{StateDir: "/state"}, []string{"Status: not running; the next build starts it", "State: /state"}},
	} {
		var out bytes.Buffer
		if err := printInfo(&out, &builders.Choice{Builder: &builders.Builder{Name: "embedded"}}, tt.info); err != nil {
			t.Fatal(err)
		}
		got := rows(out.String())
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in:\n%s", want, got)
			}
		}
		if strings.Contains(got, "Chosen by") {
			t.Errorf("a reason that there is not:\n%s", got)
		}
	}
}

func TestPrintState(t *testing.T) {
	s := &builderState{Name: "fleet", Driver: builders.Remote, Origin: "/home/me/builders.hcl", Nodes: []nodeState{
		{Name: "a", Address: "tcp://a:1", Status: "running", BuildKit: "v0.34.2", Platforms: []string{"linux/amd64"}},
		{Name: "b", Address: "tcp://b:1", Status: "not running", Error: "no such host\nhint", Weight: 2},
	}}
	var out bytes.Buffer
	if err := s.print(&out); err != nil {
		t.Fatal(err)
	}
	want := `Builder: fleet
Driver: remote
From: /home/me/builders.hcl

Node: a
Address: tcp://a:1
Status: running
BuildKit: v0.34.2
Platforms: linux/amd64

Node: b
Address: tcp://b:1
Status: not running
Error: no such host
hint
Weight: 2`
	if got := rows(out.String()); got != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestImageStore(t *testing.T) {
	plain := imageStore(&builder.Engine{})
	if store := imageStore(&builder.Engine{Info: engine.Info{Containerd: true}}); store == plain || !strings.Contains(plain, "one platform") {
		t.Errorf("%q and %q", plain, store)
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "500mb": 500_000_000, "10GB": 10_000_000_000} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"x", "-1", "10 parsecs"} {
		if _, err := parseSize(text); err == nil || !strings.Contains(err.Error(), "write for example") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestPrintRecords(t *testing.T) {
	var out bytes.Buffer
	if err := printRecords(&out, &embedded.Usage{}); err != nil || out.Len() > 0 {
		t.Errorf("a table of nothing: %q, %v", out.String(), err)
	}
}
