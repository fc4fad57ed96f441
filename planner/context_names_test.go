package planner

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/orch-build/orch/config"
)

func TestContextNames(t *testing.T) {
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for keys, want := range map[string]string{
		"alpine":                            "alpine",
		"library/alpine":                    "alpine",
		"docker.io/library/alpine":          "alpine",
		"docker.io/library/alpine:latest":   "alpine",
		"index.docker.io/library/alpine:v1": "alpine:v1",
		"docker.io/a/b::linux/arm64":        "a/b::linux/arm64",
		"docker.io/library/alpine" + digest: "alpine" + digest,
		"example.com/x:latest":              "example.com/x",
		"Not a name":                        "Not a name",
		"alpine alpine:latest":              "alpine alpine:latest",
	} {
		target := &config.Target{Contexts: map[string]config.Context{}}
		list := []string{keys}
		if keys == "alpine alpine:latest" {
			list = strings.Fields(keys)
		}
		for _, k := range list {
			target.Contexts[k] = config.Context{Value: k}
		}
		got := strings.Join(slices.Sorted(maps.Keys(withContextNames(target).Contexts)), " ")
		if got != want {
			t.Errorf("%s is looked for as %s, want %s", keys, got, want)
		}
	}
}
