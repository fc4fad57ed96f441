package config

import (
	"slices"
	"testing"
)

func TestCredentials(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{"https://user:hunter2@example.com/x.git", []string{"hunter2"}},
		{"context=HTTPS://:hunter2@example.com", []string{"hunter2"}},
		{"https://ghp_0123456789abcdef@github.com/a/b", []string{"ghp_0123456789abcdef"}},
		{"https://me@example.com/x.git", nil},
		{"ssh://deploy-user-of-acme@example.com/x.git", nil},
		{"git@github.com:acme/shop.git", nil},
		{"https://example.com/a@b:c", nil},
		{"a https://a:one-pass@x and ssh://b:two-pass@y", []string{"one-pass", "two-pass"}},
	} {
		if got := Credentials(test.text); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.text, got, test.want)
		}
	}
}
