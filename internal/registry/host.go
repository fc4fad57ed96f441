package registry

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// HostConfig says how a registry is reached, as the configuration of BuildKit's
// daemon says it.
type HostConfig struct {
	// PlainHTTP is whether it speaks HTTP without TLS; nil is true on loopback.
	PlainHTTP *bool
	// Insecure does not verify its certificate.
	Insecure *bool
	// CAs are files with certificates that are trusted beside the system's.
	CAs []string
	// CertDirs are folders with NAME.crt (trusted), and NAME.cert with NAME.key
	// (the client's own).
	CertDirs []string
	// KeyPairs are files with the client's own certificates.
	KeyPairs []KeyPair
}

// KeyPair is a certificate of the client.
type KeyPair struct{ Cert, Key string }

// certDirs are where Docker keeps the certificates of registries, each in a
// folder of its name.
func certDirs(getenv func(string) string) []string {
	dirs := []string{"/etc/docker/certs.d"}
	base := getenv("XDG_CONFIG_HOME")
	if base == "" {
		if home := getenv("HOME"); home != "" {
			base = filepath.Join(home, ".config")
		}
	}
	if base != "" {
		dirs = append(dirs, filepath.Join(base, "docker", "certs.d"))
	}
	return dirs
}

// address is the host of a registry as it is dialled.
func address(domain string) string {
	if domain == "docker.io" || domain == "index.docker.io" {
		return "registry-1.docker.io"
	}
	return domain
}

// loopback says whether a registry is on this machine, where HTTP without TLS
// is usual.
func loopback(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// host is one registry: how it is spoken to, and what it wants to see.
type host struct {
	domain    string
	address   string
	transport http.RoundTripper

	mu sync.Mutex
	// schemes are those that may be spoken, the first being tried; once one has
	// been answered, it is the only one.
	schemes []string
	// plainIfOpen allows plain HTTP where there are no credentials to be seen.
	plainIfOpen bool
	challenge   *challenge
	tokens      map[string]*token
	scopes      map[string]string // what the registry calls each scope
}

// newHost says how to reach a registry. The scheme is found out by the first
// request where several are possible, in the order in which the builder tries
// them.
func newHost(repo Repo, c HostConfig) (*host, error) {
	h := &host{domain: repo.Domain, address: address(repo.Domain), tokens: map[string]*token{}, scopes: map[string]string{}}
	if repo.Insecure {
		yes := true
		c.PlainHTTP, c.Insecure = &yes, &yes
	}
	conf, err := c.tls()
	if err != nil {
		return nil, err
	}
	conf.InsecureSkipVerify = c.Insecure != nil && *c.Insecure
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = conf
	t.DialContext = (&net.Dialer{Timeout: dialTime, KeepAlive: 30 * time.Second}).DialContext
	t.MaxIdleConnsPerHost = idleConns
	h.transport = t
	plain := c.PlainHTTP != nil && *c.PlainHTTP || c.PlainHTTP == nil && loopback(h.address)
	switch {
	case conf.InsecureSkipVerify && plain:
		h.schemes = []string{"https", "http"}
	case plain && c.PlainHTTP == nil:
		h.schemes = []string{"http", "https"}
	case plain:
		h.schemes = []string{"http"}
	default:
		h.schemes = []string{"https"}
		h.plainIfOpen = c.PlainHTTP == nil
	}
	return h, nil
}

// dialTime is how long it may take to reach a registry.
const dialTime = 10 * time.Second

// idleConns is how many connections to a registry are kept for the next
// requests: those of many targets are made side by side.
const idleConns = 48

// tls reads the certificates.
func (c HostConfig) tls() (*tls.Config, error) {
	cas, pairs := c.CAs, c.KeyPairs
	for _, dir := range c.CertDirs {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return nil, err
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			switch filepath.Ext(path) {
			case ".crt":
				cas = append(cas, path)
			case ".cert":
				pairs = append(pairs, KeyPair{path, strings.TrimSuffix(path, ".cert") + ".key"})
			}
		}
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(cas) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		for _, path := range cas {
			data, err := os.ReadFile(path)
			if err != nil {
				return nil, fmt.Errorf("reading a certificate: %w", err)
			}
			pool.AppendCertsFromPEM(data)
		}
		conf.RootCAs = pool
	}
	for _, pair := range pairs {
		cert, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
		if err != nil {
			return nil, fmt.Errorf("reading a client's certificate: %w", err)
		}
		conf.Certificates = append(conf.Certificates, cert)
	}
	return conf, nil
}

// RoundTrip makes a request with the scheme that the registry speaks. Requests
// to other hosts, which a registry redirects to, go as they are.
func (h *host) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != h.address {
		return h.transport.RoundTrip(req)
	}
	schemes := h.trying()
	for i, scheme := range schemes {
		if i > 0 && req.Body != nil && req.Body != http.NoBody {
			body, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			req.Body = body
		}
		with := req.Clone(req.Context())
		with.URL.Scheme = scheme
		resp, err := h.transport.RoundTrip(with)
		if i+1 < len(schemes) && h.other(scheme, resp, err) {
			continue
		}
		if err == nil {
			h.speaks(scheme)
		}
		return resp, err
	}
	return nil, errors.New("no scheme is known") // newHost gives at least one
}

func (h *host) trying() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.schemes
}

func (h *host) speaks(scheme string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.schemes = []string{scheme}
}

// other says whether what came of a request means that the registry speaks
// another scheme.
func (h *host) other(scheme string, resp *http.Response, err error) bool {
	if scheme == "http" {
		return err == nil && wantsTLS(resp)
	}
	var record tls.RecordHeaderError
	var op *net.OpError
	refused := errors.As(err, &op) && op.Op == "dial" && !strings.Contains(h.address, ":")
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &record) || refused
}

// wantsTLS says whether an answer is the one that the servers of Go and nginx
// give to plain HTTP on a port for TLS.
func wantsTLS(resp *http.Response) bool {
	if resp.StatusCode != http.StatusBadRequest {
		return false
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err == nil && bytes.Contains(data, []byte("HTTPS")) {
		resp.Body.Close()
		return true
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(data), resp.Body), resp.Body}
	return false
}

// open allows plain HTTP with a registry that speaks nothing else, where nobody
// could read credentials on the way.
func (h *host) open(err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.plainIfOpen || !errors.Is(err, http.ErrSchemeMismatch) {
		return false
	}
	h.schemes, h.plainIfOpen = []string{"http"}, false
	return true
}
