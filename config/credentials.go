package config

import (
	"regexp"
	"slices"

	"github.com/orch-build/orch/config/attribute"
)

// userInfo finds the user and the password of a URL, be it of a server of files
// or of a database.
var userInfo = regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*)://([^\s/@:]*)(?::([^\s/@]*))?@`)

// webScheme are the schemes of web servers.
var webScheme = regexp.MustCompile(`(?i)^https?$`)

// minToken is the length in bytes from which the user of a URL without a
// password counts as a token, as git servers take them, and not as a name.
const minToken = 12

// secretOptions are the options of caches that hold secrets, by BuildKit's
// names.
var secretOptions = []string{"secret_access_key", "session_token", "token", "ghtoken", "account_key"}

// Credentials lists the passwords and tokens in the URLs in texts.
func Credentials(texts ...string) []string {
	var out []string
	for _, text := range texts {
		for _, m := range userInfo.FindAllStringSubmatch(text, -1) {
			scheme, user, password := m[1], m[2], m[3]
			switch {
			case password != "":
				out = append(out, password)
			case len(user) >= minToken && webScheme.MatchString(scheme):
				out = append(out, user)
			}
		}
	}
	return out
}

// credentials lists the passwords and tokens that the targets hold.
func (c *Config) credentials() []string {
	var out []string
	for _, t := range c.Targets {
		out = append(out, Credentials(t.Context.Value, t.Context.Raw)...)
		for _, name := range attribute.SortedKeys(t.Contexts) {
			out = append(out, Credentials(t.Contexts[name].Value, t.Contexts[name].Raw)...)
		}
		for _, name := range attribute.SortedKeys(t.Args) {
			out = append(out, Credentials(t.Args[name])...)
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
