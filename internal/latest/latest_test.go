package latest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// server publishes releases as the project's host does.
func server(t *testing.T, version string) string {
	mux := http.NewServeMux()
	mux.HandleFunc("/releases/latest", func(w http.ResponseWriter, r *http.Request) {
		to := "/releases"
		if version != "" {
			to += "/tag/" + version
		}
		http.Redirect(w, r, to, http.StatusFound)
	})
	mux.HandleFunc("/releases/tag/", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/releases", func(http.ResponseWriter, *http.Request) {})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func TestNewest(t *testing.T) {
	at := server(t, "v0.10.0")
	found, err := Newest(t.Context(), at+"/releases")
	if err != nil {
		t.Fatal(err)
	}
	if found.Version != "v0.10.0" || found.Page != at+"/releases/tag/v0.10.0" {
		t.Errorf("found %+v", found)
	}
	for version, newer := range map[string]bool{"v0.9.1": true, "v0.10.0": false, "v0.10.0-rc.1": true, "v1.0.0": false} {
		if found.Newer(version) != newer {
			t.Errorf("v0.10.0 newer than %s: %t, want %t", version, !newer, newer)
		}
	}
}

func TestNoAnswer(t *testing.T) {
	for path, want := range map[string]string{"/releases": "has no release yet", "/elsewhere": "404"} {
		if _, err := Newest(t.Context(), server(t, "")+path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if _, err := Newest(t.Context(), "http://127.0.0.1:1/releases"); err == nil {
		t.Error("a closed port is not an error")
	}
}
