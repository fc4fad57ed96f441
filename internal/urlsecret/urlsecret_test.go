package urlsecret

import (
	"slices"
	"testing"
)

func TestFind(t *testing.T) {
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
		{"https://files.example.com/f?v=3&token=one-token#x", []string{"one-token"}},
		{"ADD https://x.example.com/f?X-Amz-Signature=0123456789ab /x", []string{"0123456789ab"}},
		{"curl 'https://x.example.com/f?sv=1&sig=a%2Bb%3D01234' | sh", []string{"a%2Bb%3D01234", "a+b=01234"}},
		{"https://x.example.com/f?key=main", []string{"key=main"}},
		{"https://x.example.com/f?tokens=${TOKEN}&monkey=0123456789", nil},
		{"https://me:${PASSWORD}@x.example.com", nil},
		{"https://x.example.com/f?checksum=sha256:0123456789", nil},
		{"https://me:<sensitive>@x.example.com and https://me:***@x.example.com", nil},
		{"/f?token=0123456789", nil},
		{"docker-image://alpine:latest@sha256:0123", nil},
		{"contexts={ b=\"OCI-LAYOUT://lay:latest@sha256:0123\", c=\"https://a:one-pass@x\" }", []string{"one-pass"}},
		{"oci-layout+blob://lay:latest@sha256:0123", nil},
		{"images://lay:secret@x", []string{"secret"}},
		{"of https://x.example.com/f?token=0123456789, and https://x.example.com/f?token=***, it", []string{"0123456789"}},
		{"a https://a:one-pass@x and ssh://b:two-pass@y", []string{"one-pass", "two-pass"}},
	} {
		if got := Find(test.text); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.text, got, test.want)
		}
	}
}

// What a message and a file say of a URL has no credentials in it.
func TestRedacted(t *testing.T) {
	for _, test := range []struct{ url, shown, kept string }{
		{"https://a:b@x.example.com/f", "https://a:xxxxx@x.example.com/f", "https://x.example.com/f"},
		{"https://ghp_0123456789abcdef@x.example.com/f.git#main", "https://xxxxx@x.example.com/f.git#main", "https://x.example.com/f.git#main"},
		{"https://x.example.com/f?a=1&token=t&b=2#c", "https://x.example.com/f?a=1&token=xxxxx&b=2#c", "https://x.example.com/f?a=1&token=***&b=2#c"},
		{"https://x.example.com/f?X-Amz-Credential=c", "https://x.example.com/f?X-Amz-Credential=xxxxx", "https://x.example.com/f?X-Amz-Credential=***"},
		{"ssh://git@x.example.com/f.git", "ssh://git@x.example.com/f.git", "ssh://git@x.example.com/f.git"},
		{"git@x.example.com:f.git", "git@x.example.com:f.git", "git@x.example.com:f.git"},
		{"oci-layout://lay:v1@sha256:0123", "oci-layout://lay:v1@sha256:0123", "oci-layout://lay:v1@sha256:0123"},
		{"https://x.example.com/f?v=1", "https://x.example.com/f?v=1", "https://x.example.com/f?v=1"},
	} {
		if got := Redacted(test.url); got != test.shown {
			t.Errorf("%s is shown as %s, want %s", test.url, got, test.shown)
		}
		if got := WithoutCredentials(test.url); got != test.kept {
			t.Errorf("%s is kept as %s, want %s", test.url, got, test.kept)
		}
	}
}

func TestBlank(t *testing.T) {
	const line = "ADD https://a:hüsh@x.example.com/f?token=0123456789&v=1 /x"
	if got := Blank(line); got != "ADD https://a:****@x.example.com/f?token=**********&v=1 /x" {
		t.Error(got)
	}
	if again := Blank(Blank(line)); again != Blank(line) {
		t.Error(again)
	}
}
