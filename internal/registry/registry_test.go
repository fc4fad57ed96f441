package registry

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/internal/registry/registrytest"
)

func client(opt Options) *Client {
	opt.Pause, opt.Budget = time.Millisecond, 100*time.Millisecond
	return New(opt)
}

func parse(t *testing.T, name string) Ref {
	t.Helper()
	ref, err := Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// dockerConfig writes a docker configuration and returns its folder.
func dockerConfig(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func login(host, user, password string) string {
	return fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
}

// TestParse reads names as the builder does.
func TestParse(t *testing.T) {
	for name, want := range map[string]Ref{
		"alpine":                    {Repo{Domain: "docker.io", Path: "library/alpine"}, "latest"},
		"acme/app:v1":               {Repo{Domain: "docker.io", Path: "acme/app"}, "v1"},
		"127.0.0.1:5000/a":          {Repo{Domain: "127.0.0.1:5000", Path: "a"}, "latest"},
		"localhost/a:B":             {Repo{Domain: "localhost", Path: "a"}, "B"},
		"registry:5000/x/y:1":       {Repo{Domain: "registry:5000", Path: "x/y"}, "1"},
		"[::1]:5000/a:v":            {Repo{Domain: "[::1]:5000", Path: "a"}, "v"},
		"Registry.example.com/a/b":  {Repo{Domain: "Registry.example.com", Path: "a/b"}, "latest"},
		"index.docker.io/acme/a:v1": {Repo{Domain: "docker.io", Path: "acme/a"}, "v1"},
	} {
		if got, err := Parse(name); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := Parse("127.0.0.1:5000/A"); err == nil {
		t.Error("a repository in upper case is accepted")
	}
}

// TestManifests moves a tag of a repository whose name has one letter.
func TestManifests(t *testing.T) {
	s := registrytest.New(t)
	c, ctx := client(Options{}), t.Context()
	ref := parse(t, s.Host+"/a:v1")
	if got, err := c.Head(ctx, ref); got != "" || err != nil {
		t.Errorf("a tag that is not there: %q, %v", got, err)
	}
	d := s.Push("a", "one", "old")
	m, err := c.Manifest(ctx, Ref{ref.Repo, d})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Put(ctx, ref, m); err != nil || s.Tag("a:v1") != d {
		t.Errorf("after Put the tag is at %q, %v", s.Tag("a:v1"), err)
	}
	if got, err := c.Head(ctx, ref); got != d || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for range 2 {
		if err := c.Delete(ctx, ref); err != nil || s.Tag("a:v1") != "" {
			t.Errorf("after Delete the tag is at %q, %v", s.Tag("a:v1"), err)
		}
	}
	if _, err := c.Manifest(ctx, ref); !Missing(err) {
		t.Errorf("a manifest that is not there: %v", err)
	}
	s.Before(func(w http.ResponseWriter, r *http.Request) bool {
		_, err := w.Write([]byte("something else"))
		return err == nil
	})
	if _, err := c.Manifest(ctx, Ref{ref.Repo, d}); err == nil || !strings.Contains(err.Error(), "something else than "+d) {
		t.Errorf("a lie: %v", err)
	}
}

// TestDigestOfManifest takes the digest from the manifest where a registry does
// not say it.
func TestDigestOfManifest(t *testing.T) {
	s := registrytest.New(t)
	d := s.Push("a", "one", "v1")
	s.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusOK)
		}
		return r.Method == http.MethodHead
	})
	if got, err := client(Options{}).Head(t.Context(), parse(t, s.Host+"/a:v1")); got != d || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestBlobs(t *testing.T) {
	s := registrytest.New(t)
	c, ctx := client(Options{}), t.Context()
	repo, data := parse(t, s.Host+"/a").Repo, []byte("content")
	d := digest.FromBytes(data)
	if have, err := c.HasBlob(ctx, repo, d, -1); have || err != nil {
		t.Errorf("before: %t, %v", have, err)
	}
	if err := c.PutBlob(ctx, repo, data); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Blob(ctx, repo, d); string(got) != "content" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for size, want := range map[int64]bool{-1: true, int64(len(data)): true, 3: false} {
		if have, err := c.HasBlob(ctx, repo, d, size); have != want || err != nil {
			t.Errorf("a blob of %d bytes: %t, %v", size, have, err)
		}
	}
	s.Asked()
	if err := c.PutBlob(ctx, repo, data); err != nil || len(s.Asked()) != 1 {
		t.Errorf("what is there was uploaded again, %v", err)
	}
}

