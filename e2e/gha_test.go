//go:build linux

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"
)

// actionsCache takes the place of GitHub's cache service: version 2 of its protocol
// (twirp calls that hand out URLs of an Azure blob store), and its limit on
// uploads, beyond which it answers 429 with Retry-After.
type actionsCache struct {
	*httptest.Server
	limit  int // uploads in a window; GitHub has 200 a minute
	window time.Duration

	mu      sync.Mutex
	entries map[string]*actionsEntry // by key
	blobs   map[string]*actionsEntry // by number
	since   time.Time
	uploads int // in this window
	// total and refused count all uploads, and those that had to wait.
	total, refused int
}

type actionsEntry struct {
	key    string
	data   []byte
	blocks map[string][]byte
	done   time.Time
}

const twirp = "/twirp/github.actions.results.api.v1.CacheService/"

func newActionsCache() *actionsCache {
	c := &actionsCache{limit: 200, window: time.Minute, entries: map[string]*actionsEntry{}, blobs: map[string]*actionsEntry{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+twirp+"CreateCacheEntry", c.create)
	mux.HandleFunc("POST "+twirp+"FinalizeCacheEntryUpload", c.finalize)
	mux.HandleFunc("POST "+twirp+"GetCacheEntryDownloadURL", c.find)
	mux.HandleFunc("PUT /blob/{id}", c.put)
	mux.HandleFunc("GET /blob/{id}", c.get)
	c.Server = httptest.NewServer(mux)
	return c
}

// token is what the client wants to see of a runner's token.
func (c *actionsCache) token() string {
	part := func(v any) string {
		data, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(data)
	}
	now := time.Now()
	return part(map[string]any{"alg": "HS256", "typ": "JWT"}) + "." + part(map[string]any{
		"ac":  `[{"Scope":"refs/heads/main","Permission":3}]`,
		"nbf": now.Add(-time.Hour).Unix(), "exp": now.Add(time.Hour).Unix(),
	}) + ".c2lnbmF0dXJl"
}

func (c *actionsCache) create(w http.ResponseWriter, r *http.Request) {
	var req struct{ Key string }
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.since) > c.window {
		c.since, c.uploads = now, 0
	}
	if c.uploads >= c.limit {
		c.refused++
		wait := c.window - time.Since(c.since)
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		http.Error(w, `{"code":"resource_exhausted"}`, http.StatusTooManyRequests)
		return
	}
	if c.entries[req.Key] != nil {
		http.Error(w, `{"code":"already_exists"}`, http.StatusConflict)
		return
	}
	c.uploads++
	c.total++
	e := &actionsEntry{key: req.Key, blocks: map[string][]byte{}}
	id := strconv.Itoa(len(c.blobs))
	c.entries[req.Key], c.blobs[id] = e, e
	writeJSON(w, map[string]any{"ok": true, "signed_upload_url": c.URL + "/blob/" + id})
}

func (c *actionsCache) finalize(w http.ResponseWriter, r *http.Request) {
	var req struct{ Key string }
	_ = json.NewDecoder(r.Body).Decode(&req)
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[req.Key]; e != nil {
		e.done = time.Now()
	}
	writeJSON(w, map[string]any{"ok": c.entries[req.Key] != nil, "entry_id": "1"})
}

// find returns the newest entry whose key begins with one of the keys.
func (c *actionsCache) find(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Key         string
		RestoreKeys []string `json:"restore_keys"`
	}
	_ = json.NewDecoder(r.Body).Decode(&req)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range append([]string{req.Key}, req.RestoreKeys...) {
		id := ""
		for n, e := range c.blobs {
			if strings.HasPrefix(e.key, key) && !e.done.IsZero() && (id == "" || e.done.After(c.blobs[id].done)) {
				id = n
			}
		}
		if id != "" {
			writeJSON(w, map[string]any{"ok": true, "signed_download_url": c.URL + "/blob/" + id, "matched_key": c.blobs[id].key})
			return
		}
	}
	writeJSON(w, map[string]any{"ok": false})
}

// put is Put Blob, Put Block and Put Block List of the blob store.
func (c *actionsCache) put(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.blobs[r.PathValue("id")]
	if err != nil || e == nil {
		http.Error(w, "no such blob", http.StatusNotFound)
		return
	}
	switch r.URL.Query().Get("comp") {
	case "block":
		e.blocks[r.URL.Query().Get("blockid")] = data
	case "blocklist":
		var list struct{ Latest []string }
		if err := xml.Unmarshal(data, &list); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, id := range list.Latest {
			e.data = append(e.data, e.blocks[id]...)
		}
	default:
		e.data = data
	}
	w.Header().Set("x-ms-request-id", "1")
	w.WriteHeader(http.StatusCreated)
}

func (c *actionsCache) get(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	e := c.blobs[r.PathValue("id")]
	c.mu.Unlock()
	if e == nil {
		http.NotFound(w, r)
		return
	}
	if ranged := r.Header.Get("x-ms-range"); ranged != "" {
		r.Header.Set("Range", ranged)
	}
	w.Header().Set("x-ms-request-id", "1")
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(e.data)))
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (c *actionsCache) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("entries=%d refused=%d", c.total, c.refused)
}
