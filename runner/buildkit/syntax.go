package buildkit

import (
	"context"
	"errors"
	"strconv"
	"strings"

	dockerfile "github.com/moby/buildkit/frontend/dockerfile/builder"
	"github.com/moby/buildkit/frontend/dockerfile/version"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
)

// builtInError stops the linked frontend where it asks the builder for the one
// that a Dockerfile of a remote context names, which is known only once the
// frontend has read it, if the linked one stands for it.
type builtInError struct{ syntax string }

func (e *builtInError) Error() string { return "the frontend " + e.syntax + " is the linked one" }

// linked has the linked frontend read the target.
func (t *target) linked(ctx context.Context) (*gateway.Result, error) {
	c := &recorder{Client: t.anchor.gateway, target: t}
	res, err := dockerfile.Build(ctx, c)
	var own *builtInError
	if errors.As(err, &own) {
		t.opts["cmdline"] = own.syntax // keeps every frontend from asking
		return dockerfile.Build(ctx, c)
	}
	return res, err
}

// asksForBuiltIn says whether a request of the linked frontend is for one that
// the linked one stands for.
func (t *target) asksForBuiltIn(req gateway.SolveRequest) (syntax string, ok bool) {
	if req.Frontend != "gateway.v0" || t.plan.Dockerfile != nil || t.run.opt.PullFrontend {
		return "", false
	}
	syntax = req.FrontendOpt["cmdline"]
	return syntax, builtIn(syntax)
}

// builtIn says whether the frontend that is linked in stands for the one that
// a syntax line names: the official Dockerfile frontend under a tag that moves
// with its releases ("1", "1.7", "latest"), up to the version that is linked.
// An exact version, a digest, the labs channel and every other image mean just
// what they say, and are left to the builder.
func builtIn(syntax string) bool {
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
