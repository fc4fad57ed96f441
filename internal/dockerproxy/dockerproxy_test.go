package dockerproxy

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

func write(t *testing.T, path, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestArgs(t *testing.T) {
	const all = `{"proxies": {
		"default": {"httpProxy": "http://d:1", "httpsProxy": "http://d:2", "noProxy": "*.d,10.0.0.0/8", "ftpProxy": "http://d:3", "allProxy": "socks://d:4"},
		"tcp://other:2376": {"httpProxy": "http://o:1"},
		"tcp://far:2376": {"noProxy": "far"},
		"unix:///var/run/docker.sock": {}
	}}`
	const two = `{"proxies": {"default": {"httpProxy": "http://d:1"}, "tcp://far:2376": {"noProxy": "far"}}, "currentContext": "far"}`
	tests := []struct {
		name, file string
		env        map[string]string
		want       map[string]string
	}{
		{"default", `{"proxies": {"default": {"httpProxy": "http://d:1", "httpsProxy": "http://d:2", "noProxy": "n", "ftpProxy": "f", "allProxy": "a"}}}`, nil,
			map[string]string{"HTTP_PROXY": "http://d:1", "HTTPS_PROXY": "http://d:2", "NO_PROXY": "n", "FTP_PROXY": "f"}},
		{"none for this engine", all, map[string]string{}, nil},
		{"another engine", all, map[string]string{"DOCKER_HOST": "tcp://other:2376"}, map[string]string{"HTTP_PROXY": "http://o:1"}},
		{"an engine of which nothing is said", two, map[string]string{"DOCKER_HOST": "tcp://new:1"}, map[string]string{"HTTP_PROXY": "http://d:1"}},
		{"a context", two, nil, map[string]string{"NO_PROXY": "far"}},
		{"a context of the environment", two, map[string]string{"DOCKER_CONTEXT": "default"}, map[string]string{"HTTP_PROXY": "http://d:1"}},
		{"a context that is not there", two, map[string]string{"DOCKER_CONTEXT": "gone"}, map[string]string{"HTTP_PROXY": "http://d:1"}},
		{"none", `{}`, nil, nil},
		{"broken", `{`, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "config.json"), tt.file)
			sum := sha256.Sum256([]byte("far"))
			write(t, filepath.Join(dir, "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json"),
				`{"Name": "far", "Endpoints": {"docker": {"Host": "tcp://far:2376"}}}`)
			if got := Args(dir, func(name string) string { return tt.env[name] }); !maps.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	args := map[string]string{"HTTP_PROXY": "h", "NO_PROXY": "n", "FTP_PROXY": "f"}
	got := Missing(args, map[string]string{"http_proxy": "", "NO_PROXY": "x", "OTHER": "y"})
	if want := map[string]string{"FTP_PROXY": "f"}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
