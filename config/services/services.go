package services

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/files"
	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/schema"
)

// Service is the build section of a service, as a target.
type Service struct {
	Name   string // the target's name
	Values attribute.Values
	Base   string // the folder that its contexts start from
	At     hcl.Range
}

// Reader reads Compose files, as package config/compose does.
type Reader func(files []types.ConfigFile, env map[string]string, lenient bool) (*types.Project, error)

// Inputs is everything that Compose files depend on.
type Inputs struct {
	// Read reads the files; nil reads none.
	Read Reader
	// Environ is the environment, as os.Environ gives it; Vars win over it.
	Environ []string
	Vars    map[string]string
	// Host is where .env is read, which loses to both; nil has none.
	Host files.Host
}

// Load returns the services of the Compose files that are built. All Compose files
// are one project; found says whether it has any service. base is the folder that
// contexts start from.
func (in *Inputs) Load(defined []*schema.File, base func(filename string) string) (list []Service, found bool, diags hcl.Diagnostics) {
	var sources []types.ConfigFile
	for _, f := range defined {
		if f.Syntax == schema.Compose {
			sources = append(sources, types.ConfigFile{Filename: f.Name, Content: f.Src})
		}
	}
	if len(sources) == 0 {
		return nil, false, nil
	}
	places := placesOf(defined)
	project, err := in.read(sources, false)
	if err != nil {
		for _, err := range each(err) {
			diags = append(diags, failure(err, faultOf(defined, err)))
		}
		return nil, false, diags
	}
	written := sync.OnceValue(func() []parsed { return parse(defined) })
	for _, name := range attribute.SortedKeys(project.Services) {
		service := project.Services[name]
		if service.Build == nil {
			continue
		}
		s, err := target(project, &service, base(sources[0].Filename))
		if err != nil {
			diags = append(diags, failure(fmt.Errorf("service %q: %w", name, err), places[name]))
			continue
		}
		s.At = places[name]
		list = append(list, s)
		diags = append(diags, unknownKeys(service.Build, func(keys string) hcl.Range {
			return keyPlace(written(), places[name], "services."+name+".build."+keys)
		})...)
	}
	return list, len(project.Services) > 0, diags
}

// notDecoded is how the reader begins what it could not decode, and decodedPath how it
// names the value then, as services[web].build.
var (
	notDecoded  = lazyregexp.New(`^decoding failed due to the following error\(s\):\s*`)
	decodedPath = lazyregexp.New(`^'(\w+)\[([^\]]+)\]([^']*)' `)
)

// each returns the errors that were joined.
func each(err error) []error {
	if text := err.Error(); notDecoded.MatchString(text) {
		var out []error
		for line := range strings.SplitSeq(notDecoded.ReplaceAllString(text, ""), "\n") {
			if line != "" {
				out = append(out, errors.New(decodedPath.ReplaceAllString(line, "$1.$2$3: ")))
			}
		}
		return out
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// Is reports whether a text is a Compose file.
func (in *Inputs) Is(filename string, src []byte) bool {
	_, err := in.read([]types.ConfigFile{{Filename: filename, Content: src}}, true)
	return err == nil || errors.Is(err, files.ErrNotGranted)
}

// failure reports an error at a place.
func failure(err error, at hcl.Range) *hcl.Diagnostic {
	var file *fs.PathError
	if errors.As(err, &file) && err.Error() == file.Error() {
		err = fmt.Errorf("reading %s: %w", file.Path, file.Err)
	}
	summary := "Invalid Compose file"
	if errors.Is(err, files.ErrNotGranted) {
		summary = "Not allowed"
	}
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  summary,
		Detail:   sentence(err),
		Subject:  &at,
	}
}

// sentence writes an error as a sentence. A key of the file that it begins with stays
// as it is.
func sentence(err error) string {
	text := attribute.Sentence(err)
	first, _, _ := strings.Cut(err.Error(), " ")
	if first == "services" || first == "secrets" {
		return first + text[len(first):]
	}
	return text
}

// read reads Compose files with the variables that they see.
func (in *Inputs) read(sources []types.ConfigFile, lenient bool) (*types.Project, error) {
	if in.Read == nil {
		return nil, errors.New("no reader of Compose files was handed in")
	}
	env, err := in.env()
	if err != nil {
		return nil, err
	}
	return in.Read(sources, env, lenient)
}

// env returns the variables of Compose files: what was given on the command line,
// then the environment, then .env of the working directory.
func (in *Inputs) env() (map[string]string, error) {
	env := map[string]string{}
	for _, kv := range in.Environ {
		k, v, _ := strings.Cut(kv, "=")
		env[k] = v
	}
	if err := addDotEnv(env, in.Host); err != nil {
		return nil, err
	}
	maps.Copy(env, in.Vars)
	return env, nil
}

// addDotEnv adds the variables of .env that are not there yet.
func addDotEnv(env map[string]string, host files.Host) error {
	if host == nil {
		return nil
	}
	info, err := host.Stat(".env")
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.IsDir():
		return nil
	case err == nil && !info.Mode().IsRegular():
		return errors.New("reading .env: it is not a file") // but a FIFO, say, which is waited for
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

// placesOf finds where the services of Compose files are written. The last
// file that has a service counts.
func placesOf(defined []*schema.File) map[string]hcl.Range {
	out := map[string]hcl.Range{}
	for _, f := range defined {
		if f.Syntax == schema.Compose {
			maps.Copy(out, servicePlaces(f.Name, f.Src))
		}
	}
	return out
}
