package doctor

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/registry/registrytest"
	"github.com/orch-build/orch/runner/buildkit/builder"
)

// healthy is a machine where nothing is in the way.
func healthy(t *testing.T) Machine {
	return Machine{
		Getenv:   func(string) string { return "" },
		LookPath: func(name string) (string, error) { return "/usr/bin/" + name, nil },
		Now:      time.Now,
		Builder: func(context.Context) (*Builder, error) {
			return &Builder{Name: "embedded", Embedded: true, StateDir: "/state", Free: 50 << 30, Total: 100 << 30}, nil
		},
		DockerConfig: t.TempDir(),
		Client:       registry.New(registry.Options{}),
		BuildKit:     "v0.34.2",
	}
}

func repo(t *testing.T, name string) registry.Repo {
	t.Helper()
	ref, err := registry.Name{Text: name, Insecure: true}.Parse()
	if err != nil {
		t.Fatal(err)
	}
	return ref.Repo
}

func TestHealthy(t *testing.T) {
	server := registrytest.New(t)
	m := healthy(t)
	m.Wanted.Pushes = []registry.Repo{repo(t, server.Host+"/app")}
	found := Look(t.Context(), m)
	if got := Worst(found); got != OK {
		t.Errorf("worst is %s: %+v", got, found)
	}
	var out bytes.Buffer
	if err := Print(&out, found); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/app can be written", "50GB", "agrees with that of", "Nothing is in the way of a build."} {
		if !strings.Contains(strings.ReplaceAll(out.String(), "53.7GB", "50GB"), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

// Each thing that is wrong is one finding, with what to do.
func TestFindings(t *testing.T) {
	server := registrytest.New(t)
	for name, tt := range map[string]struct {
		change func(t *testing.T, m *Machine)
		about  string
		grade  Grade
		says   string
		do     string
	}{
		"lost builder": {func(_ *testing.T, m *Machine) {
			m.Builder = func(context.Context) (*Builder, error) { return nil, errors.New("no answer from fleet") }
		}, "builder", Error, "no answer from fleet", "orch builder use"},
		"old builder": {func(_ *testing.T, m *Machine) {
			m.Builder = func(context.Context) (*Builder, error) {
				return &Builder{Name: "ci", At: &builder.Builder{Version: "v0.12.5", Conn: workers{}}}, nil
			}
		}, "builder", Note, "older than the v0.34.2", "Update the builder"},
		"no runc": {func(_ *testing.T, m *Machine) {
			m.LookPath = func(string) (string, error) { return "", errors.New("not found") }
		}, "runtime", Error, "runc is not there", "Install the package runc"},
		"no git": {func(_ *testing.T, m *Machine) {
			m.LookPath = func(string) (string, error) { return "", errors.New("not found") }
		}, "git", Note, "git is not there", "Install"},
		"full disk":   {withFree(1 << 30), "disk", Error, "free in /state", "orch builder prune"},
		"scarce disk": {withFree(5 << 30), "disk", Warning, "free in /state", "ORCH_STATE_DIR"},
		"cache that does not stay": {func(_ *testing.T, m *Machine) {
			m.Builder = func(context.Context) (*Builder, error) {
				return &Builder{Name: "embedded", Embedded: true, Free: 18 << 30, Total: 252 << 30, At: &builder.Builder{
					Conn: workers{info: []*client.WorkerInfo{{GCPolicy: []client.PruneInfo{
						{Filter: []string{"type==exec.cachemount"}, MinFreeSpace: 99 << 30},
						{ReservedSpace: 10 << 30, MinFreeSpace: 50 << 30},
					}}}},
				}}, nil
			}
		}, "cache", Warning, "keeps no more than 10.7GB", "minFreeSpace"},
		"platform": {wants("linux/s390x"), "platform", Error, "cannot run linux/s390x; it has linux/amd64, linux/arm64", "emulator"},
		"emulated": {wants("linux/arm64"), "platform", Note, "linux/arm64 run in an emulator", "$BUILDPLATFORM"},
		"helper": {func(t *testing.T, m *Machine) {
			write(t, m.DockerConfig, `{"credHelpers": {"ghcr.io": "gone"}}`)
			m.LookPath = func(name string) (string, error) { return "", errors.New("not found") }
		}, "credentials", Warning, "docker-credential-gone", "docker login"},
		"broken configuration": {func(t *testing.T, m *Machine) { write(t, m.DockerConfig, `{"auths": `) },
			"credentials", Warning, "is not used", "config.json"},
		"proxy":    {env("HTTPS_PROXY", "http//secret:word@proxy"), "proxy", Warning, "HTTPS_PROXY is not the address of a proxy", "http://HOST:PORT"},
		"no_proxy": {env("https_proxy", "http://proxy:3128"), "proxy", Note, "NO_PROXY does not leave out this machine", "NO_PROXY=localhost"},
		"refused": {func(t *testing.T, m *Machine) {
			m.Wanted.Pushes = []registry.Repo{repo(t, denying(t)+"/app")}
		}, "push", Error, "/app cannot be written", "docker login"},
		"unreachable": {func(t *testing.T, m *Machine) {
			m.Wanted.Caches = []registry.Repo{repo(t, "127.0.0.1:1/app")}
		}, "cache", Error, "/app cannot be written", "127.0.0.1:1"},
		"clock": {func(t *testing.T, m *Machine) {
			m.Wanted.Pushes = []registry.Repo{repo(t, server.Host+"/app")}
			m.Now = func() time.Time { return time.Now().Add(-time.Hour) }
		}, "clock", Warning, "behind that of 127.0.0.1", "Set the clock"},
		"lane": {func(_ *testing.T, m *Machine) { m.Wanted.Lane, m.Wanted.Fork = "pr-7", true },
			"lane", OK, "writes no other lane's cache", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := healthy(t)
			tt.change(t, &m)
			for _, f := range Look(t.Context(), m) {
				if f.About != tt.about {
					continue
				}
				if f.Grade != tt.grade || !strings.Contains(f.Says, tt.says) || !strings.Contains(f.Do, tt.do) {
					t.Errorf("finding is %+v", f)
				}
				if strings.Contains(f.Says+f.Do, "secret") {
					t.Errorf("%+v shows a password", f)
				}
				return
			}
			t.Errorf("nothing is said about %s", tt.about)
		})
	}
}

// What is looked at stays as it is.
func TestMayPushLeavesNothing(t *testing.T) {
	server := registrytest.New(t)
	if err := registry.New(registry.Options{}).MayPush(t.Context(), repo(t, server.Host+"/app")); err != nil {
		t.Fatal(err)
	}
	if blobs := server.Blobs("app"); len(blobs) != 0 {
		t.Errorf("blobs %v", blobs)
	}
}

func withFree(free int64) func(*testing.T, *Machine) {
	return func(_ *testing.T, m *Machine) {
		m.Builder = func(context.Context) (*Builder, error) {
			return &Builder{Name: "embedded", Embedded: true, StateDir: "/state", Free: free, Total: 100 << 30}, nil
		}
	}
}

func wants(platform string) func(*testing.T, *Machine) {
	return func(_ *testing.T, m *Machine) {
		m.Wanted.Platforms = []string{platform}
		m.Builder = func(context.Context) (*Builder, error) {
			return &Builder{Name: "ci", Emulated: []string{"linux/arm64"}, At: &builder.Builder{
				Platforms: []string{"linux/amd64", "linux/arm64"}, Conn: workers{},
			}}, nil
		}
	}
}

func env(name, value string) func(*testing.T, *Machine) {
	return func(_ *testing.T, m *Machine) {
		m.Getenv = func(asked string) string {
			if asked == name {
				return value
			}
			return ""
		}
	}
}

func write(t *testing.T, dir, config string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// denying is a registry that lets nobody write.
func denying(t *testing.T) string {
	server := registrytest.New(t)
	server.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		registrytest.Fail(w, http.StatusForbidden, "DENIED", "requested access to the resource is denied")
		return true
	})
	return server.Host
}

// workers is a daemon that only says what its workers are.
type workers struct {
	builder.Client
	info []*client.WorkerInfo
}

func (w workers) ListWorkers(context.Context, ...client.ListWorkersOption) ([]*client.WorkerInfo, error) {
	return w.info, nil
}

func (w workers) Close() error { return nil }