// TestAuth asks with what the docker configuration has, in each of its forms.
func TestAuth(t *testing.T) {
	basic := registrytest.Auth{Scheme: "Basic", User: "me", Password: "secret"}
	bearer := registrytest.Auth{Scheme: "Bearer", User: "me", Password: "secret", IdentityToken: "identity"}
	upper, old, open := bearer, bearer, bearer
	upper.Scheme, old.NoOAuth, open.Anonymous = "BEARER", true, true
	host := func(key string) func(string) string {
		return func(h string) string { return login(strings.ReplaceAll(key, "HOST", h), "me", "secret") }
	}
	bin := t.TempDir()
	helper := "#!/bin/sh\nread host\nprintf '{\"ServerURL\":\"%s\",\"Username\":\"me\",\"Secret\":\"secret\"}' \"$host\"\n"
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-good"), []byte(helper), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for name, c := range map[string]struct {
		auth   registrytest.Auth
		config func(host string) string
		denied bool
	}{
		"basic":        {auth: basic, config: host("HOST")},
		"https://":     {auth: basic, config: host("https://HOST")},
		"/v1/":         {auth: basic, config: host("https://HOST/v1/")},
		"/v2":          {auth: bearer, config: host("http://HOST/v2")},
		"bearer":       {auth: bearer, config: host("HOST")},
		"BEARER":       {auth: upper, config: host("HOST")},
		"old tokens":   {auth: old, config: host("HOST")},
		"anonymous":    {auth: open, config: func(string) string { return "{}" }},
		"credsStore":   {auth: basic, config: func(string) string { return `{"credsStore":"good"}` }},
		"credHelpers":  {auth: bearer, config: func(h string) string { return fmt.Sprintf(`{"credsStore":"gone","credHelpers":{%q:"good"}}`, h) }},
		"identity":     {auth: bearer, config: func(h string) string { return fmt.Sprintf(`{"auths":{%q:{"identitytoken":"identity"}}}`, h) }},
		"wrong":        {auth: basic, config: func(h string) string { return login(h, "me", "guess") }, denied: true},
		"wrong token":  {auth: bearer, config: func(h string) string { return login(h, "me", "guess") }, denied: true},
		"none":         {auth: basic, config: func(string) string { return "{}" }, denied: true},
		"other":        {auth: bearer, config: func(string) string { return login("elsewhere.example.com", "me", "secret") }, denied: true},
		"broken":       {auth: basic, config: func(string) string { return "{" }, denied: true},
		"other helper": {auth: basic, config: func(string) string { return `{"credsStore":"gone"}` }, denied: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := registrytest.New(t)
			s.Wants(c.auth)
			d := s.Push("team/a", "one")
			cl, ctx := client(Options{Credentials: LoadCredentials(dockerConfig(t, c.config(s.Host)), nil)}), t.Context()
			ref := parse(t, s.Host+"/team/a:v1")
			if err := cl.Check(ctx, ref.Repo); (err != nil) != c.denied {
				t.Fatalf("the registry says %v", err)
			}
			if c.denied {
				return
			}
			if got, err := cl.Head(ctx, ref); got != "" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			m, err := cl.Manifest(ctx, Ref{ref.Repo, d})
			if err != nil {
				t.Fatal(err)
			}
			if err := cl.Put(ctx, ref, m); err != nil || s.Tag("team/a:v1") != d {
				t.Errorf("the tag is at %q, %v", s.Tag("team/a:v1"), err)
			}
			if n := len(slices.DeleteFunc(s.Asked(), func(r string) bool { return !strings.Contains(r, "/token") })); n > 2 {
				t.Errorf("%d tokens were asked for", n)
			}
		})
	}
}

