package load

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/platforms"
	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/ci"
	"github.com/orch-build/orch/internal/gitfact"
	"github.com/orch-build/orch/internal/interrupt"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/buildkit/builder"
)

// Request is what a command line says of a definition.
type Request struct {
	Files     []string
	Overrides []string // of the form TARGET.KEY=VALUE
	Vars      []string // of the form NAME=VALUE
	VarFiles  []string
	Allow     []string
	Except    []string
	Filters   []string
	CacheLane string
	// Lock is a lock to use in the place of that beside the definition; "" is that
	// one.
	Lock string
	// Moves says what is about to be looked up anew, for a definition from elsewhere;
	// nil is nothing.
	Moves func(lock.Key) bool
	// Bundle is a folder whose lock counts where none is beside the definition, and
	// NoBundle says that there is to be none.
	Bundle   string
	NoBundle bool
	// Offline refuses a definition from elsewhere and, where Builds says that targets
	// are built, leaves out what needs a network and is not part of an image.
	Offline, Builds bool
	// Relock says that the lock is about to be written anew, so that OCI layouts
	// keep their tags.
	Relock bool
	// URL is where the definition is fetched from; "" is this machine.
	URL string
	// CmdContext is a second URL, the value of BAKE_CMD_CONTEXT.
	CmdContext string
}

// TakeURLs notes the URLs at the beginning of a command's arguments, from which
// the definition is to be read, and returns the other arguments.
func (r *Request) TakeURLs(args []string) []string {
	if len(args) == 0 || !config.IsRemote(args[0]) {
		return args
	}
	r.URL, args = args[0], args[1:]
	if len(args) > 0 && config.IsRemote(args[0]) {
		r.CmdContext, args = args[0], args[1:]
	}
	return args
}

// ComposeReader reads Compose files; see config.Options.
type ComposeReader = func(files []types.ConfigFile, env map[string]string, lenient bool) (*types.Project, error)

// Machine is what is around a definition.
type Machine struct {
	LookupEnv func(name string) (string, bool)
	Environ   func() []string
	// Disk is what files are read from; nil is the disk of this machine.
	Disk config.Files
	// Stdin returns all of the standard input.
	Stdin func() ([]byte, error)
	// Compose returns what reads Compose files, and of what they refer to that
	// which permit lets be read.
	Compose func(permit func(path string) error) ComposeReader
	// Connect reaches the builder, which fetches definitions from elsewhere.
	Connect func(context.Context) (*builder.Builder, error)
	// Note shows a line about what goes on.
	Note func(line string)
}

// Loader reads the definition of a request, perhaps several times.
type Loader struct {
	Request
	Machine
	// toolchain holds what goenv() gave, for the permissions of a run.
	toolchain []string
	remote    *remote
	// LockName is where the lock of the definition is, or would be, once it was
	// resolved.
	LockName string
	// DefinitionName tells the definition from others that have the same lock; "" is
	// the one with the usual name.
	DefinitionName string
	// Origin is what a definition from elsewhere is in a lock; nil for this machine.
	Origin *Origin
	far    *far
	// found is whose cache this run may write, once that was asked for.
	found *config.Lane
	// saidOffline says that it was said what an offline run leaves out.
	saidOffline bool
}

// Definition is what was read of a definition.
type Definition struct {
	// Config is the resolved definition; Evaluate leaves it nil.
	Config *config.Config
	// Evaluated is the whole of it, for Evaluate.
	Evaluated *config.Definition
	Diags     hcl.Diagnostics
	// Texts are the files by their names, for messages.
	Texts map[string][]byte
}

// Resolve reads and resolves the definition. change may change the options; nil leaves
// them as they are.
func (l *Loader) Resolve(ctx context.Context, change func(*config.Options)) (*Definition, error) {
	files, opts, err := l.read(ctx)
	if err != nil {
		return nil, err
	}
	if change != nil {
		change(&opts)
	}
	d := &Definition{}
	if err := interrupt.Until(ctx, func() { d.Config, d.Diags = Resolve(files, opts) }); err != nil {
		return nil, err
	}
	d.Texts = allTexts(files, opts)
	if d.Diags.HasErrors() {
		return d, nil
	}
	if l.Offline && l.Builds {
		l.offline(d.Config)
	}
	return d, l.takeLock(d, files)
}

// Evaluate reads the definition without cutting it down to what is asked for.
func (l *Loader) Evaluate(ctx context.Context) (*Definition, error) {
	files, opts, err := l.read(ctx)
	if err != nil {
		return nil, err
	}
	parsed, diags := parse(files, opts)
	d := &Definition{Diags: diags}
	if !diags.HasErrors() {
		var more hcl.Diagnostics
		if err := interrupt.Until(ctx, func() { d.Evaluated, more = config.Evaluate(parsed, opts) }); err != nil {
			return nil, err
		}
		d.Diags = append(d.Diags, more...)
	}
	d.Texts = allTexts(files, opts)
	return d, nil
}

// read reads the files, and the options that the request and the environment
// stand for.
func (l *Loader) read(ctx context.Context) ([]File, config.Options, error) {
	opts, err := l.options()
	if err != nil {
		return nil, opts, err
	}
	if err := l.reachable(); err != nil {
		return nil, opts, err
	}
	if l.URL != "" {
		l.remote = &remote{Loader: l, ctx: ctx}
		files, err := l.remote.read(&opts)
		return files, opts, err
	}
	var files []File
	if stopped := interrupt.Until(ctx, func() { files, err = l.readFiles() }); stopped != nil {
		return nil, opts, stopped
	}
	return files, opts, err
}

