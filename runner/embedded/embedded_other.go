//go:build !linux

package embedded

import (
	"context"
	"errors"
)

var errNotHere = errors.New("the embedded builder needs Linux: name another builder with --builder or BUILDKIT_HOST")

// Ensure says that there is no embedded builder on this system.
func Ensure(context.Context, Options) (*Daemon, error) { return nil, errNotHere }

// Status says that there is no embedded builder on this system.
func Status(context.Context, Options) (*Info, error) { return nil, errNotHere }

// Stop says that there is no embedded builder on this system.
func Stop(context.Context, Options, Ending) (bool, error) { return false, errNotHere }

// PruneFull says that there is no embedded builder on this system.
func PruneFull(context.Context, Options, func() error) error { return errNotHere }