// TestTokenGone asks for another token when the registry does not take the one
// that was good before.
func TestTokenGone(t *testing.T) {
	s := registrytest.New(t)
	s.Wants(registrytest.Auth{Scheme: "Bearer", Anonymous: true})
	d := s.Push("a", "one", "v1")
	c, ref := client(Options{}), parse(t, s.Host+"/a:v1")
	for i := range 2 {
		if got, err := c.Head(t.Context(), ref); got != d || err != nil {
			t.Errorf("%d: %q, %v", i, got, err)
		}
		var once sync.Once
		s.Before(func(w http.ResponseWriter, r *http.Request) (answered bool) {
			once.Do(func() {
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",error="invalid_token"`, s.URL))
				w.WriteHeader(http.StatusUnauthorized)
				answered = true
			})
			return answered
		})
	}
}

// TestWarnings says each thing once that is wrong with the configuration.
func TestWarnings(t *testing.T) {
	for text, want := range map[string]string{
		`{"credsStore":"nonexistent-helper"}`:    "docker-credential-nonexistent-helper, which",
		`{"credHelpers":{"r.test":"other-one"}}`: "docker-credential-other-one, which",
		`{"auths":`:                              "config.json is not used",
		`{}`:                                     "",
	} {
		var said []string
		c := LoadCredentials(dockerConfig(t, text), func(w string) { said = append(said, w) })
		for range 2 {
			c.Look("r.test")
			if auth := c.Of("r.test"); auth.Username != "" {
				t.Errorf("%s: %+v", text, auth)
			}
		}
		if want == "" && len(said) == 0 {
			continue
		}
		if len(said) != 1 || !strings.Contains(said[0], want) {
			t.Errorf("%s: %q, want %q once", text, said, want)
		}
	}
}

// TestCredentialsFit finds credentials under the names that a registry has.
func TestCredentialsFit(t *testing.T) {
	for key, host := range map[string]string{
		"https://index.docker.io/v1/": "registry-1.docker.io",
		"Registry.Example.com":        "registry.example.com",
		"https://r.test:5000/v2/":     "r.test:5000",
	} {
		c := LoadCredentials(dockerConfig(t, login(key, "me", "secret")), nil)
		if got := c.Of(host); got.Username != "me" || got.Password != "secret" {
			t.Errorf("%s for %s: %+v", key, host, got)
		}
	}
	if got := (*Credentials)(nil).Of("r.test"); got.Username != "" {
		t.Errorf("no configuration: %+v", got)
	}
}

// TestHelperHangs goes on without credentials if their program never answers.
func TestHelperHangs(t *testing.T) {
	bin := t.TempDir()
	script := "#!/bin/sh\nexec sleep 5\n"
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-hangs"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	var said []string
	c := LoadCredentials(dockerConfig(t, `{"credHelpers":{"r.test":"hangs"}}`), func(w string) { said = append(said, w) })
	c.wait = 50 * time.Millisecond
	if got := c.Of("r.test"); got.Username != "" {
		t.Errorf("got %+v, want no credentials", got)
	}
	if len(said) != 1 || !strings.Contains(said[0], "docker-credential-hangs gives no credentials for r.test, which is asked without: no answer in 50ms") {
		t.Errorf("said %q", said)
	}
}

