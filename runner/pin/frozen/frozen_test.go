package frozen

import (
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/planner/outside"
)

var (
	sum  = "sha256:" + strings.Repeat("a", 64)
	at   = fault.Range{Filename: "Dockerfile"}
	base = lock.Key{Kind: lock.Image, Name: "docker.io/library/base:1"}
	repo = lock.Key{Kind: lock.Git, Name: "https://example.com/r.git#main"}
)

// said is what diagnostics say.
func said(diags fault.Diagnostics) string {
	var out []string
	for _, d := range diags {
		out = append(out, d.Summary+": "+d.Detail)
	}
	return strings.Join(out, "\n")
}

// holds checks that each part is said, or that nothing is if there are none.
func holds(t *testing.T, what string, diags fault.Diagnostics, parts ...string) {
	t.Helper()
	got := said(diags)
	if len(parts) == 0 && got != "" {
		t.Errorf("%s: %s", what, got)
	}
	for _, p := range parts {
		if !strings.Contains(got, p) {
			t.Errorf("%s: %q is not in\n%s", what, p, got)
		}
	}
}

// TestCheck reports what is not locked, each kind of run in its own words.
func TestCheck(t *testing.T) {
	list := &outside.List{Items: []*outside.Item{
		{Key: base, Targets: []string{"api", "web"}, Platforms: []string{"linux/arm64"}, At: at},
		{Key: repo, Targets: []string{"api"}, At: at},
	}}
	holds(t, "no lock", Check(list, nil, Run, "orch lock"), "The image base:1, of api, web, is not in the lock, and the run is frozen. There is no orch.lock.hcl. Run 'orch lock'", "--frozen=false", "The repository https://example.com/r.git#main, of api")
	held := lock.New(lock.FileName)
	held.Put(lock.Entry{Key: base, Digest: sum, Platforms: map[string]string{"linux/amd64": sum}})
	holds(t, "another platform", Check(list, held, OfflineRun, "orch lock"), "locked without linux/arm64, and the run is offline. Run 'orch lock', which adds it")
	if strings.Contains(said(Check(list, held, OfflineRun, "orch lock")), "--frozen=false") {
		t.Error("an offline run is told to build without the lock")
	}
	held.Put(lock.Entry{Key: base, Digest: sum, Platforms: map[string]string{"linux/arm64": sum}})
	held.Put(lock.Entry{Key: repo, Digest: strings.Repeat("a", 40)})
	for _, what := range []For{Run, OfflineRun, Bundle} {
		holds(t, "all is there", Check(list, held, what, "orch lock"))
	}
}

// TestCredentials keeps URLs with credentials out of bundles, and out of what is said.
func TestCredentials(t *testing.T) {
	held := lock.New(lock.FileName)
	held.Put(lock.Entry{Key: repo, Digest: strings.Repeat("a", 40)})
	list := &outside.List{Items: []*outside.Item{{
		Key: repo, Targets: []string{"api"}, At: at, Sources: []outside.Source{{ID: "git://user:verysecret@example.com/r.git#main"}},
	}}}
	holds(t, "a run", Check(list, held, Run, "orch lock"))
	got := Check(list, held, Bundle, "orch lock")
	holds(t, "a bundle", got, "Credentials in a URL", "HTTP_AUTH_TOKEN_example.com")
	if strings.Contains(said(got), "verysecret") {
		t.Error(said(got))
	}
}

// TestOffline says what a bundle lacks, and how it gets it.
func TestOffline(t *testing.T) {
	it := &outside.Item{Key: base, Targets: []string{"api"}, At: at}
	holds(t, "missing", Offline([]outside.Missing{{Item: it, Why: "not in the bundle"}}, "orch bundle -o my/bundle"),
		"The image base:1, of api, is not in the bundle, and the run is offline. Run 'orch bundle -o my/bundle' where there is a network.")
	holds(t, "quotes", Offline([]outside.Missing{{Item: it, Why: "not in the bundle"}}, "orch bundle --set 'a=b c' -o b"),
		"Run `orch bundle --set 'a=b c' -o b` where there is a network.")
	holds(t, "nothing", Offline(nil, "x"))
}

// TestOld compares the age of entries.
func TestOld(t *testing.T) {
	now := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	update := func(name string) string { return "orch lock --update=" + name }
	held := lock.New(lock.FileName)
	held.Put(lock.Entry{Key: base, Digest: sum, Resolved: now.Add(-48 * time.Hour)})
	held.Put(lock.Entry{Key: repo, Digest: strings.Repeat("a", 40)}) // nobody knows when
	holds(t, "no limit", Old(held, 0, fault.Error, now, update))
	holds(t, "young", Old(held, 48*time.Hour, fault.Error, now, update))
	holds(t, "no lock", Old(nil, time.Hour, fault.Error, now, update))
	warned := Old(held, 47*time.Hour, fault.Warning, now, update)
	holds(t, "old", warned, "The image base:1 was looked up on 2026-01-29", "Run 'orch lock --update=docker.io/library/base:1'.")
	if warned.HasErrors() || !Old(held, 47*time.Hour, fault.Error, now, update).HasErrors() {
		t.Error("a warning is an error, or an error a warning")
	}
}
