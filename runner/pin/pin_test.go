package pin

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	godigest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/registry/registrytest"
	"github.com/orch-build/orch/planner/outside"
)

func sum(c string) string { return "sha256:" + strings.Repeat(c, 64) }

// TestDigest asks servers what names mean, of each kind.
func TestDigest(t *testing.T) {
	s := registrytest.New(t)
	pushed := s.Push("base", "an image", "1")
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/file" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("content"))
	}))
	t.Cleanup(web.Close)
	dir := t.TempDir()
	index := `{"manifests":[{"digest":"` + sum("c") + `","annotations":{"org.opencontainers.image.ref.name":"v1"}}]}`
	if err := os.MkdirAll(filepath.Join(dir, "images"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "images", "index.json"), []byte(index), 0o644); err != nil {
		t.Fatal(err)
	}
	r := &Resolver{Registry: registry.New(registry.Options{}), Dir: dir}
	commit := strings.Repeat("f", 40)
	for _, c := range []struct {
		key         lock.Key
		want, wrong string
	}{
		{lock.Key{Kind: lock.Image, Name: s.Host + "/base:1"}, pushed, ""},
		{lock.Key{Kind: lock.Image, Name: s.Host + "/base:2"}, "", "its registry does not have it"},
		{lock.Key{Kind: lock.Image, Name: "base@" + sum("a")}, sum("a"), ""},
		{lock.Key{Kind: lock.HTTP, Name: web.URL + "/file"}, godigest.FromString("content").String(), ""},
		{lock.Key{Kind: lock.HTTP, Name: web.URL + "/none"}, "", "404"},
		{lock.Key{Kind: lock.Git, Name: "https://example.com/r.git#" + commit}, commit, ""},
		{lock.Key{Kind: lock.Definition, Name: "https://example.com/r.git#" + commit}, commit, ""},
		{lock.Key{Kind: lock.Definition, Name: web.URL + "/file"}, godigest.FromString("content").String(), ""},
		{lock.Key{Kind: lock.Layout, Name: "images:v1"}, sum("c"), ""},
		{lock.Key{Kind: lock.Layout, Name: "nowhere:v1"}, "", "OCI layout"},
	} {
		got, err := r.Digest(context.Background(), c.key)
		if got != c.want && c.wrong == "" || c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %q, %v", c.key, got, err)
		}
	}
}

// TestPick finds refs in what git says, in BuildKit's order.
func TestPick(t *testing.T) {
	hash := func(c string) string { return strings.Repeat(c, 40) }
	listing := strings.Join([]string{
		hash("1") + "\tHEAD", hash("2") + "\trefs/heads/main", hash("3") + "\trefs/heads/v1", hash("4") + "\trefs/tags/v1",
		hash("5") + "\trefs/tags/v2", hash("6") + "\trefs/tags/v2^{}", hash("7") + "\trefs/pull/1/head", "no hash\trefs/heads/odd", "",
	}, "\n")
	for ref, want := range map[string]string{"": "1", "main": "2", "v1": "3", "refs/tags/v1": "4", "v2": "6", "pull/1/head": "7", "odd": "", "none": ""} {
		if got := pick([]byte(listing), ref); got != strings.Repeat(want, 40) && (want != "" || got != "") {
			t.Errorf("%q is %s", ref, got)
		}
	}
}

// TestLock makes the next lock: what is known stays, what is not asked for stays if
// something else uses it.
func TestLock(t *testing.T) {
	key := func(name string) lock.Key { return lock.Key{Kind: lock.HTTP, Name: "https://example.com/" + name} }
	old := lock.New("old")
	for name, uses := range map[string][]string{
		"kept": {"app (D)"}, "both": {"app (D)", "other (D) in other.hcl"}, "gone": {"app (D)"}, "foreign": {"x (D) in other.hcl"}, "nobody": nil,
	} {
		old.Put(lock.Entry{Key: key(name), Digest: sum("a"), UsedBy: uses})
	}
	list := &outside.List{Items: []*outside.Item{
		{Key: key("kept"), Digest: sum("b"), UsedBy: []string{"app (D)"}},
		{Key: key("both"), Digest: sum("b"), UsedBy: []string{"app (D)"}},
		{Key: key("new"), Digest: sum("b"), UsedBy: []string{"app (D)"}},
	}}
	r := &Resolver{Now: time.Unix(0, 0)}
	next, err := r.Lock(context.Background(), list.Items, old, "next", func(u lock.Use) bool { return u.Definition == "" })
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range next.Entries() {
		got = append(got, strings.TrimPrefix(e.Name, "https://example.com/")+" "+e.Digest[7:8]+" "+strings.Join(e.UsedBy, ","))
	}
	want := "both a app (D),other (D) in other.hcl\nforeign a x (D) in other.hcl\nkept a app (D)\nnew b app (D)"
	if strings.Join(got, "\n") != want {
		t.Errorf("the lock is\n%s", strings.Join(got, "\n"))
	}
	var text strings.Builder
	if err := WriteText(&text, Changes(old, next)); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"+ http https://example.com/new  " + Short(sum("b")) + "  for app\n", "- http https://example.com/gone", "- http https://example.com/nobody  " + Short(sum("a")) + "  for no target\n"} {
		if !strings.Contains(text.String(), line) {
			t.Errorf("%q is not in\n%s", line, text.String())
		}
	}

	// What cannot be looked up is named with who takes it and why.
	list.Items = []*outside.Item{{Key: key("x"), Why: "it has credentials", UsedBy: []string{"app (D)"}}}
	if _, err := r.Lock(context.Background(), list.Items, nil, "next", func(lock.Use) bool { return true }); err == nil || !strings.Contains(err.Error(), "x, of app (D): it has credentials") {
		t.Error(err)
	}
}

// TestMatch matches the patterns of --update.
func TestMatch(t *testing.T) {
	image := lock.Key{Kind: lock.Image, Name: "ghcr.io/acme/base:1"}
	for pattern, want := range map[string]bool{
		"": true, "*": true, "image": true, "base": true, "ghcr.io/acme/*": true, "acme*:1": true, "1*base": false, "git": false, "alpine": false,
	} {
		if Match(pattern)(image) != want {
			t.Errorf("%q: %v", pattern, !want)
		}
	}
}
