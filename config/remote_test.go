package config

import (
	"slices"
	"testing"

	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/schema"
)

func TestHostOf(t *testing.T) {
	for ref, want := range map[string]string{
		"https://github.com/a/b.git":            "github.com",
		"http://127.0.0.1:8080/a.git#x":         "127.0.0.1:8080",
		"ssh://git@example.com:22/a.git":        "example.com:22",
		"git@example.com:a/b.git":               "example.com",
		"github.com/a/b":                        "github.com",
		"https://user:secret@example.com/a.git": "example.com",
	} {
		if got := HostOf(ref); got != want {
			t.Errorf("HostOf(%q) = %q, want %q", ref, got, want)
		}
	}
}

func TestRedacted(t *testing.T) {
	if got := Redacted("https://user:secret@example.com/a.git"); got != "https://user:xxxxx@example.com/a.git" {
		t.Error(got)
	}
	if got := Redacted("git@example.com:a.git"); got != "git@example.com:a.git" {
		t.Error(got)
	}
}

// TestRemoteCredentials holds that a token goes to the host that it is for and
// to no other.
func TestRemoteCredentials(t *testing.T) {
	token := spec.Secret{ID: "GIT_AUTH_TOKEN.example.com", Env: "TOKEN"}
	f, diags := Parse("build.hcl", []byte(`
target "tree" {}
target "same" { context = "https://example.com/other.git" }
target "other" { context = "https://example.org/other.git" }
target "here" {
  context    = "cwd://."
  dockerfile = "cwd://Dockerfile"
}`), &Options{})
	opts := Options{All: true, Remote: &Remote{URL: "https://example.com/x.git", Tree: true, Secrets: []spec.Secret{token}}}
	cfg, more := Resolve([]*schema.File{f}, opts)
	if diags = append(diags, more...); diags.HasErrors() {
		t.Fatal(diags)
	}
	for name, want := range map[string]bool{"tree": true, "same": true, "other": false, "here": false} {
		if got := slices.Contains(cfg.Target(name).Secrets, token); got != want {
			t.Errorf("%s has the token: %t", name, got)
		}
	}
}

// TestRemoteSSH holds that git over SSH gets the default agent.
func TestRemoteSSH(t *testing.T) {
	f, diags := Parse("build.hcl", []byte(`target "a" {}`), &Options{})
	cfg, more := Resolve([]*schema.File{f}, Options{All: true, Remote: &Remote{URL: "git@example.com:x.git", Tree: true}})
	if diags = append(diags, more...); diags.HasErrors() {
		t.Fatal(diags)
	}
	if ssh := cfg.Target("a").SSH; len(ssh) != 1 || ssh[0].ID != "default" {
		t.Errorf("%v", ssh)
	}
}
