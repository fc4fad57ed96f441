package permission

import (
	"testing"

	"github.com/orch-build/orch/config"
)

// A remote context is fetched with the target's secrets and keys, which takes their
// permissions; a plan of what is here does not.
func TestFetched(t *testing.T) {
	target := func(name string, context config.Context) *config.Target {
		return &config.Target{
			Name: name, Context: context,
			Secrets: []config.Secret{{ID: "GIT_AUTH_TOKEN", Src: "/outside/" + name}},
			SSH:     []config.SSH{{ID: "default"}},
		}
	}
	named := target("named", config.Context{Kind: config.Local, Value: "."})
	named.Contexts = map[string]config.Context{"x": {Kind: config.HTTP, Value: "https://example.com/x"}}
	cfg := &config.Config{Targets: []*config.Target{
		target("local", config.Context{Kind: config.Local, Value: "."}),
		target("git", config.Context{Kind: config.Git, Value: "https://example.com/x.git"}),
		target("archive", config.Context{Kind: config.Archive, Value: "https://example.com/x.tar"}),
		named,
	}}
	planned, err := Planned(cfg)
	if err != nil {
		t.Fatal(err)
	}
	fetched, err := Fetched(cfg)
	if err != nil {
		t.Fatal(err)
	}
	has := func(needs []Need, key, value, of string) bool {
		for _, n := range needs {
			if n.Key == key && n.Value == value && (value != "" || n.Why == "the SSH agent of the target "+of) {
				return true
			}
		}
		return false
	}
	for name, want := range map[string]bool{"local": false, "git": true, "archive": true, "named": true} {
		if has(planned, Read, "/outside/"+name, name) || has(planned, SSH, "", name) {
			t.Errorf("%s: a plan takes %v", name, planned)
		}
		if has(fetched, Read, "/outside/"+name, name) != want || has(fetched, SSH, "", name) != want {
			t.Errorf("%s: fetching takes %v, want its secret and agent: %v", name, fetched, want)
		}
	}
	if len(cfg.Targets) != 4 {
		t.Errorf("the definition has %d targets afterwards", len(cfg.Targets))
	}
}
