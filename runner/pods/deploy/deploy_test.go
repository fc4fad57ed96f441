package deploy

import (
	"os"
	"strings"
	"testing"
)

// TestExample keeps the example as the command writes it.
func TestExample(t *testing.T) {
	o := Default
	o.Name, o.MaxReplicas, o.TLSSecret = "buildkitd", 12, "buildkitd-certs"
	got, err := Manifest(o)
	if err != nil {
		t.Fatal(err)
	}
	const path = "../../../examples/kubernetes/buildkitd.yaml"
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is not what 'orch builder create buildkitd --driver kubernetes --max-replicas 12 --tls-secret buildkitd-certs --print' prints:\n%s", path, got)
	}
}

// TestImage is of the BuildKit that orch links.
func TestImage(t *testing.T) {
	mod, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	_, version, _ := strings.Cut(Default.Image, ":")
	if !strings.Contains(string(mod), "github.com/moby/buildkit "+version+"\n") {
		t.Errorf("%s is another release than that of go.mod", Default.Image)
	}
}

func TestManifest(t *testing.T) {
	tests := []struct {
		change func(*Options)
		has    string
		hasNot string
		err    string
	}{
		{func(*Options) {}, "replicas: 3", "tcp://", ""},
		{func(*Options) {}, "cpu: \"4\"", "HorizontalPodAutoscaler", ""},
		{func(o *Options) { o.Replicas = 0 }, "replicas: 0", "nodeSelector", ""},
		{func(o *Options) { o.Arch = "arm64" }, "nodeSelector: { kubernetes.io/arch: arm64 }", "certs", ""},
		{func(o *Options) { o.MaxReplicas = 9 }, "maxReplicas: 9", "certs", ""},
		{func(o *Options) { o.TLSSecret = "own" }, "secretName: own", "Autoscaler", ""},
		{func(o *Options) { o.Name = "CI" }, "", "", "cannot be the name of objects"},
		{func(o *Options) { o.Image = "x\n- y" }, "", "", "--image is"},
		{func(o *Options) { o.CPU = "a lot" }, "", "", "--cpu is"},
		{func(o *Options) { o.Memory = "" }, "", "", "--memory is"},
		{func(o *Options) { o.Storage = "}" }, "", "", "--storage is"},
		{func(o *Options) { o.TLSSecret = "a}" }, "", "", "--tls-secret is"},
		{func(o *Options) { o.Replicas = -1 }, "", "", "--replicas is -1"},
		{func(o *Options) { o.MaxReplicas = 2 }, "", "", "--max-replicas is 2: write 3 or more"},
		{func(o *Options) { o.MaxReplicas, o.Replicas = 2, 0 }, "", "", "cannot start with no pod"},
	}
	for i, tt := range tests {
		o := Default
		o.Name = "ci"
		tt.change(&o)
		got, err := Manifest(o)
		if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%d: %v, want %q", i, err, tt.err)
		}
		if !strings.Contains(string(got), tt.has) || tt.hasNot != "" && strings.Contains(string(got), tt.hasNot) {
			t.Errorf("%d: %s", i, got)
		}
	}
}
