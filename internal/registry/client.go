package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/internal/retry"
)

// Options say how a Client works. The zero value is usable, without
// credentials.
type Options struct {
	// Hosts says how single registries are reached, by their names.
	Hosts map[string]HostConfig
	// CertDirs are folders that hold a folder of certificates for each
	// registry; nil is where Docker has them.
	CertDirs []string
	// Credentials are those that registries are asked with; nil are none.
	Credentials *Credentials
	// UserAgent is what the client calls itself; "" is orch.
	UserAgent string
	// Pause is the first pause before a request is made again; 0 is the
	// default of package retry, as is that of Budget, for how long.
	Pause, Budget time.Duration
}

// Client asks registries. It remembers how each wants to be asked, and is for
// several goroutines.
type Client struct {
	opt Options

	// mirrors are those of registries, and through is the client that they are asked
	// with.
	mirrors map[string][]string
	through *Client

	mu    sync.Mutex
	hosts map[hostKey]*host
}

type hostKey struct {
	domain   string
	insecure bool
}

// New returns a client.
func New(opt Options) *Client {
	if opt.CertDirs == nil {
		opt.CertDirs = certDirs(os.Getenv)
	}
	if opt.UserAgent == "" {
		opt.UserAgent = "orch"
	}
	return &Client{opt: opt, hosts: map[hostKey]*host{}}
}

// manifestTypes are the manifests that a registry may answer with as they are.
var manifestTypes = strings.Join([]string{
	ocispecs.MediaTypeImageIndex, ocispecs.MediaTypeImageManifest,
	"application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json", "*/*",
}, ", ")

// host is the registry of a repository.
func (c *Client) host(repo Repo) (*host, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := hostKey{repo.Domain, repo.Insecure}
	if h := c.hosts[key]; h != nil {
		return h, nil
	}
	conf := c.opt.Hosts[repo.Domain]
	for _, dir := range c.opt.CertDirs {
		conf.CertDirs = append(conf.CertDirs, filepath.Join(dir, repo.Domain))
	}
	h, err := newHost(repo, conf)
	if err != nil {
		return nil, fmt.Errorf("preparing to ask %s: %w", repo.Domain, err)
	}
	c.hosts[key] = h
	return h, nil
}

func (c *Client) retrying(h *host) http.RoundTripper {
	return &retry.Transport{Next: h, Pause: c.opt.Pause, Budget: c.opt.Budget}
}

// request is one to the API of a repository.
type request struct {
	repo   Repo
	method string
	path   string // after /v2/REPOSITORY/
	at     string // a whole URL, in place of path
	header http.Header
	body   []byte
	// stream opens what is sent in place of body, and may be called again.
	stream func() (io.ReadCloser, error)
	size   int64 // of the stream
	// good are the statuses that are wanted; without any, all of 2xx.
	good []int
}

// mostBlob and mostAnswer bound what is read of an answer into memory, in bytes: a
// blob, and all else.
const (
	mostBlob   = 256 << 20
	mostAnswer = 32 << 20
)

func (r request) most() int64 {
	if strings.HasPrefix(r.path, "blobs/") {
		return mostBlob
	}
	return mostAnswer
}

// answer is what came of a request.
type answer struct {
	status int
	header http.Header
	body   []byte
	url    *url.URL
}

// do makes a request, with what the registry wants to see.
func (c *Client) do(ctx context.Context, r request) (*answer, error) {
	if err := r.valid(); err != nil {
		return nil, err
	}
	h, err := c.host(r.repo)
	if err != nil {
		return nil, err
	}
	asked := r.scope()
	if push := pushScope(r.repo); h.granted(push) && r.method != http.MethodDelete {
		asked = push // it is good for reading too
	}
	scope := h.wants(asked)
	for try := 0; ; try++ {
		a, err := c.once(ctx, h, r, scope)
		if err != nil && c.mayBeOpen(h, err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if a.status != http.StatusUnauthorized || try == 2 || r.elsewhere(h) {
			return a, c.check(r, a)
		}
		h.forget(scope)
		wanted, ok := h.challenged(a.header)
		if !ok {
			return a, c.check(r, a)
		}
		if wanted != "" {
			h.named(asked, wanted)
			scope = wanted
		}
	}
}

// mayBeOpen says whether a request that has failed is made again without TLS.
func (c *Client) mayBeOpen(h *host, err error) bool {
	if !errors.Is(err, http.ErrSchemeMismatch) {
		return false
	}
	cred := c.opt.Credentials.Of(h.address)
	if cred.Username+cred.Password+cred.IdentityToken+cred.RegistryToken != "" {
		return false
	}
	return h.open(err)
}

// once makes a request once, as far as authorization goes.
func (c *Client) once(ctx context.Context, h *host, r request, scope string) (*answer, error) {
	req, err := c.authorized(ctx, h, r, scope)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: c.retrying(h)}
	if r.stream != nil {
		client.Transport = h // it may take long, and is made once
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, h.unreached(r, err)
	}
	defer resp.Body.Close()
	most := r.most()
	data, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%s %s: the answer is larger than %d bytes", r.method, h.domain, most)
	}
	return &answer{resp.StatusCode, resp.Header, data, resp.Request.URL}, nil
}

