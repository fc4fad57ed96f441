package main

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/version"
	"github.com/orch-build/orch/internal/helptext"
)

func printVersion(e *planning.Session) error {
	_, err := fmt.Fprintf(e.Stdout, "orch %s (BuildKit %s, %s, %s/%s)\n",
		version.Orch(), version.BuildKit(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

func newVersionCommand(e *planning.Session) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of orch and of the BuildKit in it",
		Example: `  orch version
  orch version --json`,
		Args: helptext.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				enc := json.NewEncoder(e.Stdout)
				enc.SetIndent("", "  ")
				return enc.Encode(map[string]string{
					"version":  version.Orch(),
					"buildkit": version.BuildKit(),
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
