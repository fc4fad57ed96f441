package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/runner/buildkit"
	"github.com/orch-build/orch/schema"
)

// remoteDefinition is a definition that the builder fetches. The names of its
// environment variables are the peer's.
type remoteDefinition struct {
	ctx        context.Context
	builder    *builderFlags
	url        string
	cmdContext string // a second URL, the value of BAKE_CMD_CONTEXT

	conn *buildkit.Builder
	tree *buildkit.Remote
}

// slowFetch is how long fetching may take before a line says that it goes on.
const slowFetch = time.Second

// takeArgs notes the URLs at the beginning of a command's arguments, from
// which the definition is to be read, and returns the other arguments.
func (l *loadFlags) takeArgs(ctx context.Context, builder *builderFlags, args []string) []string {
	if len(args) == 0 || !config.IsRemote(args[0]) {
		return args
	}
	l.remote = &remoteDefinition{ctx: ctx, builder: builder, url: args[0]}
	args = args[1:]
	if len(args) > 0 && config.IsRemote(args[0]) {
		l.remote.cmdContext = args[0]
		args = args[1:]
	}
	return args
}

// read fetches the definition and reads its files: those of -f, or else those
// that are looked for; then those of -f that "cwd://" marks as local.
func (r *remoteDefinition) read(e *env, l *loadFlags, opts *config.Options) ([]source, error) {
	if err := r.fetch(e); err != nil {
		return nil, err
	}
	opts.CmdContext = r.cmdContext
	// The repository around the working directory is another one.
	opts.Git = func(_, fact string) (any, error) { return r.tree.GitFact(fact) }
	opts.Files = newImportReader(remoteFiles{r.tree})
	opts.Remote = &config.Remote{
		URL: r.url, Tree: !r.tree.IsFile, Archive: r.tree.Archive, Base: r.tree.Base,
		Secrets: gitSecrets(e, r.url),
		SSH:     gitSSH(e),
	}
	remote, local := splitLocal(l.named(e))
	files, err := r.readFiles(remote)
	if err != nil {
		return nil, err
	}
	for _, name := range local {
		src, err := readSource(e, name)
		if err != nil {
			return nil, usageError{err}
		}
		files = append(files, source{name, src})
	}
	return files, nil
}

// splitLocal parts the files of -f into those of the remote tree and those of
// this machine.
func splitLocal(names []string) (remote, local []string) {
	for _, name := range names {
		if rest, ok := strings.CutPrefix(name, "cwd://"); ok {
			local = append(local, rest)
		} else {
			remote = append(remote, name)
		}
	}
	return remote, local
}

// fetch has the builder fetch the source.
func (r *remoteDefinition) fetch(e *env) error {
	var err error
	if r.conn, err = r.builder.connect(r.ctx, e); err != nil {
		return err
	}
	shown := config.Redacted(r.url)
	slow := time.AfterFunc(slowFetch, func() { fmt.Fprintf(e.stderr, "Fetching %s …\n", shown) })
	defer slow.Stop()
	r.tree, err = r.conn.Fetch(r.ctx, r.url, buildkit.FetchOptions{
		Secrets:   gitSecrets(e, r.url),
		LookupEnv: e.lookup,
		SSH:       gitSSH(e),
		Advice:    gitAdvice(e),
	})
	if err == nil {
		return nil
	}
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	return usageError{fmt.Errorf("fetching the definition %s: %s%s", shown, redactedError(err, r.url), fetchHint(err))}
}

// gitSSH returns the agent's socket or the keys for a git server.
func gitSSH(e *env) []string { return splitNonEmpty(e.getenv("BUILDX_BAKE_GIT_SSH")) }

// gitAdvice returns what shows the advice of git while a definition is fetched,
// or nil if BUILDX_BAKE_GIT_ADVICE does not ask for it.
func gitAdvice(e *env) func(string) {
	if on, _ := strconv.ParseBool(e.getenv("BUILDX_BAKE_GIT_ADVICE")); !on {
		return nil
	}
	return func(line string) { fmt.Fprintln(e.stderr, line) }
}