// authorized makes the HTTP request of a request, with the authorization for a scope.
func (c *Client) authorized(ctx context.Context, h *host, r request, scope string) (*http.Request, error) {
	authorization, err := c.authorization(ctx, h, scope)
	if err != nil {
		return nil, err
	}
	req, err := r.http(ctx, h)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.opt.UserAgent)
	if authorization != "" && !r.elsewhere(h) {
		req.Header.Set("Authorization", authorization)
	}
	return req, nil
}

// unreached says what was asked, without what a URL may hold of a secret.
func (h *host) unreached(r request, err error) error {
	var named *url.Error
	if errors.As(err, &named) {
		err = named.Err
	}
	return fmt.Errorf("%s %s: %w", r.method, h.domain, err)
}

func (r request) http(ctx context.Context, h *host) (*http.Request, error) {
	at := r.at
	if at == "" {
		at = h.schemeNow() + "://" + h.address + "/v2/"
		if r.repo.Path != "" {
			at += r.repo.Path + "/" + r.path
		}
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, at, body)
	if err != nil {
		return nil, err
	}
	if r.header != nil {
		req.Header = r.header.Clone()
	}
	if r.stream != nil {
		if req.Body, err = r.stream(); err != nil {
			return nil, err
		}
		req.GetBody, req.ContentLength = r.stream, r.size
	}
	return req, nil
}

// valid refuses a request for what is neither a tag nor a digest: such names come
// out of manifests, and would lead elsewhere in the registry.
func (r request) valid() error {
	for _, kind := range []string{"manifests/", "blobs/"} {
		name, ok := strings.CutPrefix(r.path, kind)
		if !ok || strings.HasPrefix(name, "uploads/") {
			continue
		}
		if _, err := digest.Parse(name); err != nil && (kind == "blobs/" || !tagName.MatchString(name)) {
			return fmt.Errorf("%s: %q is not the name of something that a registry has", r.repo, name)
		}
	}
	return nil
}

// tagName is what a tag looks like.
var tagName = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)

// elsewhere says whether a request goes to another host than that of the
// repository, or goes there without the TLS that it has otherwise: a registry may
// want uploads in such a place. Credentials are not for it.
func (r request) elsewhere(h *host) bool {
	if r.at == "" {
		return false
	}
	at, err := url.Parse(r.at)
	return err != nil || at.Host != h.address || at.Scheme != h.schemeNow()
}

func (h *host) schemeNow() string { return h.trying()[0] }

// scope is what a token has to be good for.
func (r request) scope() string {
	if r.repo.Path == "" {
		return ""
	}
	actions := "pull"
	switch r.method {
	case http.MethodPut, http.MethodPost, http.MethodPatch:
		actions = "pull,push"
	case http.MethodDelete:
		actions = "delete,pull,push"
	}
	return "repository:" + r.repo.Path + ":" + actions
}

// check is the error of an answer that is not a wanted one.
func (c *Client) check(r request, a *answer) error {
	for _, s := range r.good {
		if a.status == s {
			return nil
		}
	}
	if len(r.good) == 0 && a.status/100 == 2 {
		return nil
	}
	return newError(&http.Request{Method: r.method, URL: a.url}, a.status, a.body)
}

// Check asks whether the registry of a repository can be reached from here, and
// takes the credentials that are there. It costs one request, and those for a
// token where the registry wants one.
func (c *Client) Check(ctx context.Context, repo Repo) error {
	h, err := c.host(repo)
	if err != nil {
		return err
	}
	all := repo
	all.Path = ""
	r := request{repo: all, method: http.MethodGet, good: []int{http.StatusOK}}
	for try := 0; ; try++ {
		a, err := c.once(ctx, h, r, pushScope(repo))
		switch {
		case err != nil && c.mayBeOpen(h, err):
			continue
		case err != nil:
			return err
		case a.status == http.StatusUnauthorized && try < 2:
			if _, ok := h.challenged(a.header); ok {
				continue
			}
		}
		return c.check(r, a)
	}
}

func pushScope(repo Repo) string { return request{repo: repo, method: http.MethodPut}.scope() }

// Head returns the digest that a tag points to, or "" if there is no such tag.
func (c *Client) Head(ctx context.Context, ref Ref) (string, error) {
	found, err := pulled(ctx, c, ref.Repo, func(c *Client, repo Repo) (string, error) { return c.head(ctx, Ref{repo, ref.Tag}) })
	if Missing(err) {
		return "", nil
	}
	return found, err
}

