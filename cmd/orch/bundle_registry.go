package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/bundle/artifact"
	"github.com/orch-build/orch/runner/bundle/pack"
)

func newBundlePushCommand(e *planning.Session) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "push [DIR] REF",
		Short: "Keep a bundle in a registry, as one artifact",
		Long: `push sends the bundle in a folder to a tag of a registry. Blobs that the repository
has already are not sent again, and those that another repository of the registry has
are taken over from there. Each is held against its digest first. The same bundle is
the same artifact, with the same digest.

Without a DIR, it is the folder that ORCH_BUNDLE names.`,
		Example: `  orch bundle push bundle registry.example.com/team/bundle:1
  ORCH_BUNDLE=bundle orch bundle push registry.example.com/team/bundle:1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, ref, err := pushArgs(e, args)
			if err != nil {
				return err
			}
			moved, err := artifact.Push(cmd.Context(), e.OpenRegistries().Client, dir, ref)
			if err != nil {
				return err
			}
			return printed(e, moved, fmt.Sprintf("%s@%s: %s; %d of %s sent (%s)", moved.Ref, moved.Digest,
				pack.Entries(moved.Entries), moved.Moved, termtext.Count(moved.Blobs, "blob"), termtext.Count(int(moved.Bytes), "byte")), cli.Form(asJSON))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was done as JSON")
	return cmd
}

// pushArgs are the folder and the name in the registry.
func pushArgs(e *planning.Session, args []string) (dir, ref string, err error) {
	switch len(args) {
	case 1:
		if dir = e.Getenv(planning.BundleVariable); dir == "" {
			return "", "", usage.Errorf("orch bundle push sends a folder: orch bundle push DIR %s, or name it in %s", args[0], planning.BundleVariable)
		}
		return dir, args[0], nil
	case 2:
		return args[0], args[1], nil
	}
	return "", "", usage.Errorf("orch bundle push takes a folder and a name in a registry: orch bundle push DIR REF")
}

func newBundlePullCommand(e *planning.Session) *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "pull REF -o DIR",
		Short: "Fetch a bundle from a registry into a folder",
		Long: `pull fetches what 'orch bundle push' has sent. The folder may have an older bundle:
what it has already is not fetched again, and what the new one does not have is removed.
A pull that was interrupted continues with the blobs that are missing. Everything is
held against its digest.`,
		Example: `  orch bundle pull registry.example.com/team/bundle:1 -o bundle
  orch bake --offline --bundle bundle`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage.Errorf("orch bundle pull takes the name of one bundle: orch bundle pull REF -o DIR")
			}
			if dir == "" {
				return usage.Errorf("orch bundle pull writes a folder: name it with -o DIR")
			}
			moved, err := artifact.Pull(cmd.Context(), e.OpenRegistries().Client, args[0], dir)
			if err != nil {
				return err
			}
			return printed(e, moved, fmt.Sprintf("%s: %s of %s@%s; %d of %s fetched (%s), %d removed",
				moved.Dir, pack.Entries(moved.Entries), moved.Ref, moved.Digest,
				moved.Moved, termtext.Count(moved.Blobs, "blob"), termtext.Count(int(moved.Bytes), "byte"), moved.Removed), cli.Form(asJSON))
		},
	}
	cmd.Flags().StringVarP(&dir, "output", "o", "", "write the bundle to the folder `DIR`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was done as JSON")
	return cmd
}

// printed prints what was done, as a line or as JSON.
func printed(e *planning.Session, what any, line string, form cli.Form) error {
	if form == cli.Text {
		_, err := fmt.Fprintln(e.Stdout, line)
		return err
	}
	out := json.NewEncoder(e.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(what)
}
