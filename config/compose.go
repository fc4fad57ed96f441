package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/schema"
)

// addCompose enters the services of the Compose files as targets, and those
// of them that are built as the group "default". All Compose files are one
// project.
func (d *Definition) addCompose() hcl.Diagnostics {
	var files []types.ConfigFile
	for _, f := range d.files {
		if f.Syntax == schema.Compose {
			files = append(files, types.ConfigFile{Filename: f.Name, Content: f.Src})
		}
	}
	if len(files) == 0 {
		return nil
	}
	places := composePlaces(d.files)
	project, err := d.opts.readCompose(files, false)
	if err != nil {
		return hcl.Diagnostics{composeError(err, composeFault(d.files, err))}
	}
	var diags hcl.Diagnostics
	group := &definedGroup{Group: Group{Name: defaultName}}
	base := d.baseOf(files[0].Filename)
	for _, name := range sortedKeys(project.Services) {
		service := project.Services[name]
		if service.Build == nil {
			continue
		}
		in, err := composeTarget(project, &service, d.ev, base)
		if err != nil {
			diags = append(diags, composeError(fmt.Errorf("service %q: %w", name, err), places[name]))
			continue
		}
		in.block.DefRange = places[name]
		d.addTarget(in)
		group.Targets = append(group.Targets, in.name)
		group.Range = places[name]
	}
	if len(project.Services) > 0 {
		d.addGroup(group)
	}
	return diags
}

func composeError(err error, at hcl.Range) *hcl.Diagnostic {
	var file *fs.PathError
	if errors.As(err, &file) && err.Error() == file.Error() {
		err = fmt.Errorf("reading %s: %w", file.Path, file.Err)
	}
	summary := "Invalid Compose file"
	if errors.Is(err, ErrNotGranted) {
		summary = "Not allowed"
	}
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  summary,
		Detail:   attribute.Sentence(err),
		Subject:  &at,
	}
}

// isCompose reports whether a text is a Compose file.
func isCompose(filename string, src []byte, opts *Options) bool {
	_, err := opts.readCompose([]types.ConfigFile{{Filename: filename, Content: src}}, true)
	return err == nil || errors.Is(err, ErrNotGranted)
}

// readCompose reads Compose files with the variables that they see.
func (o *Options) readCompose(files []types.ConfigFile, lenient bool) (*types.Project, error) {
	if o.Compose == nil {
		return nil, errors.New("no reader of Compose files was handed in")
	}
	env, err := composeEnv(o)
	if err != nil {
		return nil, err
	}
	return o.Compose(files, env, lenient)
}

// composeEnv returns the variables of Compose files: what was given on the
// command line, then the environment, then .env of the working directory.
func composeEnv(opts *Options) (map[string]string, error) {
	env := map[string]string{}
	if !opts.NoEnvVars {
		for _, kv := range opts.Environ {
			k, v, _ := strings.Cut(kv, "=")
			env[k] = v
		}
	}
	if err := addDotEnv(env, opts.Host); err != nil {
		return nil, err
	}
	maps.Copy(env, opts.Vars)
	return env, nil
}

// addDotEnv adds the variables of .env that are not there yet.
func addDotEnv(env map[string]string, host Host) error {
	if host == nil {
		return nil
	}
	if info, err := host.Stat(".env"); errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return nil
	}
	src, err := host.ReadFile(".env")
	if err != nil {
		return fmt.Errorf("reading .env: %w", err)
	}
	vars, err := dotenv.UnmarshalBytesWithLookup(src, func(k string) (string, bool) {
		v, ok := env[k]
		return v, ok
	})
	if err != nil {
		return fmt.Errorf("reading .env: %w", err)
	}
	for k, v := range vars {
		if _, ok := env[k]; !ok {
			env[k] = v
		}
	}
	return nil
}

// composePlaces finds where the services of Compose files are written. The last
// file that has a service counts.
func composePlaces(files []*schema.File) map[string]hcl.Range {
	out := map[string]hcl.Range{}
	for _, f := range files {
		if f.Syntax == schema.Compose {
			maps.Copy(out, servicePlaces(f.Name, f.Src))
		}
	}
	return out
}