func (c *Client) head(ctx context.Context, ref Ref) (string, error) {
	a, err := c.do(ctx, request{
		repo: ref.Repo, method: http.MethodHead, path: "manifests/" + ref.Tag, header: http.Header{"Accept": {manifestTypes}},
	})
	if err != nil {
		return "", err
	}
	if d, err := digest.Parse(a.header.Get("Docker-Content-Digest")); err == nil {
		return d.String(), nil
	}
	// Not every registry says it; then it is that of the manifest.
	m, err := c.manifest(ctx, ref)
	if err != nil {
		return "", err
	}
	return digest.FromBytes(m.Data).String(), nil
}

// Manifest is a manifest as it is stored.
type Manifest struct {
	MediaType string
	Data      []byte
}

// Manifest reads a manifest. What a digest names is verified.
func (c *Client) Manifest(ctx context.Context, ref Ref) (*Manifest, error) {
	return pulled(ctx, c, ref.Repo, func(c *Client, repo Repo) (*Manifest, error) { return c.manifest(ctx, Ref{repo, ref.Tag}) })
}

func (c *Client) manifest(ctx context.Context, ref Ref) (*Manifest, error) {
	a, err := c.do(ctx, request{
		repo: ref.Repo, method: http.MethodGet, path: "manifests/" + ref.Tag, header: http.Header{"Accept": {manifestTypes}},
	})
	if err != nil {
		return nil, err
	}
	if err := verify(ref.Tag, a.body); err != nil {
		return nil, err
	}
	return &Manifest{a.header.Get("Content-Type"), a.body}, nil
}

// verify holds content against the digest under which it was asked for; a tag
// is none.
func verify(name string, data []byte) error {
	d, err := digest.Parse(name)
	if err != nil {
		return nil
	}
	if got := d.Algorithm().FromBytes(data); got != d {
		return fmt.Errorf("%w %s", ErrOther, d)
	}
	return nil
}

// Put stores a manifest under a tag, or under its digest.
func (c *Client) Put(ctx context.Context, ref Ref, m *Manifest) error {
	_, err := c.do(ctx, request{
		repo: ref.Repo, method: http.MethodPut, path: "manifests/" + ref.Tag,
		header: http.Header{"Content-Type": {m.MediaType}}, body: m.Data,
	})
	return err
}

// Delete takes a tag away; one that is not there is gone already.
func (c *Client) Delete(ctx context.Context, ref Ref) error {
	_, err := c.do(ctx, request{repo: ref.Repo, method: http.MethodDelete, path: "manifests/" + ref.Tag})
	if Missing(err) {
		return nil
	}
	return err
}

// Blob reads a small blob, and verifies it.
func (c *Client) Blob(ctx context.Context, repo Repo, d digest.Digest) ([]byte, error) {
	return pulled(ctx, c, repo, func(c *Client, repo Repo) ([]byte, error) { return c.blob(ctx, repo, d) })
}

func (c *Client) blob(ctx context.Context, repo Repo, d digest.Digest) ([]byte, error) {
	a, err := c.do(ctx, request{repo: repo, method: http.MethodGet, path: "blobs/" + d.String()})
	if err != nil {
		return nil, err
	}
	return a.body, verify(d.String(), a.body)
}

// HasBlob says whether a repository has a blob of a size; a size below 0 is any.
func (c *Client) HasBlob(ctx context.Context, repo Repo, d digest.Digest, size int64) (bool, error) {
	return c.has(ctx, request{repo: repo, path: "blobs/" + d.String()}, size)
}

// has asks for something by its headers alone, and says whether it is there in that
// size; one below 0 is any.
func (c *Client) has(ctx context.Context, r request, size int64) (bool, error) {
	r.method = http.MethodHead
	a, err := c.do(ctx, r)
	if Missing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	have, err := strconv.ParseInt(a.header.Get("Content-Length"), 10, 64)
	return size < 0 || err != nil || have == size, nil
}

// uploadTo is where a registry wants a blob, as it says in its answer.
func (a *answer) uploadTo(repo Repo, d digest.Digest) (string, error) {
	at, err := a.url.Parse(a.header.Get("Location"))
	if err != nil || a.header.Get("Location") == "" {
		return "", fmt.Errorf("%s does not say where to upload to", repo)
	}
	query := at.Query()
	query.Set("digest", d.String())
	at.RawQuery = query.Encode()
	return at.String(), nil
}

// PutBlob stores a small blob, unless it is there.
func (c *Client) PutBlob(ctx context.Context, repo Repo, data []byte) error {
	d := digest.FromBytes(data)
	if have, err := c.HasBlob(ctx, repo, d, int64(len(data))); err == nil && have {
		return nil
	}
	a, err := c.do(ctx, request{repo: repo, method: http.MethodPost, path: "blobs/uploads/", body: []byte{}})
	if err != nil {
		return err
	}
	at, err := a.uploadTo(repo, d)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, request{
		repo: repo, method: http.MethodPut, at: at,
		header: http.Header{"Content-Type": {"application/octet-stream"}}, body: data,
	})
	return err
}
