// Package registrytest is an image registry in memory for tests: manifests,
// tags and blobs over HTTP, with credentials where a test wants them, and with
// whatever faults it puts in between. Unlike a real one it says what it was
// asked. It checks neither what manifests say nor whether their layers are
// there.
package registrytest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	digest "github.com/opencontainers/go-digest"
)

// Server is a registry.
type Server struct {
	*httptest.Server
	// Host is the address that names of its images begin with.
	Host string

	mu        sync.Mutex
	manifests map[string]manifest // by REPOSITORY@DIGEST
	tags      map[string]string   // digests by REPOSITORY:TAG
	blobs     map[string][]byte   // by REPOSITORY@DIGEST
	asked     []string
	before    func(w http.ResponseWriter, r *http.Request) bool
	auth      Auth
	tokens    map[string]string // scopes by token
}

type manifest struct {
	mediaType string
	data      []byte
}

// Auth is what a registry asks for. The zero value is nothing.
type Auth struct {
	// Scheme is Basic, Bearer or "".
	Scheme         string
	User, Password string
	// IdentityToken is what a token is given for, in place of a password.
	IdentityToken string
	// Anonymous gives tokens to those who have no password too.
	Anonymous bool
	// NoOAuth knows the older way to ask for a token only.
	NoOAuth bool
}

// New starts a registry, which ends with the test.
func New(t testing.TB) *Server { return start(t, (*httptest.Server).Start) }

// NewTLS starts one that speaks TLS, with a certificate that nobody knows.
func NewTLS(t testing.TB) *Server { return start(t, (*httptest.Server).StartTLS) }

func start(t testing.TB, run func(*httptest.Server)) *Server {
	t.Helper()
	s := &Server{manifests: map[string]manifest{}, tags: map[string]string{}, blobs: map[string][]byte{}, tokens: map[string]string{}}
	s.Server = httptest.NewUnstartedServer(s)
	s.Server.Config.ErrorLog = log.New(io.Discard, "", 0)
	run(s.Server)
	t.Cleanup(s.Close)
	_, s.Host, _ = strings.Cut(s.URL, "://")
	return s
}

// Before lets a function answer requests in place of the registry, if it
// returns true; nil ends that. It may be called by many at once.
func (s *Server) Before(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

// Wants sets what the registry asks for.
func (s *Server) Wants(a Auth) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.auth = a
}

// Asked returns the requests since the last call, as "METHOD PATH".
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

// Push stores a manifest that holds some text, and points tags at it.
func (s *Server) Push(repo, text string, tags ...string) (digest string) {
	data := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","annotations":{"text":%q}}`, text)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store(repo, "application/vnd.oci.image.manifest.v1+json", data, tags...)
}

func (s *Server) store(repo, mediaType string, data []byte, tags ...string) string {
	d := digest.FromBytes(data).String()
	s.manifests[repo+"@"+d] = manifest{mediaType, data}
	for _, tag := range tags {
		s.tags[repo+":"+tag] = d
	}
	return d
}

// Tag is the digest that REPOSITORY:TAG points to, or "".
func (s *Server) Tag(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tags[name]
}

// SetTag points REPOSITORY:TAG at a digest, or takes it away for "".
func (s *Server) SetTag(name, digest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if digest == "" {
		delete(s.tags, name)
		return
	}
	s.tags[name] = digest
}

// Blobs are the digests of the blobs of a repository.
func (s *Server) Blobs(repo string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for name := range s.blobs {
		if of, d, _ := strings.Cut(name, "@"); of == repo {
			out = append(out, d)
		}
	}
	return out
}

// Drop takes a blob or a manifest away.
func (s *Server) Drop(repo, digest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.blobs, repo+"@"+digest)
	delete(s.manifests, repo+"@"+digest)
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.URL.Path)
	before := s.before
	s.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if r.URL.Path == "/token" {
		s.giveToken(w, r, body)
		return
	}
	repo, kind, name := split(r.URL.Path)
	if !s.allowed(w, r, repo) {
		return
	}
	switch kind {
	case "manifests":
		s.serveManifest(w, r, repo, name, body)
	case "blobs":
		s.serveBlob(w, r, repo, name, body)
	case "tags":
		s.listTags(w, repo)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

// split takes a path of the API apart.
func split(path string) (repo, kind, name string) {
	path = strings.TrimPrefix(path, "/v2/")
	for _, kind := range []string{"manifests", "blobs", "tags"} {
		if i := strings.LastIndex(path, "/"+kind+"/"); i >= 0 {
			return path[:i], kind, path[i+len(kind)+2:]
		}
	}
	return "", "", ""
}

// Fail answers with a status and an error of a registry.
func Fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": code, "message": message}}})
}

