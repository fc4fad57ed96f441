//go:build !linux

package main

import "errors"

// helpMounts fails where no container of a builder can run this program.
func helpMounts([]string) error {
	return errors.New("this program runs in no container of a builder")
}
