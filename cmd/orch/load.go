package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/platforms"
	"github.com/hashicorp/hcl/v2"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/ci"
	"github.com/orch-build/orch/internal/gitfact"
	"github.com/orch-build/orch/schema"
	"github.com/spf13/pflag"
)

// loadFlags are the flags of every command that reads a definition.
type loadFlags struct {
	files     []string
	overrides []string
	vars      []string
	varFiles  []string
	allow     []string
	except    []string
	filters   []string
	cacheLane string
	// toolchain holds what goenv() gave, for the permissions of a run.
	toolchain []string
	// diagnostics is how what is wrong is printed.
	diagnostics string
	// found is told what the files say before anything of it is printed.
	found func(*config.Config) error
	// remote is where the definition is fetched from, nil for this machine.
	remote *remoteDefinition
}

func (l *loadFlags) register(flags *pflag.FlagSet) {
	grouped(flags, "Choosing and changing targets", func(flags *pflag.FlagSet) {
		flags.StringArrayVarP(&l.files, "file", "f", nil, "definition `FILE`; may be repeated; - is standard input")
		flags.StringArrayVar(&l.overrides, "set", nil, "override an attribute: `TARGET.KEY=VALUE`")
		flags.StringArrayVar(&l.vars, "var", nil, "set a variable: `NAME=VALUE`")
		flags.StringArrayVar(&l.varFiles, "var-file", nil, "read variables from a `FILE` of NAME=VALUE lines")
		flags.StringArrayVar(&l.varFiles, "env-file", nil, "same as --var-file `FILE`")
		flags.StringArrayVar(&l.except, "except", nil, "leave out a `TARGET`, a group or what a pattern matches")
		flags.StringArrayVar(&l.filters, "filter", nil, "keep the targets whose traits match: `NAME=VALUE`, NAME!=VALUE or NAME")
		flags.StringArrayVar(&l.allow, "allow", nil, "grant a `PERMISSION`, such as network.host or fs.read=/path")
	})
	grouped(flags, "Cache and frontend", func(flags *pflag.FlagSet) {
		flags.StringVar(&l.cacheLane, "cache-lane", "", "use the cache of `LANE`: --set=*.cache.lane=LANE")
	})
	flags.StringVar(&l.diagnostics, "diagnostics", "text", "how to print what is wrong on standard error: `FORMAT` is text or json")
}

// defaultFiles are the names that are looked for when none is given: build.hcl
// and its kin, and if none of them is there, the peer's.
var (
	buildFiles = []string{
		"build.hcl", "build.hcl.json", "build.json",
		"build.override.hcl", "build.override.hcl.json", "build.override.json",
	}
	bakeFiles = []string{
		"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml",
		"docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl",
	}
)

// source is a definition file that was read.
type source struct {
	name string
	src  []byte
}

// sourcesOf returns the text of files by their name.
func sourcesOf(files []source) map[string][]byte {
	out := make(map[string][]byte, len(files))
	for _, f := range files {
		out[f.name] = f.src
	}
	return out
}

// load reads the definition and prints what is wrong with it. An error that
// comes back is printed already.
func (l *loadFlags) load(e *env, change func(*config.Options)) (*config.Config, error) {
	defer l.close()
	files, opts, err := l.read(e)
	if err != nil {
		return nil, err
	}
	if change != nil {
		change(&opts)
	}
	cfg, diags, err := e.resolve(files, opts)
	if err == nil && l.found != nil && !diags.HasErrors() {
		err = l.found(cfg)
	}
	if err != nil {
		return nil, err
	}
	return cfg, e.report(diags, sourcesFor(files, opts))
}

// evaluate reads the definition without cutting it down to what is asked for.
func (l *loadFlags) evaluate(e *env) (*config.Definition, error) {
	defer l.close()
	files, opts, err := l.read(e)
	if err != nil {
		return nil, err
	}
	parsed, diags := parseAll(files, opts)
	if diags.HasErrors() {
		return nil, e.report(diags, sourcesFor(files, opts))
	}
	var d *config.Definition
	var more hcl.Diagnostics
	if err := e.interruptible(func() { d, more = config.Evaluate(parsed, opts) }); err != nil {
		return nil, err
	}
	return d, e.report(append(diags, more...), sourcesFor(files, opts))
}

// resolve is the function of that name, but ends with an error when the
// command is interrupted.
func (e *env) resolve(files []source, opts config.Options) (cfg *config.Config, diags hcl.Diagnostics, err error) {
	err = e.interruptible(func() { cfg, diags = resolve(files, opts) })
	if err != nil {
		return nil, nil, err
	}
	return cfg, diags, nil
}

// resolve parses and resolves files. What can be found wrong behind an error
// of the parser is found, unless a file is so broken that blocks are missing.
func resolve(files []source, opts config.Options) (*config.Config, hcl.Diagnostics) {
	parsed, diags := parseAll(files, opts)
	for _, f := range parsed {
		if f.Broken {
			return nil, diags
		}
	}
	cfg, more := config.Resolve(parsed, opts)
	diags = append(diags, more...)
	schema.SortDiagnostics(diags)
	return cfg, diags
}

func parseAll(files []source, opts config.Options) ([]*schema.File, hcl.Diagnostics) {
	var parsed []*schema.File
	var diags hcl.Diagnostics
	for _, f := range files {
		file, more := config.Parse(f.name, f.src, &opts)
		parsed = append(parsed, file)
		diags = append(diags, more...)
	}
	return parsed, diags
}

