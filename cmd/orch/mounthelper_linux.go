package main

import (
	"os"

	"github.com/orch-build/orch/runner/mounts/pack"
)

func helpMounts(args []string) error {
	return pack.Help(args, os.Stdin, os.Stdout, os.Stderr)
}
