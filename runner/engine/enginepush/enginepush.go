// Package enginepush has a Docker Engine push the images that a run has left in
// it. Such an engine pushes tag by tag, so that a failure leaves some of them
// moved: the error says which. It does not know how the images were built.
package enginepush

import (
	"context"
	"strings"

	"github.com/distribution/reference"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/engine"
	"github.com/orch-build/orch/runner/engine/engineout"
)

// Error says how far a push came.
type Error struct {
	// Pushed are the names that are in their registries, and Left those that are
	// not.
	Pushed, Left []string
	Err          error
}

func (e *Error) Error() string {
	text := e.Err.Error()
	if len(e.Pushed) > 0 {
		text += "\n  pushed already: " + strings.Join(e.Pushed, ", ")
	}
	return text + "\n  not pushed: " + strings.Join(e.Left, ", ")
}

func (e *Error) Unwrap() error { return e.Err }

// Push pushes the images of all targets of a good run, and returns their names.
// note is called before each; it may be nil.
func Push(ctx context.Context, e *engine.Engine, run *runner.Report, creds *registry.Credentials, note func(name string)) (pushed []string, err error) {
	var left []string
	for _, t := range run.Targets {
		if t.State == runner.Done {
			left = append(left, engineout.Pushed(t.Build)...)
		}
	}
	for len(left) > 0 {
		if note != nil {
			note(left[0])
		}
		if _, err := e.Push(ctx, left[0], auth(creds, left[0])); err != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return pushed, &Error{pushed, left, err}
		}
		pushed, left = append(pushed, left[0]), left[1:]
	}
	return pushed, nil
}

// auth are the credentials for the registry of a name.
func auth(creds *registry.Credentials, name string) engine.Auth {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil || creds == nil {
		return engine.Auth{}
	}
	host := reference.Domain(ref)
	c := creds.Of(host)
	return engine.Auth{
		Username: c.Username, Password: c.Password, IdentityToken: c.IdentityToken, RegistryToken: c.RegistryToken,
		ServerAddress: c.ServerAddress,
	}
}
