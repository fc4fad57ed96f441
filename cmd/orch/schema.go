package main

import (
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/schema"
)

func newSchemaCommand(e *planning.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print a JSON Schema of build.hcl, for editors",
		Long: `schema prints a JSON Schema (draft 7) of build.hcl in its JSON form,
build.json. Editors complete and check a build.json with it; other programs
read from it which blocks and attributes there are, and what each is for.`,
		Example: `  orch schema >build.schema.json
  echo '{"$schema": "./build.schema.json", "target": {"app": {}}}' >build.json`,
		Args: helptext.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			src, err := schema.JSONSchema()
			if err != nil {
				return err
			}
			_, err = termtext.Raw(e.Stdout).Write(src)
			return err
		},
	}
}