func (s *Server) serveManifest(w http.ResponseWriter, r *http.Request, repo, name string, body []byte) {
	d := name
	if !strings.Contains(name, ":") {
		d = s.tags[repo+":"+name]
	}
	m, ok := s.manifests[repo+"@"+d]
	switch {
	case r.Method == http.MethodPut:
		d = s.store(repo, r.Header.Get("Content-Type"), body)
		if !strings.Contains(name, ":") {
			s.tags[repo+":"+name] = d
		}
		w.Header().Set("Docker-Content-Digest", d)
		w.WriteHeader(http.StatusCreated)
	case !ok:
		Fail(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
	case r.Method == http.MethodDelete:
		delete(s.tags, repo+":"+name)
		w.WriteHeader(http.StatusAccepted)
	default:
		w.Header().Set("Docker-Content-Digest", d)
		w.Header().Set("Content-Type", m.mediaType)
		write(w, m.data)
	}
}

func (s *Server) serveBlob(w http.ResponseWriter, r *http.Request, repo, name string, body []byte) {
	switch {
	case r.Method == http.MethodPost && s.mount(r, repo):
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodPost:
		w.Header().Set("Location", "/v2/"+repo+"/blobs/uploads/1?state=x")
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodPut:
		d := digest.FromBytes(body).String()
		if r.URL.Query().Get("digest") != d {
			Fail(w, http.StatusBadRequest, "DIGEST_INVALID", "the content has another digest")
			return
		}
		s.blobs[repo+"@"+d] = body
		w.WriteHeader(http.StatusCreated)
	default:
		data, ok := s.blobs[repo+"@"+name]
		if !ok {
			Fail(w, http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry")
			return
		}
		write(w, data)
	}
}

func (s *Server) listTags(w http.ResponseWriter, repo string) {
	tags := []string{}
	for name := range s.tags {
		if of, tag, _ := strings.Cut(name, ":"); of == repo {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	_ = json.NewEncoder(w).Encode(map[string]any{"name": repo, "tags": tags})
}

// mount makes a blob of another repository one of this, if a request asks for
// it.
func (s *Server) mount(r *http.Request, repo string) bool {
	q := r.URL.Query()
	data, ok := s.blobs[q.Get("from")+"@"+q.Get("mount")]
	if ok {
		s.blobs[repo+"@"+q.Get("mount")] = data
	}
	return ok
}

// SetBlob stores bytes under a digest, which need not be theirs.
func (s *Server) SetBlob(repo, digest string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs[repo+"@"+digest] = data
}

func write(w http.ResponseWriter, data []byte) {
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	_, _ = w.Write(data)
}

// allowed answers requests without what the registry wants to see.
func (s *Server) allowed(w http.ResponseWriter, r *http.Request, repo string) bool {
	given := r.Header.Get("Authorization")
	switch s.auth.Scheme {
	case "":
		return true
	case "Basic":
		if given == "Basic "+base64.StdEncoding.EncodeToString([]byte(s.auth.User+":"+s.auth.Password)) {
			return true
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
	default:
		scope, ok := s.tokens[strings.TrimPrefix(given, "Bearer ")]
		action := "pull"
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			action = "push"
		}
		if ok && (repo == "" || strings.Contains(scope, "repository:"+repo+":") && strings.Contains(scope, action)) {
			return true
		}
		challenge := fmt.Sprintf(`%s realm="%s/token",service="registry"`, s.auth.Scheme, s.URL)
		if repo != "" {
			challenge += fmt.Sprintf(`,scope="repository:%s:%s"`, repo, strings.Replace(action, "push", "pull,push", 1))
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	Fail(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	return false
}

// giveToken answers for the server of tokens.
func (s *Server) giveToken(w http.ResponseWriter, r *http.Request, body []byte) {
	scope, good := strings.Join(r.URL.Query()["scope"], " "), false
	if r.Method == http.MethodPost {
		if s.auth.NoOAuth {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		scope = r.PostFormValue("scope")
		good = r.PostFormValue("grant_type") == "password" && r.PostFormValue("username") == s.auth.User && r.PostFormValue("password") == s.auth.Password ||
			r.PostFormValue("grant_type") == "refresh_token" && r.PostFormValue("refresh_token") == s.auth.IdentityToken
	} else {
		user, password, ok := r.BasicAuth()
		good = ok && user == s.auth.User && password == s.auth.Password || !ok && s.auth.Anonymous
	}
	if !good {
		Fail(w, http.StatusUnauthorized, "UNAUTHORIZED", "wrong name or password")
		return
	}
	token := fmt.Sprintf("token-%d", len(s.tokens))
	s.tokens[token] = scope
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"token": token, "access_token": token, "expires_in": 300})
}
