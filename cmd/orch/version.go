package main

import (
	"encoding/json"
	"fmt"
	"github.com/orch-build/orch/internal/helptext"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is the version of this build. The linker sets it
// (-X main.version=…); without that it comes from the module's build record.
var version = ""

// orchVersion returns the version that was stamped, else the one that Go
// recorded, else "dev".
func orchVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// buildkitVersion returns the version of the BuildKit that is linked in.
func buildkitVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path == "github.com/moby/buildkit" {
			return dep.Version
		}
	}
	return ""
}

func printVersion(e *env) error {
	_, err := fmt.Fprintf(e.stdout, "orch %s (BuildKit %s, %s, %s/%s)\n",
		orchVersion(), buildkitVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

func newVersionCommand(e *env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of orch and of the BuildKit in it",
		Example: `  orch version
  orch version --json`,
		Args: helptext.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				enc := json.NewEncoder(e.stdout)
				enc.SetIndent("", "  ")
				return enc.Encode(map[string]string{
					"version":  orchVersion(),
					"buildkit": buildkitVersion(),
					"go":       runtime.Version(),
					"platform": runtime.GOOS + "/" + runtime.GOARCH,
				})
			}
			return printVersion(e)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
