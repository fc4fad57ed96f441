// Package compose reads Compose files with their reference implementation,
// which follows "extends", "include" and "env_file" on the disk by itself.
//
// It is a package of its own because that implementation compiles a set of
// JSON Schemas whenever a program starts that contains it; orch leaves it out
// of the part that starts first.
package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/types"
)

// Load reads Compose files as one project, with all profiles on. Only what can
// say how an image is built is looked at: the services' build sections. A
// lenient reading does not ask whether the parts fit together. What the files
// refer to is read if permit lets it.
func Load(files []types.ConfigFile, env map[string]string, lenient bool, permit Permit) (_ *types.Project, err error) {
	defer func() {
		// The loader resolves paths before it validates, and takes it for
		// granted there that each is a string.
		if r := recover(); r != nil {
			err = fmt.Errorf("a value is missing, or is not of the kind that its key takes, such as a context without a path (%v)", r)
		}
	}()
	permit = permit.ofFiles()
	if err := permitted(files, env, permit); err != nil {
		return nil, err
	}
	details := types.ConfigDetails{ConfigFiles: files, Environment: env}
	name := cmp.Or(env["COMPOSE_PROJECT_NAME"], "bake")
	model, err := loader.LoadModelWithContext(context.Background(), details, func(o *loader.Options) {
		o.SkipConsistencyCheck = lenient
		o.SetProjectName(name, false)
		o.SkipNormalization = true
		o.SkipValidation = true
	})
	if err != nil {
		return nil, err
	}
	model = buildPart(model)
	if len(model) == 0 {
		return nil, errors.New("the file has no services")
	}
	if err := schema.Validate(model); err != nil {
		return nil, err
	}
	options := loader.ToOptions(&details, []func(*loader.Options){func(o *loader.Options) {
		o.SkipConsistencyCheck = lenient
		o.SkipNormalization = true
		o.Profiles = []string{"*"}
		o.SkipResolveEnvironment = true
	}})
	project, err := loader.ModelToProject(model, options, details)
	if err != nil {
		return nil, err
	}
	if err := envFiles(project, permit); err != nil {
		return nil, err
	}
	return resolved(project)
}

// resolved reads the files of variables of all services. If that fails, each is
// tried by itself, so that every service in which something is wrong is reported.
func resolved(project *types.Project) (*types.Project, error) {
	out, err := project.WithServicesEnvironmentResolved(false)
	if err == nil {
		return out, nil
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		one := types.Project{Environment: project.Environment, Services: types.Services{name: project.Services[name]}}
		if _, err := one.WithServicesEnvironmentResolved(false); err != nil {
			errs = append(errs, fmt.Errorf("service %q: %w", name, err))
		}
	}
	return nil, cmp.Or(errors.Join(errs...), err)
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
