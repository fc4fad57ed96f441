package facts

import "strings"

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
