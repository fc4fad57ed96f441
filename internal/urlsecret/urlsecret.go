// Package urlsecret finds passwords and tokens in URLs, and makes them unreadable.
// It knows them by where they are in a URL, and by the names of parameters. It
// recognizes no other secrets.
package urlsecret

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/orch-build/orch/internal/lazyregexp"
)

var (
	// anyURL finds URLs in a text, as far as the text can be one.
	anyURL = lazyregexp.New("(?i)\\b[a-z][a-z0-9+.-]*://[^\\s\"'`<>\\\\]+")
	// userInfo finds the user and the password of a URL, be it of a server of files
	// or of a database.
	userInfo = lazyregexp.New(`(?i)\b([a-z][a-z0-9+.-]*)://([^\s/@:]*)(?::([^\s/@]*))?@`)
	// imageScheme are the schemes of BuildKit that stand before the name of an image,
	// which has a tag and a digest where a URL has a password and a server.
	imageScheme = lazyregexp.New(`(?i)^(docker-image|oci-layout)(\+blob)?$`)
	// webScheme are the schemes of web servers.
	webScheme = lazyregexp.New(`(?i)^https?$`)
	// queryPair finds the parameters of the query of a URL.
	queryPair = lazyregexp.New(`([?&])([^=&#]+)=([^&#]+)`)
	// secretParameter matches the names of parameters that hold secrets, whatever
	// separates their words. Short ones must match the whole name.
	secretParameter = lazyregexp.New(`token|secret|passw|passphrase|signature|credential|api_?key|access_?key|private_?key|subscription_?key|authorization|^(auth|jwt|key|pass|pwd|sig)$`)
)

const (
	// minToken is the length in bytes from which the user of a URL without a
	// password counts as a token, as git servers take them, and not as a name.
	minToken = 12
	// minValue is the length in bytes from which the value of a parameter is a
	// secret wherever it is found. A shorter one is masked only behind its name: to
	// mask every "main" in a log would reveal that it is the secret.
	minValue = 8
)

// Find lists the passwords and tokens in the URLs in texts, in every form in which a
// program may show them, each once.
func Find(texts ...string) []string {
	var out []string
	for _, text := range texts {
		if !strings.Contains(text, "://") {
			continue
		}
		for _, m := range userInfo.FindAllStringSubmatch(text, -1) {
			scheme, user, password := m[1], m[2], m[3]
			switch {
			case imageScheme.MatchString(scheme):
			case password != "" && reference(password):
			case password != "":
				out = append(out, forms(password)...)
			case len(user) >= minToken && webScheme.MatchString(scheme) && !reference(user):
				out = append(out, user)
			}
		}
		for _, found := range anyURL.FindAllString(text, -1) {
			for _, m := range secretPairs(found) {
				for _, value := range forms(m[3]) {
					if len(value) < minValue {
						value = m[2] + "=" + value
					}
					out = append(out, value)
				}
			}
		}
	}
	return unique(out)
}

func unique(list []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(s string) bool {
		was := seen[s]
		seen[s] = true
		return was
	})
}

// Blank replaces each credential in a text by as many asterisks as it has
// characters, so that columns stay right.
func Blank(text string) string {
	found := Find(text)
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	for _, v := range found {
		text = strings.ReplaceAll(text, v, strings.Repeat("*", utf8.RuneCountInString(v)))
	}
	return text
}

// secretPairs are the parameters of a URL that hold secrets, as queryPair finds them.
func secretPairs(ref string) [][]string {
	var out [][]string
	for _, m := range queryPair.FindAllStringSubmatch(ref, -1) {
		m[3] = strings.TrimRight(m[3], ",.;:)]}") // punctuation of the sentence that the URL is in
		if isSecretPair(m[2], m[3]) {
			out = append(out, m)
		}
	}
	return out
}

func isSecretPair(name, value string) bool {
	name = strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToLower(name))
	return secretParameter.MatchString(name) && !reference(value)
}

// reference reports whether a text is a variable of a Dockerfile or of a shell, or a
// placeholder of a value that is masked already.
func reference(text string) bool {
	return text == redacted || strings.HasPrefix(text, "$") || strings.HasPrefix(text, "<") || strings.Trim(text, "*") == ""
}

// forms are a value of a URL as it is written, decoded, and encoded again in each way
// that programs use.
func forms(value string) []string {
	out := []string{value}
	if plain, err := url.QueryUnescape(value); err == nil && plain != "" {
		out = append(out, plain, url.QueryEscape(plain))
	}
	if plain, err := url.PathUnescape(value); err == nil && plain != "" {
		out = append(out, plain, url.PathEscape(plain))
	}
	return out
}

// redacted takes the place of a credential in a URL, as net/url has it.
const redacted = "xxxxx"

// Redacted returns a URL without the passwords and tokens in it, for messages.
func Redacted(ref string) string {
	return withoutTokens(userInfo.ReplaceAllStringFunc(ref, func(found string) string {
		m := userInfo.FindStringSubmatch(found)
		switch {
		case imageScheme.MatchString(m[1]):
		case m[3] != "":
			return m[1] + "://" + m[2] + ":" + redacted + "@"
		case len(m[2]) >= minToken && webScheme.MatchString(m[1]):
			return m[1] + "://" + redacted + "@"
		}
		return found
	}), redacted)
}

// WithoutCredentials returns a URL as it may be written into files: without a user
// that is not needed, a password and tokens.
func WithoutCredentials(ref string) string {
	if u, err := url.Parse(ref); err == nil && u.User != nil && !imageScheme.MatchString(u.Scheme) {
		// SSH needs the name of the user, which is no secret.
		if _, ok := u.User.Password(); ok || u.Scheme != "ssh" {
			u.User = nil
			ref = u.String()
		}
	}
	return withoutTokens(ref, instead)
}

// instead takes the place of a token in a URL that is written into a file.
const instead = "***"

// Lacks reports whether WithoutCredentials has taken a token out of a URL, so that it
// cannot be fetched.
func Lacks(ref string) bool { return strings.Contains(ref, "="+instead) }

// withoutTokens replaces the secrets in the query of a URL.
func withoutTokens(ref, with string) string {
	return queryPair.ReplaceAllStringFunc(ref, func(found string) string {
		m := queryPair.FindStringSubmatch(found)
		if !isSecretPair(m[2], m[3]) {
			return found
		}
		return m[1] + m[2] + "=" + with
	})
}

// HostName returns the host of a URL without its port, by which a builder looks for
// the credentials of a server, or "".
func HostName(ref string) string {
	u, err := url.Parse(ref)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
