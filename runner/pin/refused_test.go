package pin

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/registry/registrytest"
	"github.com/orch-build/orch/planner/outside"
)

// TestPrivate locks an image of a registry that wants credentials, by a password and by
// a token, and says what to do with wrong ones.
func TestPrivate(t *testing.T) {
	for _, scheme := range []string{"Basic", "Bearer"} {
		for _, password := range []string{"right-word", "wrong-word"} {
			t.Run(scheme+" "+password, func(t *testing.T) {
				s := registrytest.New(t)
				has := s.Push("app/base", "an image", "1")
				s.Wants(registrytest.Auth{Scheme: scheme, User: "me", Password: "right-word"})
				dir := t.TempDir()
				config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, s.Host, base64.StdEncoding.EncodeToString([]byte("me:"+password)))
				if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
					t.Fatal(err)
				}
				r := &Resolver{
					Mends:    func(string) string { return "" },
					Registry: registry.New(registry.Options{Credentials: registry.LoadCredentials(dir, nil)}),
				}
				key := lock.Key{Kind: lock.Image, Name: s.Host + "/app/base:1"}
				next, err := r.Lock(t.Context(), []*outside.Item{{Key: key, UsedBy: []string{"app (D)"}}}, nil, "next", func(lock.Use) bool { return true })
				if password == "right-word" {
					if err != nil || len(next.Entries()) != 1 || next.Entries()[0].Digest != has {
						t.Fatalf("%v, %v", next, err)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), "The registry "+s.Host+" refuses: ") ||
					!strings.Contains(err.Error(), "'docker login "+s.Host+"'") || strings.Contains(err.Error(), password) {
					t.Fatal(err)
				}
			})
		}
	}
}
