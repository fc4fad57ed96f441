package config

import (
	"slices"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/internal/urlsecret"
)

// secretOptions are the options of caches that hold secrets, by BuildKit's
// names.
var secretOptions = []string{"secret_access_key", "session_token", "token", "ghtoken", "account_key"}

// credentials lists the passwords and tokens that the targets hold.
func (c *Config) credentials() []string {
	var out []string
	for _, t := range c.Targets {
		out = append(out, urlsecret.Find(t.Context.Value, t.Context.Raw)...)
		for _, name := range attribute.SortedKeys(t.Contexts) {
			out = append(out, urlsecret.Find(t.Contexts[name].Value, t.Contexts[name].Raw)...)
		}
		for _, name := range attribute.SortedKeys(t.Args) {
			out = append(out, urlsecret.Find(t.Args[name])...)
		}
		for _, cache := range slices.Concat(t.CacheFrom, t.CacheTo) {
			for _, name := range secretOptions {
				if v := cache.Attrs[name]; v != "" {
					out = append(out, v)
				}
			}
		}
	}
	return attribute.Unique(out)
}

// Hide keeps what else must not be shown of the definition: credentials that are
// written in its Dockerfiles.
func (c *Config) Hide(values ...string) {
	for _, v := range values {
		if !slices.Contains(c.secrets, v) {
			c.secrets = append(slices.Clip(c.secrets), v)
		}
	}
}