// getenv returns a variable of the environment, or "".
func (l *Loader) getenv(name string) string {
	v, _ := l.LookupEnv(name)
	return v
}

// options are what the request and the environment say.
func (l *Loader) options() (config.Options, error) {
	guard, err := l.guard()
	if err != nil {
		return config.Options{}, err
	}
	opts := config.Options{
		Except:    l.Except,
		Filters:   l.Filters,
		Git:       gitfact.Read,
		Compose:   l.Compose(guard.Read),
		Files:     newImportReader(guard.Files(l.disk())),
		Vars:      map[string]string{},
		LookupEnv: l.LookupEnv,
		Environ:   l.Environ(),
		Platform:  platforms.Format(platforms.DefaultSpec()),
		HomeDir:   hostAnswers{l, guard}.homeDir,
		GoEnv:     hostAnswers{l, guard}.goEnv,
		Now:       time.Now,
		Host:      guard.Host(l.disk()),
		Lane:      l.Lane,
		Word:      func(word string) string { return wordHint(l.disk(), word) },
	}
	if err := l.given(&opts); err != nil {
		return opts, err
	}
	return opts, l.fromEnv(&opts)
}

// given enters the variables and overrides of the request.
func (l *Loader) given(opts *config.Options) error {
	for _, v := range l.Vars {
		if v == "" {
			continue
		}
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return usage.Errorf("--var %q is not of the form NAME=VALUE", v)
		}
		opts.Vars[name] = value
	}
	for _, name := range l.VarFiles {
		vars, err := readVarFile(name, l.LookupEnv)
		if err != nil {
			return err
		}
		opts.VarFiles = append(opts.VarFiles, config.VarFile{Name: name, Vars: vars})
	}
	for _, text := range l.Overrides {
		o, err := config.ParseOverride(text)
		if err != nil {
			return usage.Errorf("--set %w", err)
		}
		opts.Overrides = append(opts.Overrides, o)
	}
	if l.CacheLane != "" {
		opts.Overrides = append(opts.Overrides, config.Override{
			Pattern: "*", Key: "cache", Sub: "lane", HasSub: true, Value: l.CacheLane, HasValue: true, Text: "--cache-lane " + l.CacheLane,
		})
	}
	return nil
}

// fromEnv enters what bake's variables of the environment decide.
func (l *Loader) fromEnv(opts *config.Options) error {
	if off, err := strconv.ParseBool(l.getenv("BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP")); err == nil {
		opts.NoEnvVars = off
	}
	if name := l.getenv("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"); name != "" {
		if _, err := os.Stat(name); err != nil {
			return usage.Errorf("reading the source policy of EXPERIMENTAL_BUILDKIT_SOURCE_POLICY: %w", err)
		}
	}
	if v := l.getenv("BUILDX_BAKE_FILE_RELATIVE_PATHS"); v != "" {
		on, err := strconv.ParseBool(v)
		if err != nil {
			return usage.Errorf("BUILDX_BAKE_FILE_RELATIVE_PATHS=%s is neither true nor false", v)
		}
		opts.FileRelative = on
	}
	return nil
}

// Lane says whose cache this run may write.
func (l *Loader) Lane() config.Lane {
	if l.found == nil {
		lane := config.Lane(ci.LaneOf(l.getenv, func() string { return gitfact.Branch(".") }, func() string {
			branch, _ := gitfact.Main(".")
			return branch
		}))
		l.found = &lane
	}
	return *l.found
}

// disk is where files are read.
func (l *Loader) disk() config.Files {
	if l.Disk != nil {
		return l.Disk
	}
	return osFiles{}
}

// readFiles reads the files that were named, or those that are looked for.
func (l *Loader) readFiles() ([]File, error) {
	if names := l.named(); len(names) > 0 {
		return l.readNamed(names)
	}
	for _, set := range [][]string{BuildFiles, BakeFiles} {
		found, err := lookFor(l.disk(), set)
		if err != nil || len(found) > 0 {
			return found, usage.Wrap(err)
		}
	}
	return nil, usage.Wrap(noDefinition())
}

// named returns the files of -f, or else those of BUILDX_BAKE_FILE.
func (l *Loader) named() []string {
	if len(l.Files) > 0 {
		return l.Files
	}
	separator := l.getenv("BUILDX_BAKE_PATH_SEPARATOR")
	if separator == "" {
		separator = string(os.PathListSeparator)
	}
	var out []string
	for _, f := range strings.Split(l.getenv("BUILDX_BAKE_FILE"), separator) {
		if f = strings.TrimSpace(f); f != "" {
			out = append(out, f)
		}
	}
	return out
}

// readNamed reads files of this machine; "-" is standard input.
func (l *Loader) readNamed(names []string) ([]File, error) {
	var out []File
	for _, name := range names {
		name = strings.TrimPrefix(name, "cwd://")
		read := func() ([]byte, error) { return l.disk().ReadFile(name) }
		if name == "-" {
			name, read = config.Stdin, l.Stdin
		}
		src, err := read()
		if err != nil {
			return nil, usage.Wrap(err)
		}
		out = append(out, File{name, src})
	}
	return out, nil
}
