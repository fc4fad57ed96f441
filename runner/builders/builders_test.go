package builders

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
)

// home is a user's home folder of a test.
type home struct {
	t   *testing.T
	dir string
	env map[string]string
}

func newHome(t *testing.T) *home {
	dir := t.TempDir()
	return &home{t, dir, map[string]string{"HOME": dir, "USERPROFILE": dir}}
}

func (h *home) write(name, text string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// listen opens a socket at a name, and leaves its file when it is closed, as an
// engine does that is killed.
func (h *home) listen(name string) net.Listener {
	h.t.Helper()
	l, err := net.Listen("unix", filepath.Join(h.dir, name))
	if err != nil {
		h.t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	h.t.Cleanup(func() { l.Close() })
	return l
}

// context writes a docker context.
func (h *home) context(name, host string) string {
	sum := sha256.Sum256([]byte(name))
	folder := hex.EncodeToString(sum[:])
	h.write(".docker/contexts/meta/"+folder+"/meta.json", `{"Name":"`+name+`","Metadata":{},"Endpoints":{"docker":{"Host":"`+host+`","SkipTLSVerify":false}}}`)
	return ".docker/contexts/tls/" + folder + "/docker/"
}

func (h *home) catalog(system string) *Catalog {
	return New(Options{Getenv: func(name string) string { return h.env[name] }, System: system, Dir: filepath.Join(h.dir, "project")})
}

const (
	defaultKey = "unix:///var/run/docker.sock"
	// As buildx v0.38 writes them.
	remoteInstance    = `{"Name":"fleet","Driver":"remote","Nodes":[{"Name":"fleet0","Endpoint":"tcp://a:1234","Platforms":[{"architecture":"amd64","os":"linux"}],"DriverOpts":{"cacert":"/ca.pem","cert":"/cert.pem","key":"/key.pem","servername":"bk"},"Flags":null,"Files":null},{"Name":"fleet1","Endpoint":"tcp://b:1234","Platforms":[{"architecture":"arm","os":"linux","variant":"v7"}],"DriverOpts":null,"Flags":null,"Files":null}],"Dynamic":false}`
	containerInstance = `{"Name":"setup","Driver":"docker-container","Nodes":[{"Name":"setup0","Endpoint":"unix:///run/e.sock","Platforms":null,"DriverOpts":null,"Flags":["--allow-insecure-entitlement=network.host"],"Files":null}],"Dynamic":false}`
	kubeInstance      = `{"Name":"kube","Driver":"kubernetes","Nodes":[{"Name":"kube_0","Endpoint":"kubernetes:///kube?deployment=&kubeconfig=%2Fetc%2Fk","Platforms":null,"DriverOpts":{"namespace":"build","loadbalance":"random"},"Flags":null,"Files":null}],"Dynamic":false}`
	cloudInstance     = `{"Name":"cloud-me-x","Driver":"cloud","Nodes":[{"Name":"linux-amd64","Endpoint":"me/x","Platforms":null,"DriverOpts":null,"Flags":null,"Files":null}],"Dynamic":false}`
	buildersHCL       = "builder \"ci\" {\n  node { address = \"tcp://ci:1234\" }\n}\n"
)

// Which builder is used, and why.
func TestChoose(t *testing.T) {
	current := func(key, name, global string) func(*home) {
		return func(h *home) {
			h.write(".docker/buildx/instances/fleet", remoteInstance)
			h.write(".docker/buildx/current", `{"Key":"`+key+`","Name":"`+name+`","Global":`+global+`}`)
		}
	}
	user := func(h *home) { h.write(".config/orch/builders.hcl", "use = \"ci\"\n"+buildersHCL) }
	far := func(h *home) { h.context("far", "ssh://me@far") }
	tests := []struct {
		name   string
		system string
		flag   string
		env    string // NAME=VALUE, separated by blanks
		setup  func(*home)
		want   string // name, driver and reason
	}{
		{"nothing", "linux", "", "", nil, "embedded embedded the default, as no other was chosen"},
		{"nothing on macOS", "darwin", "", "", nil, "default docker the default on this system"},
		{"nothing on Windows", "windows", "", "", nil, "default docker the default on this system"},
		{"embedded by name", "linux", "embedded", "BUILDX_BUILDER=ci", user, "embedded embedded --builder"},
		{"flag first", "linux", "ci", "BUILDX_BUILDER=fleet", user, "ci remote --builder"},
		{"an address", "linux", "tcp://x:1", "", nil, "tcp://x:1 remote --builder"},
		{"variable of buildx", "linux", "", "BUILDX_BUILDER=ci ORCH_BUILDER=embedded", user, "ci remote BUILDX_BUILDER"},
		{"own variable", "linux", "", "ORCH_BUILDER=ci BUILDKIT_HOST=unix:///x", user, "ci remote ORCH_BUILDER"},
		{"BUILDKIT_HOST", "linux", "", "BUILDKIT_HOST=unix:///x", user, "unix:///x remote BUILDKIT_HOST"},
		{"use", "linux", "", "", func(h *home) { user(h); current(defaultKey, "fleet", "false")(h) }, "ci remote use in HOME/.config/orch/builders.hcl"},
		{"current of buildx", "linux", "", "", current(defaultKey, "fleet", "false"), "fleet remote the current builder of buildx"},
		{"current of another context", "linux", "", "", current("far", "fleet", "false"), "embedded embedded the default, as no other was chosen"},
		{"current everywhere", "linux", "", "", current("far", "fleet", "true"), "fleet remote the current builder of buildx"},
		{"current of a context", "linux", "", "DOCKER_CONTEXT=far", func(h *home) { far(h); current("far", "fleet", "false")(h) }, "fleet remote the current builder of buildx"},
		{"current that was removed", "linux", "", "", current(defaultKey, "gone", "false"), `embedded embedded the default, as buildx has no builder "gone" any more`},
		{"current of buildx, and another of its name", "linux", "", "", func(h *home) {
			current(defaultKey, "fleet", "false")(h)
			h.write(".config/orch/builders.hcl", strings.ReplaceAll(buildersHCL, `"ci"`, `"fleet"`))
		}, "fleet remote the current builder of buildx"},
		{"buildx use default", "linux", "", "DOCKER_HOST=unix://HOME/engine.sock", func(h *home) {
			h.listen("engine.sock")
			current("unix://"+h.dir+"/engine.sock", "", "false")(h)
		}, "default docker the current builder of buildx, which is the engine"},
		{"buildx has lost its builder, no engine", "linux", "", "DOCKER_HOST=unix://HOME/engine.sock", func(h *home) {
			current("unix://"+h.dir+"/engine.sock", "", "false")(h)
		}, "embedded embedded the default: buildx names the engine, and none runs"},
		{"buildx has lost its builder, engine ended", "linux", "", "DOCKER_HOST=unix://HOME/engine.sock", func(h *home) {
			h.listen("engine.sock").Close()
			current("unix://"+h.dir+"/engine.sock", "", "false")(h)
		}, "embedded embedded the default: buildx names the engine, and none runs"},
		{"buildx use default on macOS", "darwin", "", "DOCKER_HOST=unix://HOME/engine.sock", func(h *home) {
			current("unix://"+h.dir+"/engine.sock", "", "false")(h)
		}, "default docker the current builder of buildx, which is the engine"},
		{"default of a context", "linux", "", "", func(h *home) {
			h.write(".docker/buildx/instances/fleet", remoteInstance)
			h.write(".docker/buildx/defaults/73bf1ffbb3a5f0aec2c9", "fleet")
		}, "embedded embedded the default, as no other was chosen"},
		{"default of this context", "linux", "", "", func(h *home) {
			h.write(".docker/buildx/instances/fleet", remoteInstance)
			sum := sha256.Sum256([]byte(defaultKey))
			h.write(".docker/buildx/defaults/"+hex.EncodeToString(sum[:])[:20], "fleet")
		}, "fleet remote the current builder of buildx"},
		{"folder of buildx", "linux", "", "BUILDX_CONFIG=HOME/bx", func(h *home) {
			h.write("bx/instances/setup", containerInstance)
			h.write("bx/current", `{"Key":"`+defaultKey+`","Name":"setup","Global":false}`)
		}, "setup docker-container the current builder of buildx"},
		{"docker context use", "linux", "", "", func(h *home) {
			far(h)
			h.write(".docker/config.json", `{"currentContext":"far"}`)
		}, "far docker the current docker context"},
		{"DOCKER_CONTEXT", "linux", "", "DOCKER_CONTEXT=far", far, "far docker DOCKER_CONTEXT"},
		{"DOCKER_HOST is not a choice", "linux", "", "DOCKER_HOST=tcp://x:1", nil, "embedded embedded the default, as no other was chosen"},
		{"DOCKER_HOST on macOS", "darwin", "", "DOCKER_HOST=tcp://x:1", nil, "default docker the default on this system"},
		{"a broken docker configuration", "linux", "", "", func(h *home) { h.write(".docker/config.json", `{"auths":`) }, "embedded embedded the default, as the docker configuration cannot be read: HOME/.docker/config.json: line 1: unexpected end of JSON input"},
		{"a context by name", "linux", "far", "", far, "far docker --builder"},
		{"an engine by context", "linux", "docker://far", "", far, "docker://far docker --builder"},
		{"the project's file", "linux", "ci", "", func(h *home) { h.write("project/builders.hcl", buildersHCL) }, "ci remote --builder"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHome(t)
			for pair := range strings.FieldsSeq(tt.env) {
				name, value, _ := strings.Cut(pair, "=")
				h.env[name] = strings.ReplaceAll(value, "HOME", h.dir)
			}
			if tt.setup != nil {
				tt.setup(h)
			}
			c, err := h.catalog(tt.system).Choose(tt.flag)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(c.Name+" "+string(c.Driver)+" "+c.Reason, h.dir, "HOME")
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// What is wrong with a builder that was chosen.
func TestChooseFaults(t *testing.T) {
	tests := []struct {
		name  string
		flag  string
		env   map[string]string
		setup func(*home)
		want  []string
	}{
		{"unknown", "flet", nil, func(h *home) { h.write(".docker/buildx/instances/fleet", remoteInstance) },
			[]string{`there is no builder "flet" (--builder)`, `did you mean "fleet"?`, "embedded (orch), fleet (buildx), default (docker context)"}},
		{"unknown by variable", "", map[string]string{"BUILDX_BUILDER": "gone"}, nil, []string{`"gone" (BUILDX_BUILDER)`}},
		{"a path for a name", "../../etc/passwd", nil, nil, []string{"there is no builder"}},
		{"broken instance", "bad", nil, func(h *home) { h.write(".docker/buildx/instances/bad", `{"Name":`) },
			[]string{"instances/bad", "line 1: unexpected end of JSON", "delete the file"}},
		{"an instance of the wrong shape", "bad", nil, func(h *home) { h.write(".docker/buildx/instances/bad", `[]`) },
			[]string{"instances/bad: line 1: it is a list, and has to be an object", "delete the file"}},
		{"an instance without nodes", "bad", nil, func(h *home) { h.write(".docker/buildx/instances/bad", `{"Name":"bad","Driver":"remote"}`) }, []string{"names no node"}},
		{"unknown driver", "odd", nil, func(h *home) {
			h.write(".docker/buildx/instances/odd", strings.ReplaceAll(remoteInstance, `"remote"`, `"lxc"`))
		}, []string{`unknown driver "lxc"`, "docker, docker-container, kubernetes and remote", "node fleet0"}},
		{"cloud", "cloud-me-x", nil, func(h *home) { h.write(".docker/buildx/instances/cloud-me-x", cloudInstance) }, []string{"Docker Build Cloud", "me/x"}},
		{"broken current", "", nil, func(h *home) { h.write(".docker/buildx/current", `{`) }, []string{"buildx/current", "docker buildx use NAME"}},
		{"unknown context", "", map[string]string{"DOCKER_CONTEXT": "far"}, nil, []string{`no docker context "far" (DOCKER_CONTEXT); there are: default`}},
		{"unknown current context", "", nil, func(h *home) {
			h.context("farm", "tcp://far:2376")
			h.write(".docker/config.json", `{"currentContext":"farn"}`)
		}, []string{`no docker context "farn" (currentContext in `, "config.json", `Did you mean "farm"?`}},
		{"an instance without a driver", "odd", nil, func(h *home) {
			h.write(".docker/buildx/instances/odd", strings.ReplaceAll(remoteInstance, `"remote"`, `""`))
		}, []string{"the file names no driver", "node fleet0"}},
		{"an instance with nothing for a node", "bad", nil, func(h *home) {
			h.write(".docker/buildx/instances/bad", `{"Name":"bad","Driver":"remote","Nodes":[null]}`)
		}, []string{"instances/bad: node 1 has no name; delete the file"}},
		{"an instance with nothing for a platform", "bad", nil, func(h *home) {
			h.write(".docker/buildx/instances/bad", `{"Name":"bad","Driver":"remote","Nodes":[{"Name":"n","Endpoint":"tcp://a:1","Platforms":[{}]}]}`)
		}, []string{"node n has a platform without its os"}},
		{"context without an engine", "far", nil, func(h *home) { h.context("far", "") }, []string{"names no engine"}},
		{"context with half of a certificate", "far", nil, func(h *home) {
			h.write(h.context("far", "tcp://far:2376")+"cert.pem", "x")
		}, []string{`docker context "far"`, "has cert.pem, but no key.pem"}},
		{"DOCKER_TLS_VERIFY without files", "default", map[string]string{"DOCKER_HOST": "tcp://x:2376", "DOCKER_TLS_VERIFY": "1"}, nil, []string{"no ca.pem", "DOCKER_CERT_PATH"}},
		{"an option for an address", "docker-container://--help", nil, nil, []string{"begins with a dash"}},
		{"a password in an address", "tcp://u:secret@a:1", nil, nil, []string{`"tcp://…@a:1"`, "it has a password"}},
		{"a folder for an instance", "bad", nil, func(h *home) { h.write(".docker/buildx/instances/bad/x", "") }, []string{"instances/bad", "it is not a file"}},
		{"a folder for the current one", "", nil, func(h *home) { h.write(".docker/buildx/current/x", "") }, []string{"buildx/current", "it is not a file"}},
		{"a folder for builders.hcl", "ci", nil, func(h *home) { h.write(".config/orch/builders.hcl/x", "") }, []string{"builders.hcl", "it is not a file"}},
		{"bad address", "lxc://x", nil, nil, []string{"unknown scheme lxc; known are unix, tcp"}},
		{"bad address of a node", "fleet", nil, func(h *home) {
			h.write(".docker/buildx/instances/fleet", strings.ReplaceAll(remoteInstance, "tcp://a:1234", "a:1234"))
		}, []string{"node fleet0", "it has no scheme"}},
		{"the project chooses", "ci", nil, func(h *home) { h.write("project/builders.hcl", "use = \"ci\"\n"+buildersHCL) }, []string{"The project chooses a builder", "orch builder use ci"}},
		{"a mistake in builders.hcl", "", nil, func(h *home) { h.write(".config/orch/builders.hcl", "builder \"a\" {\n  node { adress = \"x\" }\n}\n") },
			[]string{"builders.hcl:2", `Did you mean "address"?`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHome(t)
			for name, value := range tt.env {
				h.env[name] = value
			}
			if tt.setup != nil {
				tt.setup(h)
			}
			c, err := h.catalog("linux").Choose(tt.flag)
			if err == nil {
				t.Fatalf("got %s, no error", c.Name)
			}
			text := err.Error()
			var diags hcl.Diagnostics
			if errors.As(err, &diags) {
				text = ""
				for _, d := range diags {
					text += d.Error() + "\n"
				}
			}
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("got %s\nwant %q in it", text, want)
				}
			}
		})
	}
}

// TestListFaults: what cannot be read is named, and the rest is listed.
func TestListFaults(t *testing.T) {
	h := newHome(t)
	h.context("good", "tcp://good:2376")
	h.context("broken", "tcp://x:2376")
	h.context("moved", "tcp://x:2376")
	for name, text := range map[string]string{"broken": `{"Name":`, "moved": `{"Name":"other","Endpoints":{"docker":{"Host":"tcp://x:1"}}}`} {
		sum := sha256.Sum256([]byte(name))
		h.write(".docker/contexts/meta/"+hex.EncodeToString(sum[:])+"/meta.json", text)
	}
	all, faults := h.catalog("linux").List()
	var names []string
	for _, b := range all {
		names = append(names, b.Name)
	}
	if want := []string{"embedded", "default", "good"}; !slices.Equal(names, want) {
		t.Errorf("there are %q, want %q", names, want)
	}
	text := fmt.Sprint(faults)
	for _, want := range []string{"line 1: unexpected end of JSON input", `says that it is of context "other", and is not in its folder`} {
		if !strings.Contains(text, want) {
			t.Errorf("faults are %s\nwant %q in it", text, want)
		}
	}
	if len(faults) != 2 {
		t.Errorf("%d faults: %s", len(faults), text)
	}
}

// TestDockerHost reads the forms that docker takes.
func TestDockerHost(t *testing.T) {
	for host, want := range map[string]string{
		"":                    "unix:///var/run/docker.sock",
		"unix://":             "unix:///var/run/docker.sock",
		"unix:///run/d.sock":  "unix:///run/d.sock",
		"/run/d.sock":         "unix:///run/d.sock",
		"10.0.0.1:2375":       "tcp://10.0.0.1:2375",
		"ssh://me@host":       "ssh://me@host",
		"tcp://10.0.0.1:2375": "tcp://10.0.0.1:2375",
	} {
		h := newHome(t)
		h.env["DOCKER_HOST"] = host
		b, err := h.catalog("linux").Find("default")
		if err != nil || b.Nodes[0].Engine.Host != want {
			t.Errorf("%q: %+v, %v; want %s", host, b, err, want)
		}
	}
}

// What the drivers of buildx become.
func TestDrivers(t *testing.T) {
	h := newHome(t)
	h.write(".docker/buildx/instances/fleet", remoteInstance)
	h.write(".docker/buildx/instances/setup", containerInstance)
	h.write(".docker/buildx/instances/kube", kubeInstance)
	tls := h.context("far", "tcp://far:2376")
	for _, name := range []string{"ca.pem", "cert.pem", "key.pem"} {
		h.write(tls+name, "x")
	}
	find := func(name string) *Builder {
		t.Helper()
		b, err := h.catalog("linux").Find(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	fleet := find("FLEET") // names of buildx have no case
	if n := fleet.Nodes[0]; n.TLS != (TLS{"/ca.pem", "/cert.pem", "/key.pem", "bk"}) || n.Platforms[0] != "linux/amd64" {
		t.Errorf("fleet0 is %+v", n)
	}
	if n := fleet.Nodes[1]; n.Address != "tcp://b:1234" || n.Platforms[0] != "linux/arm/v7" {
		t.Errorf("fleet1 is %+v", n)
	}
	if n := find("setup").Nodes[0]; n.Container != "buildx_buildkit_setup0" || n.Engine.Host != "unix:///run/e.sock" {
		t.Errorf("setup0 is %+v", n)
	}
	if p := find("kube").Nodes[0].Pods; p != (Pods{Kubeconfig: "/etc/k", Namespace: "build", Selector: "app=kube-0"}) {
		t.Errorf("kube_0 has %+v", p)
	}
	if n := find("far").Nodes[0]; n.Engine.TLS == nil || !strings.HasSuffix(n.Engine.TLS.Key, "key.pem") || n.Engine.Host != "tcp://far:2376" {
		t.Errorf("far is %+v", n)
	}
}

// What a stranger's repository says does not hide what the user has.
func TestProjectIsLast(t *testing.T) {
	h := newHome(t)
	h.write(".docker/buildx/instances/fleet", remoteInstance)
	h.write("project/builders.hcl", strings.ReplaceAll(buildersHCL, `"ci"`, `"fleet"`))
	b, err := h.catalog("linux").Find("fleet")
	if err != nil || b.Origin != "buildx" {
		t.Errorf("got %+v, %v", b, err)
	}
}
