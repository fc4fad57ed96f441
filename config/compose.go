package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	composeschema "github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/hashicorp/hcl/v2"
	"github.com/orch-build/orch/schema"
)

// Compose files are read by the reference implementation, which follows
// "extends", "include" and "env_file" on the disk by itself. Only what can
// say how an image is built is looked at: the services' build sections.

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
	project, err := loadCompose(files, &d.opts)
	if err != nil {
		return hcl.Diagnostics{composeError(err, hcl.Range{Filename: files[0].Filename, Start: hcl.InitialPos, End: hcl.InitialPos})}
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
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Wrong Compose file",
		Detail:   sentence(err),
		Subject:  &at,
	}
}

// isCompose reports whether a text is a Compose file.
func isCompose(filename string, src []byte, opts *Options) bool {
	_, err := loadCompose([]types.ConfigFile{{Filename: filename, Content: src}}, opts, func(o *loader.Options) {
		o.SkipConsistencyCheck = true
	})
	return err == nil
}

// loadCompose reads Compose files as one project, with all profiles on.
func loadCompose(files []types.ConfigFile, opts *Options, more ...func(*loader.Options)) (*types.Project, error) {
	env, err := composeEnv(opts)
	if err != nil {
		return nil, err
	}
	details := types.ConfigDetails{ConfigFiles: files, Environment: env}
	name := cmp.Or(env["COMPOSE_PROJECT_NAME"], "bake")
	model, err := loader.LoadModelWithContext(context.Background(), details, append(more, func(o *loader.Options) {
		o.SetProjectName(name, false)
		o.SkipNormalization = true
		o.SkipValidation = true
	})...)
	if err != nil {
		return nil, err
	}
	model = buildPart(model)
	if len(model) == 0 {
		return nil, errors.New("the file has no services")
	}
	if err := composeschema.Validate(model); err != nil {
		return nil, err
	}
	options := loader.ToOptions(&details, append(more, func(o *loader.Options) {
		o.SkipNormalization = true
		o.Profiles = []string{"*"}
	}))
	return loader.ModelToProject(model, options, details)
}

// buildPart cuts a Compose model down to what says how images are built, so
// that nothing else in it can be wrong.
func buildPart(model map[string]any) map[string]any {
	out := map[string]any{}
	if s, ok := model["secrets"]; ok {
		out["secrets"] = s
	}
	services, ok := model["services"].(map[string]any)
	if !ok {
		return out
	}
	kept := map[string]any{}
	for name, s := range services {
		service, ok := s.(map[string]any)
		if s != nil && !ok {
			continue
		}
		part := map[string]any{}
		for _, key := range []string{"image", "build", "environment", "env_file"} {
			if v, ok := service[key]; ok {
				part[key] = v
			}
		}
		kept[name] = part
	}
	out["services"] = kept
	return out
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

// composePlaces finds where the services of Compose files stand. The last
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
