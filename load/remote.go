package load

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
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/blame"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/buildkit/fetch"
	"github.com/orch-build/orch/schema"
)

// remote is a definition that the builder fetches. The names of its environment
// variables are bake's.
type remote struct {
	*Loader
	ctx  context.Context
	conn *builder.Builder
	tree *fetch.Remote
}

// slowFetch is how long fetching may take before a line says that it goes on.
const slowFetch = time.Second

// read fetches the definition and reads its files: those of -f, or else those
// that are looked for; then those of -f that "cwd://" marks as local.
func (r *remote) read(opts *config.Options) ([]File, error) {
	if err := r.fetch(); err != nil {
		return nil, err
	}
	opts.CmdContext = r.CmdContext
	// The repository around the working directory is another one.
	opts.Git = func(_, fact string) (any, error) { return r.tree.GitFact(fact) }
	opts.Files = newImportReader(remoteFiles{r.tree})
	opts.Remote = &config.Remote{
		URL: r.URL, Tree: !r.tree.IsFile, Archive: r.tree.Archive, Base: r.tree.Base,
		Secrets: r.gitSecrets(),
		SSH:     r.gitSSH(),
	}
	fetched, local := splitLocal(r.named())
	files, err := r.readFetched(fetched)
	if err != nil {
		return nil, err
	}
	here, err := r.readNamed(local)
	return append(files, here...), err
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
func (r *remote) fetch() error {
	var err error
	if r.conn, err = r.Connect(r.ctx); err != nil {
		return err
	}
	if err := r.openFar(); err != nil {
		return err
	}
	shown := config.Redacted(r.URL)
	slow := time.AfterFunc(slowFetch, func() { r.Note(fmt.Sprintf("Fetching %s …", shown)) })
	defer slow.Stop()
	r.tree, err = fetch.Fetch(r.ctx, r.conn, r.URL, fetch.Options{
		Secrets:   r.gitSecrets(),
		LookupEnv: r.LookupEnv,
		SSH:       r.gitSSH(),
		Advice:    r.gitAdvice(),
		Policy:    r.far.policy(r.Origin),
	})
	if err == nil {
		return nil
	}
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	return usage.Errorf("fetching the definition %s: %s%s", shown, RedactedError(err, r.URL), fetchHint(err))
}

// gitSSH returns the agent's socket or the keys for a git server.
func (r *remote) gitSSH() []string { return splitNonEmpty(r.getenv("BUILDX_BAKE_GIT_SSH")) }

// gitAdvice returns what shows the advice of git while a definition is fetched,
// or nil if BUILDX_BAKE_GIT_ADVICE does not ask for it.
func (r *remote) gitAdvice() func(string) {
	if on, _ := strconv.ParseBool(r.getenv("BUILDX_BAKE_GIT_ADVICE")); !on {
		return nil
	}
	return r.Note
}

func splitNonEmpty(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// RedactedError is the text of an error without the password of the URL.
func RedactedError(err error, url string) string {
	text := strings.ReplaceAll(termtext.Brief(blame.Plain(err.Error()), termtext.MaxMessage), "failed to load cache key: ", "")
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
func (r *remote) gitSecrets() []config.Secret {
	host := config.HostOf(r.URL)
	if host == "" {
		return nil
	}
	var out []config.Secret
	for _, kind := range []string{"TOKEN", "HEADER"} {
		for _, kv := range r.Environ() {
			name, _, _ := strings.Cut(kv, "=")
			if strings.EqualFold(name, "BUILDX_BAKE_GIT_AUTH_"+kind) {
				out = append(out, config.Secret{ID: "GIT_AUTH_" + kind + "." + host, Env: name})
				break
			}
		}
	}
	return out
}

// readFetched reads the named files of the tree that was fetched; without names, the
// files that every definition is looked for in.
func (r *remote) readFetched(names []string) ([]File, error) {
	if r.tree.IsFile {
		src, err := r.tree.ReadFile("", schema.MaxFileSize)
		if err != nil {
			return nil, usage.Errorf("reading %s: %w", config.Redacted(r.URL), err)
		}
		return []File{{r.fileName(), src}}, nil
	}
	var out []File
	for _, name := range names {
		src, err := r.tree.ReadFile(name, schema.MaxFileSize)
		if err != nil {
			return nil, usage.Errorf("reading %s of %s: %w", name, config.Redacted(r.URL), causeOf(err))
		}
		out = append(out, File{name, src})
	}
	if len(names) > 0 {
		return out, nil
	}
	for _, set := range [][]string{BuildFiles, BakeFiles} {
		for _, name := range set {
			src, err := r.tree.ReadFile(name, schema.MaxFileSize)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, usage.Errorf("reading %s of %s: %w", name, config.Redacted(r.URL), err)
			}
			if len(src) > 0 {
				out = append(out, File{name, src})
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
	return nil, usage.Errorf("there is no definition in %s: looked for %s, %s\nName a file of it with -f.",
		config.Redacted(r.URL), strings.Join(BuildFiles[:2], ", "), strings.Join(BakeFiles, ", "))
}

// fileName is what a file from an HTTP server is called in messages; its
// extension says how it is written.
func (r *remote) fileName() string {
	name, _, _ := strings.Cut(config.Redacted(r.URL), "?")
	return name
}

func causeOf(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// Close lets the builder forget what was fetched.
func (l *Loader) Close() {
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
type remoteFiles struct{ tree *fetch.Remote }

func (f remoteFiles) ReadFile(name string) ([]byte, error) {
	return f.tree.ReadFile(name, schema.MaxFileSize)
}
func (f remoteFiles) ReadDir(name string) ([]fs.DirEntry, error) { return f.tree.ReadDir(name) }
func (f remoteFiles) Stat(name string) (fs.FileInfo, error)      { return f.tree.Stat(name) }
func (f remoteFiles) RealPath(name string) (string, error)       { return path.Clean("/" + name), nil }