// authority writes the certificate of a server to a file.
func authority(t *testing.T, s *registrytest.Server, path string) string {
	t.Helper()
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestHosts reaches registries that have to be spoken to in another way.
func TestHosts(t *testing.T) {
	plain, secure := registrytest.New(t), registrytest.NewTLS(t)
	yes, no := true, false
	dir := t.TempDir()
	ca := authority(t, secure, filepath.Join(dir, "ca.pem"))
	authority(t, secure, filepath.Join(dir, "certs.d", secure.Host, "ca.crt"))
	for name, c := range map[string]struct {
		host     string
		conf     HostConfig
		dirs     []string
		insecure bool
		bad      bool
	}{
		"loopback":               {host: plain.Host},
		"loopback with TLS":      {host: secure.Host, bad: true},
		"certs.d":                {host: secure.Host, dirs: []string{filepath.Join(dir, "certs.d")}},
		"ca":                     {host: secure.Host, conf: HostConfig{CAs: []string{ca}, PlainHTTP: &no}},
		"insecure":               {host: secure.Host, conf: HostConfig{Insecure: &yes}},
		"no http":                {host: plain.Host, conf: HostConfig{PlainHTTP: &no}, bad: true},
		"http":                   {host: plain.Host, conf: HostConfig{PlainHTTP: &yes}},
		"http, not TLS":          {host: secure.Host, conf: HostConfig{PlainHTTP: &yes}, bad: true},
		"insecure name":          {host: secure.Host, insecure: true},
		"insecure name, plain":   {host: plain.Host, insecure: true},
		"certificate is missing": {host: secure.Host, conf: HostConfig{CAs: []string{filepath.Join(dir, "none")}}, bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			cl := client(Options{Hosts: map[string]HostConfig{c.host: c.conf}, CertDirs: append([]string{}, c.dirs...)})
			ref, err := Name{Text: c.host + "/a:v1", Insecure: c.insecure}.Parse()
			if err != nil {
				t.Fatal(err)
			}
			if err := cl.Check(t.Context(), ref.Repo); (err != nil) != c.bad {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestPlainIfOpen speaks plain HTTP with a registry elsewhere that speaks
// nothing else, but shows it no credentials.
func TestPlainIfOpen(t *testing.T) {
	s := registrytest.New(t)
	for text, good := range map[string]bool{"{}": true, login(s.Host, "me", "secret"): false} {
		c := client(Options{Credentials: LoadCredentials(dockerConfig(t, text), nil)})
		repo := parse(t, s.Host+"/a").Repo
		h, err := c.host(repo)
		if err != nil {
			t.Fatal(err)
		}
		h.schemes, h.plainIfOpen = []string{"https"}, true // as if it were not a loopback address
		if err := c.Check(t.Context(), repo); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestCheckDenies takes nothing for a registry that does not answer as one.
func TestCheckDenies(t *testing.T) {
	s := registrytest.New(t)
	for _, status := range []int{403, 404, 405, 302, 500} {
		s.Before(func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			return true
		})
		if err := client(Options{}).Check(t.Context(), parse(t, s.Host+"/a").Repo); err == nil {
			t.Errorf("%d is taken for a registry", status)
		}
	}
}

// TestErrors shows what registries answer, on one line and without what steers
// a terminal.
func TestErrors(t *testing.T) {
	s := registrytest.New(t)
	for _, c := range []struct{ body, want string }{
		{`{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}`, ": 403 Forbidden: TOOMANYREQUESTS: slow down"},
		{`{"errors":[{"code":"DENIED","message":"a\nb\u001b[31mc\u009b"},{"message":"two"}]}`, ": 403 Forbidden: DENIED: a bc; two"},
		{`{"errors":[{"code":"FAULT","message":"` + strings.Repeat("x", 1000) + `"}]}`, "x…"},
		{`<html>blocked</html>`, ": 403 Forbidden"},
		{``, ": 403 Forbidden"},
	} {
		s.Before(func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(c.body))
			return true
		})
		_, err := client(Options{}).Manifest(t.Context(), parse(t, s.Host+"/a:v1"))
		var e *Error
		if !errors.As(err, &e) || !strings.HasSuffix(err.Error(), c.want) || len(err.Error()) > 500 {
			t.Errorf("%q: %v", c.body, err)
		}
	}
}
