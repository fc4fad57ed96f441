package frontend

import (
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/version"
)

// BuiltIn says whether the frontend that is linked in stands for the one that
// a syntax line names: the official Dockerfile frontend under a tag that moves
// with its releases ("1", "1.7", "latest"), up to the version that is linked.
// An exact version, a digest, the labs channel and every other image mean just
// what they say, and are left to the builder.
func BuiltIn(syntax string) bool {
	name, _, _ := strings.Cut(strings.TrimSpace(syntax), " ")
	for _, host := range []string{"docker.io/", "index.docker.io/"} {
		name = strings.TrimPrefix(name, host)
	}
	repo, tag, tagged := strings.Cut(name, ":")
	if repo != "docker/dockerfile" {
		return false
	}
	if !tagged || tag == "latest" || tag == "1" {
		return true
	}
	major, minor, ok := strings.Cut(tag, ".")
	if !ok || major != "1" {
		return false
	}
	n, err := strconv.ParseUint(minor, 10, 16)
	return err == nil && n <= linkedMinor()
}

// linkedMinor is the second part of the version of the linked frontend.
func linkedMinor() uint64 {
	parts := strings.Split(version.Version(), ".")
	if len(parts) < 2 || parts[0] != "1" {
		return 0
	}
	n, err := strconv.ParseUint(parts[1], 10, 16)
	if err != nil {
		return 0
	}
	return n
}