// read reads the files and works out the options that the flags and the
// environment stand for.
func (l *loadFlags) read(e *env) ([]source, config.Options, error) {
	opts, err := l.options(e)
	if err != nil {
		return nil, opts, err
	}
	if l.remote != nil {
		files, err := l.remote.read(e, l, &opts)
		return files, opts, err
	}
	var files []source
	if stopped := e.interruptible(func() { files, err = l.readFiles(e) }); stopped != nil {
		return nil, opts, stopped
	}
	return files, opts, err
}

func (l *loadFlags) options(e *env) (config.Options, error) {
	if err := e.setDiagnostics(l.diagnostics); err != nil {
		return config.Options{}, err
	}
	guard, err := l.guard(e)
	if err != nil {
		return config.Options{}, err
	}
	opts := config.Options{
		Except:    l.except,
		Filters:   l.filters,
		Git:       gitfact.Read,
		Compose:   composeReader(e, guard.Read),
		Files:     newImportReader(guard.Files(osFiles{})),
		Vars:      map[string]string{},
		LookupEnv: e.lookup,
		Environ:   e.environ(),
		Platform:  platforms.Format(platforms.DefaultSpec()),
		HomeDir:   hostAnswers{l, guard}.homeDir,
		GoEnv:     hostAnswers{l, guard}.goEnv,
		Now:       time.Now,
		Host:      guard.Host(osHost{}),
		Lane:      e.lane,
	}
	for _, v := range l.vars {
		if v == "" {
			continue
		}
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return opts, usagef("--var %q is not of the form NAME=VALUE", v)
		}
		opts.Vars[name] = value
	}
	for _, name := range l.varFiles {
		vars, err := readVarFile(name, e.lookup)
		if err != nil {
			return opts, err
		}
		opts.VarFiles = append(opts.VarFiles, config.VarFile{Name: name, Vars: vars})
	}
	for _, text := range l.overrides {
		o, err := config.ParseOverride(text)
		if err != nil {
			return opts, usageError{fmt.Errorf("--set %w", err)}
		}
		opts.Overrides = append(opts.Overrides, o)
	}
	if l.cacheLane != "" {
		opts.Overrides = append(opts.Overrides, config.Override{
			Pattern: "*", Key: "cache", Sub: "lane", HasSub: true, Value: l.cacheLane, HasValue: true, Text: "--cache-lane " + l.cacheLane,
		})
	}
	if off, err := strconv.ParseBool(e.getenv("BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP")); err == nil {
		opts.NoEnvVars = off
	}
	if name := e.getenv("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"); name != "" {
		if _, err := os.Stat(name); err != nil {
			return opts, usageError{fmt.Errorf("reading the source policy of EXPERIMENTAL_BUILDKIT_SOURCE_POLICY: %w", err)}
		}
	}
	if v := e.getenv("BUILDX_BAKE_FILE_RELATIVE_PATHS"); v != "" {
		on, err := strconv.ParseBool(v)
		if err != nil {
			return opts, usagef("BUILDX_BAKE_FILE_RELATIVE_PATHS=%s is neither true nor false", v)
		}
		opts.FileRelative = on
	}
	return opts, nil
}

// lane says whose cache this run may write.
func (e *env) lane() config.Lane {
	return config.Lane(ci.LaneOf(e.getenv, func() string { return gitfact.Branch(".") }))
}

// composeFunc reads Compose files; see config.Options.
type composeFunc = func(files []types.ConfigFile, env map[string]string, lenient bool) (*types.Project, error)

// osHost is this machine's file system.
type osHost struct{}

func (osHost) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }
func (osHost) ReadFile(name string) ([]byte, error)  { return os.ReadFile(name) }

// readFiles reads the files that were named, or those that are looked for.
func (l *loadFlags) readFiles(e *env) ([]source, error) {
	if names := l.named(e); len(names) > 0 {
		var out []source
		for _, name := range names {
			name = strings.TrimPrefix(name, "cwd://")
			src, err := readSource(e, name)
			if err != nil {
				return nil, usageError{err}
			}
			out = append(out, source{name, src})
		}
		return out, nil
	}
	for _, set := range [][]string{buildFiles, bakeFiles} {
		found, err := lookFor(set)
		if err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, usagef("there is no definition here: looked for %s, %s\n%s",
		strings.Join(buildFiles[:3], ", "), strings.Join(bakeFiles, ", "), definitionHint())
}

// lookFor reads those of the files that are there and not empty.
func lookFor(names []string) ([]source, error) {
	var out []source
	for _, name := range names {
		src, err := readLimited(name)
		if errors.Is(err, fs.ErrNotExist) || err == nil && len(src) == 0 {
			continue
		}
		if err != nil {
			return nil, usageError{err}
		}
		out = append(out, source{name, src})
	}
	return out, nil
}

// named returns the files of -f, or else those of BUILDX_BAKE_FILE.
func (l *loadFlags) named(e *env) []string {
	if len(l.files) > 0 {
		return l.files
	}
	separator := e.getenv("BUILDX_BAKE_PATH_SEPARATOR")
	if separator == "" {
		separator = string(os.PathListSeparator)
	}
	var out []string
	for _, f := range strings.Split(e.getenv("BUILDX_BAKE_FILE"), separator) {
		if f = strings.TrimSpace(f); f != "" {
			out = append(out, f)
		}
	}
	return out
}

func readSource(e *env, name string) ([]byte, error) {
	if name != "-" {
		return readLimited(name)
	}
	src, err := io.ReadAll(io.LimitReader(e.stdin, schema.MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the definition from standard input: %w", err)
	}
	e.stdin = bytes.NewReader(src) // for whoever reads it next
	return src, nil
}

// readLimited reads a file, but not much more of it than a definition may
// have; the rest is left to schema's check.
func readLimited(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the definition: %w", err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, schema.MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the definition: %w", err)
	}
	return src, nil
}
