package ocilayout

import (
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	const (
		none   = `{"manifests":[]}`
		bare   = `{"manifests":[{"digest":"sha256:a"}]}`
		single = `{"manifests":[{"digest":"sha256:a","annotations":{"org.opencontainers.image.ref.name":"v1"}}]}`
		twice  = `{"manifests":[{"digest":"sha256:a","annotations":{"org.opencontainers.image.ref.name":"v1"}},{"digest":"sha256:a","annotations":{"org.opencontainers.image.ref.name":"v2"}}]}`
		two    = `{"manifests":[{"digest":"sha256:a","annotations":{"org.opencontainers.image.ref.name":"v1"}},{"digest":"sha256:b","annotations":{"org.opencontainers.image.ref.name":"v2"}}]}`
		latest = `{"manifests":[{"digest":"sha256:a","annotations":{"org.opencontainers.image.ref.name":"v1"}},{"digest":"sha256:b","annotations":{"org.opencontainers.image.ref.name":"latest","io.containerd.image.name":"docker.io/library/x:latest"}}]}`
	)
	for _, test := range []struct{ index, tag, want, wrong string }{
		{bare, "", "sha256:a", ""},
		{single, "", "sha256:a", ""},
		{twice, "", "sha256:a", ""},
		{twice, "v2", "sha256:a", ""},
		{two, "v2", "sha256:b", ""},
		{latest, "", "sha256:b", ""},
		{latest, "latest", "sha256:b", ""},
		{latest, "docker.io/library/x:latest", "sha256:b", ""},
		{two, "", "", `no image with the tag "latest"; there are v1, v2`},
		{single, "latest", "", `no image with the tag "latest"; there are v1`},
		{bare, "v1", "", `no image with the tag "v1"`},
		{none, "", "", "no image"},
		{"{", "", "", "reading index.json"},
	} {
		got, err := Find([]byte(test.index), test.tag)
		if got != test.want || (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
			t.Errorf("%s with the tag %q: %s, %v; want %s, %s", test.index, test.tag, got, err, test.want, test.wrong)
		}
	}
}

func TestSplit(t *testing.T) {
	for ref, want := range map[string][3]string{
		"lay":              {"lay", "", ""},
		"lay:v1":           {"lay", "v1", ""},
		"./a:b/lay":        {"./a:b/lay", "", ""},
		"lay@sha256:a":     {"lay", "", "sha256:a"},
		"lay:v1@sha256:ab": {"lay:v1", "", "sha256:ab"},
	} {
		path, tag, digest := Split(ref)
		if got := [3]string{path, tag, digest}; got != want {
			t.Errorf("%s is %q, want %q", ref, got, want)
		}
	}
}
