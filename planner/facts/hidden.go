package facts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// secretWords are the words in names of variables whose values are secrets.
var secretWords = []string{
	"apikey", "auth", "credential", "credentials", "key", "passwd", "password", "passphrase", "pword", "secret", "secrets", "token",
}

// Hidden says whether the name of a variable is one that secrets have.
func Hidden(name string) bool {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '_' || r == '-' || r == '.' })
	for _, w := range words {
		if w == "public" {
			return false
		}
	}
	for _, w := range words {
		for _, s := range secretWords {
			if w == s {
				return true
			}
		}
	}
	return false
}

// value keeps a value, or seals it.
func (o *Options) value(name, text string) Value {
	if o.Sensitive != nil && o.Sensitive(name, text) || Hidden(name) {
		mac := hmac.New(sha256.New, o.Key)
		mac.Write([]byte(name + "\x00" + text))
		return Value{Sealed: hex.EncodeToString(mac.Sum(nil))[:16]}
	}
	return Value{Text: o.mask(text)}
}

func (o *Options) mask(text string) string {
	if o.Mask == nil {
		return text
	}
	return o.Mask(text)
}
