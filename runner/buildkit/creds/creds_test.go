package creds

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/moby/buildkit/session/secrets"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/internal/registry"
)

func TestSecrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("of a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	set := Of(&config.Target{Secrets: []config.Secret{
		{ID: "file", Src: file}, {ID: "env", Env: "TOKEN"}, {ID: "unset", Env: "NOTHING"}, {ID: "gone", Src: file + ".gone"},
	}})
	hidden := &mask.Mask{}
	s := &store{set: set, mask: hidden, lookup: func(name string) (string, bool) { return "of the environment", name == "TOKEN" }}
	for id, want := range map[string]string{"file": "of a file", "env": "of the environment"} {
		got, err := s.GetSecret(t.Context(), id)
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", id, got, err)
		}
		if shown := hidden.Text("it is " + want); shown == "it is "+want {
			t.Errorf("%s is not masked", id)
		}
	}
	for _, id := range []string{"unset", "unknown"} {
		if _, err := s.GetSecret(t.Context(), id); !errors.Is(err, secrets.ErrNotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, err := s.GetSecret(t.Context(), "gone"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("gone: %v", err)
	}
}

func TestAttachables(t *testing.T) {
	src := Source{LookupEnv: os.LookupEnv, Registries: registry.LoadCredentials(t.TempDir(), nil)}
	for want, target := range map[int]*config.Target{
		2: {Secrets: []config.Secret{{ID: "a", Env: "A"}}},
		3: {SSH: []config.SSH{{ID: "default", Paths: []string{"agent.sock"}}}},
	} {
		got, err := src.Attachables(Of(target))
		if want == 3 {
			// A socket that is not there is an error before anything is built.
			if err == nil {
				t.Errorf("an agent that is not there: %d services", len(got))
			}
			continue
		}
		if err != nil || len(got) != want {
			t.Errorf("%d services, %v, want %d", len(got), err, want)
		}
	}
}
