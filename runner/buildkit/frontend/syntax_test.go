package frontend

import (
	"fmt"
	"testing"
)

func TestBuiltIn(t *testing.T) {
	linked := linkedMinor()
	if linked < 27 {
		t.Fatalf("the linked frontend says it is 1.%d", linked)
	}
	tests := map[string]bool{
		"docker/dockerfile":                              true,
		"docker/dockerfile:1":                            true,
		"docker/dockerfile:latest":                       true,
		"docker/dockerfile:1.4":                          true,
		"docker.io/docker/dockerfile:1":                  true,
		"index.docker.io/docker/dockerfile:1":            true,
		"docker/dockerfile:1 --some-flag":                true,
		fmt.Sprintf("docker/dockerfile:1.%d", linked):    true,
		fmt.Sprintf("docker/dockerfile:1.%d", linked+1):  false,
		"docker/dockerfile:1.4.3":                        false,
		"docker/dockerfile:1-labs":                       false,
		"docker/dockerfile:1.4-labs":                     false,
		"docker/dockerfile:labs":                         false,
		"docker/dockerfile:2":                            false,
		"docker/dockerfile:1@sha256:" + fmt.Sprint(1e63): false,
		"docker/dockerfile@sha256:" + fmt.Sprint(1e63):   false,
		"docker/dockerfile-upstream:master":              false,
		"registry.example.com/docker/dockerfile:1":       false,
		"example/frontend":                               false,
		"":                                               false,
	}
	for syntax, want := range tests {
		if got := BuiltIn(syntax); got != want {
			t.Errorf("BuiltIn(%q) = %t, want %t", syntax, got, want)
		}
	}
}
