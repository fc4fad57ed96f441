//go:build linux

package embedded

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/moby/buildkit/client/llb"

	orchregistry "github.com/orch-build/orch/internal/registry"
)

func configured(t *testing.T, o *Options, text string) {
	t.Helper()
	o.Config = filepath.Join(o.StateDir, "buildkitd.toml")
	if err := os.WriteFile(o.Config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestConfigFile(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.toml"), filepath.Join(dir, "b.toml")
	for _, file := range []string{a, b} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"ORCH_BUILDER_CONFIG": a, "BUILDKITD_CONFIG": b}, a},
		{map[string]string{"BUILDKITD_CONFIG": b}, b},
	} {
		if got, err := configFile(func(name string) string { return c.env[name] }); err != nil || got != c.want {
			t.Errorf("%v: %s (%v), want %s", c.env, got, err, c.want)
		}
	}
	_, err := configFile(func(string) string { return filepath.Join(dir, "no") })
	if err == nil || !strings.Contains(err.Error(), "ORCH_BUILDER_CONFIG names the builder's configuration") {
		t.Errorf("got %v", err)
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	configured(t, &o, `
[worker.oci]
  max-parallelism = 3
  snapshotter = "native"
  [[worker.oci.gcpolicy]]
    all = true
    keepDuration = "48h"
    maxUsedSpace = 123456789
`)
	var said []string
	o.Notify = func(line string) { said = append(said, line) }
	d := ensure(t, o)
	if d.Info.Config != o.Config || d.Info.MaxParallelism != 3 {
		t.Errorf("it says %+v", d.Info)
	}
	if want := "Warning: " + o.Config + ":4: worker.oci.snapshotter is not used by the embedded builder"; !slices.Contains(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
	workers, err := dial(t, d).ListWorkers(context.Background())
	if err != nil || len(workers) != 1 {
		t.Fatalf("%v, %v", workers, err)
	}
	gc := workers[0].GCPolicy
	if len(gc) != 1 || gc[0].KeepDuration != 48*time.Hour || gc[0].MaxUsedSpace != 123456789 || !gc[0].All {
		t.Errorf("collects by %+v", gc)
	}
}

// A builder with another configuration makes room when it is idle.
func TestOtherConfiguration(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	first := ensure(t, o)
	configured(t, &o, "[worker.oci]\nmax-parallelism = 1\n")
	conn, err := net.Dial("unix", newPaths(o.StateDir).Socket)
	if err != nil {
		t.Fatal(err)
	}
	if d := ensure(t, o); d.Info.PID != first.Info.PID {
		t.Error("a builder that a client was connected to was replaced")
	}
	conn.Close()
	second := ensure(t, o)
	if !second.Started || second.Info.MaxParallelism != 1 {
		t.Errorf("got %+v, want a builder with the configuration", second)
	}
	if d := ensure(t, o); d.Started {
		t.Error("replaced by one with the same configuration")
	}
	configured(t, &o, "[worker.oci]\nmax-parallelism = 2\n")
	if d := ensure(t, o); d.Info.MaxParallelism != 2 {
		t.Errorf("got %+v, want the changed configuration", d)
	}
}

func TestBrokenConfiguration(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	configured(t, &o, "debug = false\n[registry.\"x\"\nhttp = true\n")
	refused(t, o, "cannot start", o.Config+":2:")
}

// seen is a registry with the image library/app:1, and the hosts that were
// asked for something.
type seen struct {
	http.Handler
	hosts []string
}

func (s *seen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.hosts = append(s.hosts, r.Host)
	s.Handler.ServeHTTP(w, r)
}

func newRegistry(t *testing.T) *seen {
	t.Helper()
	s := &seen{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	server := httptest.NewServer(s)
	defer server.Close()
	img, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(server.Listener.Addr().String() + "/library/app:1")
	if err == nil {
		err = remote.Write(ref, img)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pulls builds something from an image.
func pulls(t *testing.T, o Options, ref string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	st := llb.Scratch().File(llb.Copy(llb.Image(ref), "/", "/"))
	_, err := solve(ctx, dial(t, ensure(t, o)), nil, st)
	return err
}

func TestMirror(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	r := newRegistry(t)
	server := httptest.NewServer(r)
	defer server.Close()
	addr := server.Listener.Addr().String()
	configured(t, &o, fmt.Sprintf("[registry.\"docker.io\"]\nmirrors = [%q]\n", addr))
	if err := pulls(t, o, "docker.io/library/app:1"); err != nil {
		t.Error(err)
	}
	if !slices.Contains(r.hosts, addr) {
		t.Error("the mirror was not asked")
	}
}

// A registry elsewhere is spoken to without TLS only if the configuration says
// so. The name leads here by way of a proxy.
func TestPlainHTTP(t *testing.T) {
	o := newOptions(t)
	r := newRegistry(t)
	proxy := httptest.NewServer(r)
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	configured(t, &o, "[registry.\"plain.example\"]\nhttp = true\n")
	if err := pulls(t, o, "plain.example/library/app:1"); err != nil {
		t.Error(err)
	}
	if !slices.Contains(r.hosts, "plain.example") {
		t.Errorf("asked were %q", r.hosts)
	}
}

// certificates writes an authority and what it signed for 127.0.0.1 and for a
// client: ca.crt, server.cert, server.key, client.cert and client.key.
func certificates(t *testing.T, dir string) {
	t.Helper()
	write := func(name, kind string, der []byte) {
		data := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var ca *x509.Certificate
	var caKey *ecdsa.PrivateKey
	for i, name := range []string{"ca", "server", "client"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		cert := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: name == "ca",
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		if ca == nil {
			cert.KeyUsage = x509.KeyUsageCertSign
			ca, caKey = cert, key
		}
		der, err := x509.CreateCertificate(rand.Reader, cert, ca, &key.PublicKey, caKey)
		if err != nil {
			t.Fatal(err)
		}
		file := name + ".cert"
		if name == "ca" {
			file = "ca.crt"
		}
		write(file, "CERTIFICATE", der)
		pkcs, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		write(name+".key", "EC PRIVATE KEY", pkcs)
	}
}

func TestRegistryWithCertificates(t *testing.T) {
	for _, how := range []string{"configuration", "folder"} {
		t.Run(how, func(t *testing.T) {
			o := newOptions(t)
			dir := t.TempDir()
			certificates(t, dir)
			server := httptest.NewUnstartedServer(newRegistry(t))
			pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.cert"), filepath.Join(dir, "server.key"))
			if err != nil {
				t.Fatal(err)
			}
			authority, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
			if err != nil {
				t.Fatal(err)
			}
			pool := x509.NewCertPool()
			pool.AppendCertsFromPEM(authority)
			server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			defer server.Close()
			addr := server.Listener.Addr().String()
			home := t.TempDir()
			t.Setenv("HOME", home)
			if how == "configuration" {
				configured(t, &o, fmt.Sprintf("[registry.%q]\nhttp = false\nca = [%q]\n[[registry.%q.keypair]]\nkey = %q\ncert = %q\n",
					addr, dir+"/ca.crt", addr, dir+"/client.key", dir+"/client.cert"))
			} else {
				certs := filepath.Join(home, ".config", "docker", "certs.d", addr)
				if err := os.MkdirAll(certs, 0o700); err != nil {
					t.Fatal(err)
				}
				for _, file := range []string{"ca.crt", "client.cert", "client.key"} {
					data, err := os.ReadFile(filepath.Join(dir, file))
					if err == nil {
						err = os.WriteFile(filepath.Join(certs, file), data, 0o600)
					}
					if err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := pulls(t, o, addr+"/library/app:1"); err != nil {
				t.Error(err)
			}
			if how == "configuration" {
				asked(t, o, addr+"/library/app:1")
			}
		})
	}
}

// asked has orch's own client ask for an image, as the configuration says.
func asked(t *testing.T, o Options, name string) {
	t.Helper()
	hosts, err := o.Registries()
	if err != nil {
		t.Fatal(err)
	}
	ref, err := orchregistry.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := orchregistry.New(orchregistry.Options{Hosts: hosts, CertDirs: []string{}}).Head(t.Context(), ref); err != nil {
		t.Error(err)
	}
}

// TestRegistriesPlainHTTP has orch's own client speak HTTP without TLS with a
// registry that is not on loopback, where the configuration says so. That client
// has credentials, which it shows nobody without TLS who has not been named.
func TestRegistriesPlainHTTP(t *testing.T) {
	server := httptest.NewServer(newRegistry(t))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	name := "0.0.0.0:" + port // leads to this machine, and is not a loopback address
	login := t.TempDir()
	if err := os.WriteFile(filepath.Join(login, "config.json"), fmt.Appendf(nil, `{"auths": {%q: {"auth": "bWU6c2VjcmV0"}}}`, name), 0o600); err != nil {
		t.Fatal(err)
	}
	for settings, good := range map[string]bool{
		"http = true":                    true,
		"http = true\ninsecure = true":   true,
		"http = false":                   false,
		"insecure = true":                false,
		"":                               false,
		"http = false\ninsecure = false": false,
	} {
		o := Options{StateDir: t.TempDir()}
		configured(t, &o, fmt.Sprintf("[registry.%q]\n%s\n", name, settings))
		hosts, err := o.Registries()
		if err != nil {
			t.Fatal(err)
		}
		ref, err := orchregistry.Parse(name + "/library/app:1")
		if err != nil {
			t.Fatal(err)
		}
		c := orchregistry.New(orchregistry.Options{
			Hosts: hosts, CertDirs: []string{}, Credentials: orchregistry.LoadCredentials(login, nil),
			Pause: time.Millisecond, Budget: time.Millisecond,
		})
		if _, err := c.Head(t.Context(), ref); (err == nil) != good {
			t.Errorf("%q: %v", settings, err)
		}
	}
}
