// Command helper is the program that reads and fills a cache mount in a container of
// the builder. It is orch's hidden command of that purpose by itself, and so a
// fortieth of its size: scripts/build packs it into orch for the platforms that
// builders have.
package main

import (
	"fmt"
	"os"

	"github.com/orch-build/orch/runner/mounts/pack"
)

func main() {
	// The first argument is the name of orch's command.
	if err := pack.Help(os.Args[min(2, len(os.Args)):], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
