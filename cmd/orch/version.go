package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/version"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/latest"
)

func printVersion(e *planning.Session) error {
	commit := ""
	if version.Commit != "" {
		commit = "commit " + version.Commit + ", "
	}
	_, err := fmt.Fprintf(e.Stdout, "orch %s (%sBuildKit %s, %s, %s/%s)\n",
		version.Orch(), commit, version.BuildKit(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

func newVersionCommand(e *planning.Session) *cobra.Command {
	var asJSON, check bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of orch and of the BuildKit in it",
		Long: `version prints the version of orch and of the BuildKit in it. With --check, it
asks the project's host which release is the newest, and exits with 1 when that
is a newer one than this.`,
		Example: `  orch version
  orch version --check
  orch version --json`,
		Args: helptext.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !check {
				return showVersion(e, cli.Form(asJSON))
			}
			return checkVersion(cmd.Context(), e, latest.Releases, cli.Form(asJSON))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&check, "check", false, "look whether there is a newer release")
	return cmd
}

func showVersion(e *planning.Session, form cli.Form) error {
	if form == cli.JSON {
		return printVersionJSON(e, nil)
	}
	return printVersion(e)
}

// checkVersion prints the version beside the newest release.
func checkVersion(ctx context.Context, e *planning.Session, releases string, form cli.Form) error {
	newest, err := latest.Newest(ctx, releases)
	if err != nil {
		return err
	}
	if form == cli.JSON {
		err = printVersionJSON(e, &newest)
	} else if newest.Newer(version.Orch()) {
		_, err = fmt.Fprintf(e.Stdout, "orch %s is out, and this is %s: %s\n", newest.Version, version.Orch(), newest.Page)
	} else {
		_, err = fmt.Fprintf(e.Stdout, "orch %s is the newest release\n", version.Orch())
	}
	if err == nil && newest.Newer(version.Orch()) {
		return &cli.Failure{Code: cli.ExitFailed, Err: fmt.Errorf("%s is not the newest release", version.Orch())}
	}
	return err
}

func printVersionJSON(e *planning.Session, newest *latest.Release) error {
	about := map[string]any{
		"version":  version.Orch(),
		"buildkit": version.BuildKit(),
		"go":       runtime.Version(),
		"platform": runtime.GOOS + "/" + runtime.GOARCH,
	}
	if version.Commit != "" {
		about["commit"] = version.Commit
	}
	if newest != nil {
		about["newest"], about["newer"] = newest.Version, newest.Newer(version.Orch())
	}
	enc := json.NewEncoder(e.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(about)
}
