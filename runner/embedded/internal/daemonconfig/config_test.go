package daemonconfig

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T, text string) (*Config, []string, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "buildkitd.toml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, warnings, err := Load(name)
	for i, w := range warnings {
		warnings[i] = strings.TrimPrefix(w, filepath.Dir(name)+"/")
	}
	return c, warnings, err
}

func TestLoad(t *testing.T) {
	c, warnings, err := load(t, `
debug = true
insecure-entitlements = ["network.host"]
[worker.oci]
  max-parallelism = 3
  gc = true
  maxUsedSpace = "20GB"
  [[worker.oci.gcpolicy]]
    keepDuration = "48h"
    filters = ["type==source.local"]
[registry."docker.io"]
  mirrors = ["mirror.example:5000"]
[registry."mirror.example:5000"]
  http = true
[dns]
  nameservers = ["192.0.2.1"]
[history]
  maxEntries = 7
`)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v, %q", err, warnings)
	}
	if !c.Debug || c.Worker.OCI.MaxParallelism != 3 || !slices.Equal(c.Entitlements, []string{"network.host"}) ||
		c.DNS.Nameservers[0] != "192.0.2.1" || c.Registries["docker.io"].Mirrors[0] != "mirror.example:5000" ||
		*c.History.MaxEntries != 7 || !*c.Registries["mirror.example:5000"].PlainHTTP || c.Worker.OCI.GCPolicy[0].KeepDuration.Duration != 48*time.Hour {
		t.Errorf("got %+v", c)
	}
	if c, warnings, err := Load(""); err != nil || len(warnings) > 0 || c.Entitlements != nil {
		t.Errorf("without a file: %+v, %v, %v", c, warnings, err)
	}
}

func TestUnused(t *testing.T) {
	_, warnings, err := load(t, `root = "/elsewhere"
[grpc]
  address = ["tcp://0.0.0.0:1234"]
[worker.oci]
  max-paralelism = 3
  snapshotter = "native"
[worker.containerd]
  enabled = true
[nonsense]
  a = 1
`)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(warnings, "\n")
	for _, want := range []string{
		"buildkitd.toml:1: root is not used by the embedded builder",
		"grpc", "worker.oci.snapshotter is not used by the embedded builder", "worker.containerd",
		"buildkitd.toml:5: worker.oci.max-paralelism is not known to BuildKit",
		"nonsense",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
}

func TestWrong(t *testing.T) {
	for text, want := range map[string]string{
		"a = 1\n[registry.\"x\"\nhttp = true\n":                      "buildkitd.toml:2:",
		"debug = \"perhaps\"\n":                                      "buildkitd.toml:1:",
		"unknown = 1\n[worker.oci]\nmax-parallelism = \"three\"\n":   "buildkitd.toml:3:",
		"insecure-entitlements = [\"everything\"]\n":                 `"everything" is not one`,
		"[worker.oci]\nmax-parallelism = -1\n":                       "max-parallelism is -1",
		"[registry.\"x\"]\nca = [\"/no/such/ca.pem\"]\n":             `registry "x": stat /no/such/ca.pem`,
		"[[worker.oci.gcpolicy]]\nkeepDuration = \"for ever\"\n":     "invalid duration for ever",
		"[registry.\"x\"]\nhttp = true\n[registry.\"x\"]\nca = []\n": "buildkitd.toml:3:",
	} {
		_, _, err := load(t, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	if _, _, err := Load("/no/such/file.toml"); err == nil || !strings.Contains(err.Error(), "reading the builder's configuration: open /no/such/file.toml") {
		t.Errorf("no file: %v", err)
	}
}
