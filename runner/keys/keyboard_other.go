//go:build !unix || aix || solaris || illumos

package keys

import (
	"errors"
	"os"
)

// Supported says whether keys can be read on this system.
const Supported = false

// Keyboard is a terminal whose keys are read.
type Keyboard struct{}

// Open says that keys cannot be read on this system.
func Open(*os.File, func(Key), func(), func()) (*Keyboard, error) {
	return nil, errors.New("keys cannot be read on this system")
}

// Close does nothing.
func (*Keyboard) Close() {}