func splitNonEmpty(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// redactedError is the text of an error without the password of the URL.
func redactedError(err error, url string) string {
	text := strings.ReplaceAll(plainError(err), "failed to load cache key: ", "")
	return strings.ReplaceAll(text, url, config.Redacted(url))
}

// fetchHint says what might help with an error.
func fetchHint(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "could not read Username") || strings.Contains(text, "Authentication failed") ||
		strings.Contains(text, "401") || strings.Contains(text, "403"):
		return "\nThe server asks who you are: set BUILDX_BAKE_GIT_AUTH_TOKEN to a token, or BUILDX_BAKE_GIT_AUTH_HEADER to a header."
	case strings.Contains(text, "Permission denied (publickey)") || strings.Contains(text, "no SSH key"):
		return "\nStart an SSH agent, or name a key or a socket in BUILDX_BAKE_GIT_SSH."
	}
	return ""
}

// gitSecrets returns where the credentials for a git server are: variables of
// the environment in any case of letters. Their values stay there.
func gitSecrets(e *env, url string) []config.Secret {
	host := config.HostOf(url)
	if host == "" {
		return nil
	}
	var out []config.Secret
	for _, kind := range []string{"TOKEN", "HEADER"} {
		for _, kv := range e.environ() {
			name, _, _ := strings.Cut(kv, "=")
			if strings.EqualFold(name, "BUILDX_BAKE_GIT_AUTH_"+kind) {
				out = append(out, config.Secret{ID: "GIT_AUTH_" + kind + "." + host, Env: name})
				break
			}
		}
	}
	return out
}

// readFiles reads the named files of the tree, or those that are looked for.
func (r *remoteDefinition) readFiles(names []string) ([]source, error) {
	if r.tree.IsFile {
		src, err := r.tree.ReadFile("", schema.MaxFileSize)
		if err != nil {
			return nil, usageError{fmt.Errorf("reading %s: %w", config.Redacted(r.url), err)}
		}
		return []source{{r.fileName(), src}}, nil
	}
	var out []source
	for _, name := range names {
		src, err := r.tree.ReadFile(name, schema.MaxFileSize)
		if err != nil {
			return nil, usageError{fmt.Errorf("reading %s of %s: %w", name, config.Redacted(r.url), causeOf(err))}
		}
		out = append(out, source{name, src})
	}
	if len(names) > 0 {
		return out, nil
	}
	for _, set := range [][]string{buildFiles, bakeFiles} {
		for _, name := range set {
			src, err := r.tree.ReadFile(name, schema.MaxFileSize)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, usageError{fmt.Errorf("reading %s of %s: %w", name, config.Redacted(r.url), err)}
			}
			if len(src) > 0 {
				out = append(out, source{name, src})
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
	return nil, usagef("there is no definition in %s: looked for %s, %s\nName a file of it with -f.",
		config.Redacted(r.url), strings.Join(buildFiles[:2], ", "), strings.Join(bakeFiles, ", "))
}

// fileName is what a file from an HTTP server is called in messages; its
// extension says how it is written.
func (r *remoteDefinition) fileName() string {
	name, _, _ := strings.Cut(config.Redacted(r.url), "?")
	return name
}

func causeOf(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// close lets the builder forget what was fetched.
func (l *loadFlags) close() {
	if l.remote == nil {
		return
	}
	if l.remote.tree != nil {
		_ = l.remote.tree.Close()
	}
	if l.remote.conn != nil {
		_ = l.remote.conn.Close()
	}
	l.remote.tree, l.remote.conn = nil, nil
}

// remoteFiles reads imported files from the tree.
type remoteFiles struct{ tree *buildkit.Remote }

func (f remoteFiles) ReadFile(name string) ([]byte, error) {
	return f.tree.ReadFile(name, schema.MaxFileSize)
}
func (f remoteFiles) ReadDir(name string) ([]fs.DirEntry, error) { return f.tree.ReadDir(name) }
func (f remoteFiles) Stat(name string) (fs.FileInfo, error)      { return f.tree.Stat(name) }
func (f remoteFiles) RealPath(name string) (string, error)       { return path.Clean("/" + name), nil }
