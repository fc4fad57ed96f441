package lane

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/retry"
)

// service is GitHub's cache service, version 2: calls in JSON that hand out
// URLs of an object store. The client that BuildKit has for it brings Azure's
// libraries, which take long to start.
type service struct {
	url, token string
	http       *http.Client
}

const (
	// serviceTime is how long a request may take, and how long a call waits in
	// all where the service asks it to.
	serviceTime = 2 * time.Minute
	// maxBlob bounds what is read of an answer, in bytes.
	maxBlob = 64 << 20
	// servicePath is what the calls' names follow.
	servicePath = "/twirp/github.actions.results.api.v1.CacheService/"
)

func newService(at, token string) *service {
	return &service{strings.TrimRight(at, "/"), token, &http.Client{Timeout: serviceTime}}
}

// serviceVersion keeps BuildKit's entries apart from those of others; it is that
// of github.com/tonistiigi/go-actions-cache.
var serviceVersion = func() string {
	sum := sha256.Sum256([]byte("|go-actionscache-1.0"))
	return hex.EncodeToString(sum[:])
}()

// load returns the newest entry whose key begins with a prefix; "" if there is
// none.
func (s *service) load(ctx context.Context, prefix string) (key string, data []byte, err error) {
	var found struct {
		OK  bool   `json:"ok"`
		URL string `json:"signed_download_url"`
		Key string `json:"matched_key"`
	}
	in := map[string]any{"key": prefix, "restore_keys": []string{prefix}, "version": serviceVersion}
	if err := s.call(ctx, "GetCacheEntryDownloadURL", in, &found); err != nil || !found.OK {
		return "", nil, err
	}
	data, err = s.blob(ctx, http.MethodGet, found.URL, nil)
	return found.Key, data, err
}

// save adds an entry; the error is fs.ErrExist if there is one with that key.
func (s *service) save(ctx context.Context, key string, data []byte) error {
	var made struct {
		OK  bool   `json:"ok"`
		URL string `json:"signed_upload_url"`
	}
	if err := s.call(ctx, "CreateCacheEntry", map[string]any{"key": key, "version": serviceVersion}, &made); err != nil {
		return err
	}
	if !made.OK {
		return fs.ErrExist
	}
	if _, err := s.blob(ctx, http.MethodPut, made.URL, data); err != nil {
		return err
	}
	var ended struct {
		OK bool `json:"ok"`
	}
	err := s.call(ctx, "FinalizeCacheEntryUpload", map[string]any{"key": key, "size_bytes": len(data), "version": serviceVersion}, &ended)
	if err == nil && !ended.OK {
		err = fmt.Errorf("the cache service did not take the entry %s", key)
	}
	return err
}

// call makes one call, again if the service asks to wait.
func (s *service) call(ctx context.Context, name string, in, out any) error {
	data, err := json.Marshal(in)
	if err != nil {
		return err
	}
	for end := time.Now().Add(serviceTime); ; {
		header := http.Header{"Authorization": {"Bearer " + s.token}, "Content-Type": {"application/json"}}
		status, head, body, err := s.do(ctx, http.MethodPost, s.url+servicePath+name, header, data)
		switch {
		case err != nil:
			return err
		case status == http.StatusConflict:
			return fs.ErrExist
		case status == http.StatusTooManyRequests:
			wait := 5 * time.Second
			if asked := retry.After(head, time.Now()); asked > 0 {
				wait = asked
			}
			if time.Now().Add(wait).After(end) {
				return fmt.Errorf("the cache service asks to wait: %s", http.StatusText(status))
			}
			if err := pause(ctx, wait, 1); err != nil {
				return err
			}
		case status != http.StatusOK:
			return fmt.Errorf("the cache service answers %s with %d %s", name, status, http.StatusText(status))
		default:
			return json.Unmarshal(body, out)
		}
	}
}

// blob reads or writes an object. Its URL is a credential, and in no error.
func (s *service) blob(ctx context.Context, method, at string, data []byte) ([]byte, error) {
	status, _, body, err := s.do(ctx, method, at, http.Header{"X-Ms-Blob-Type": {"BlockBlob"}}, data)
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("the cache service's store answers with %d %s", status, http.StatusText(status))
	}
	return body, err
}

func (s *service) do(ctx context.Context, method, at string, header http.Header, data []byte) (int, http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, at, bytes.NewReader(data))
	if err != nil {
		return 0, nil, nil, errors.New("the address of the cache service is wrong")
	}
	req.Header = header
	req.Header.Set("User-Agent", "orch-cache")
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("asking the cache service: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBlob))
	return resp.StatusCode, resp.Header, body, err
}

// withoutURL is the reason of an error of net/http, which names the URL.
func withoutURL(err error) error {
	var named *url.Error
	if errors.As(err, &named) {
		return named.Err
	}
	return err
}
