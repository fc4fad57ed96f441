package fetch

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerui"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	digest "github.com/opencontainers/go-digest"
	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/buildkit/creds"
	"github.com/orch-build/orch/runner/buildkit/sourcepolicy"
)

// httpFile is the name that a file from an HTTP server gets.
const httpFile = "context"

// Options say with what a definition is fetched.
type Options struct {
	// Secrets are credentials for the git server, by the ids under which the
	// builder asks for them.
	Secrets   []config.Secret
	LookupEnv func(string) (string, bool)
	// SSH lists agent sockets or keys; empty is the agent of SSH_AUTH_SOCK.
	SSH []string
	// Policy is applied to what is fetched; nil is none.
	Policy *sourcepolicy.Static
	// Advice gets the lines that git writes while it fetches, its advice among
	// them; nil asks git for no advice.
	Advice func(line string)
}

// Remote is the tree of a remote definition in the builder, which holds it
// until Close. Its methods read files by slash paths from the top of the tree.
type Remote struct {
	// IsFile is true if an HTTP server sent a single file instead of a tree.
	IsFile bool
	// Archive is true if the tree is an archive from an HTTP server, Base the
	// only folder at its top, if there is one and nothing beside it.
	Archive bool
	Base    string

	*builder.Held
	git *gitSource // nil if it is not a repository
	ref gateway.Reference
	ctx context.Context
}

// Fetch has the builder fetch a git repository, or a file or archive from an
// HTTP server. Behind "?checksum=sha256:…", the digest of the latter is
// verified; the builder verifies commits of git by itself.
func Fetch(ctx context.Context, b *builder.Builder, url string, opt Options) (*Remote, error) {
	st, isGit, err := sourceState(url, opt.Advice != nil)
	if err != nil {
		return nil, err
	}
	r := &Remote{}
	var credentials []session.Attachable
	if isGit {
		r.git = &gitSource{st: st}
		credentials = opt.credentials()
	}
	status := make(chan *client.SolveStatus)
	go opt.showAdvice(status)
	r.Held, err = b.Hold(ctx, client.SolveOpt{Session: credentials, SourcePolicy: opt.Policy, Internal: true}, status,
		func(ctx context.Context, gw gateway.Client) error { return r.open(ctx, gw, st) })
	if err != nil {
		return nil, err
	}
	return r, nil
}

// showAdvice hands on what git writes. What else happens is worth no display.
func (o *Options) showAdvice(status <-chan *client.SolveStatus) {
	for s := range status {
		if o.Advice == nil {
			continue
		}
		for _, log := range s.Logs {
			for line := range strings.Lines(string(log.Data)) {
				o.Advice(termtext.Final(strings.TrimRight(line, "\r\n")))
			}
		}
	}
}

// sourceState is the LLB of a remote source.
func sourceState(url string, advice bool) (st *llb.State, isGit bool, err error) {
	keepGit := false
	if st, ok, err := dockerui.DetectGitContext(url, &keepGit, llb.GitAdvice(advice)); ok {
		return st, true, err
	}
	state, err := httpState(url)
	return &state, false, err
}

// httpState is the LLB of a file from an HTTP server, under the name httpFile.
func httpState(url string) (llb.State, error) {
	plain, checksum, err := config.CutChecksum(url)
	if err != nil {
		return llb.State{}, err
	}
	opts := []llb.HTTPOption{llb.Filename(httpFile), llb.WithCustomName("[internal] load " + config.Redacted(url))}
	if checksum != "" {
		opts = append(opts, llb.Checksum(digest.Digest(checksum)))
	}
	return llb.HTTP(plain, opts...), nil
}

// Archive is the LLB of a folder in an archive from an HTTP server; the
// folder is behind "#:" in the location.
func Archive(location string) (llb.State, error) {
	url, dir, _ := strings.Cut(location, "#:")
	st, err := httpState(url)
	if err != nil {
		return st, err
	}
	st = unpacked(st)
	if dir == "" {
		return st, nil
	}
	return llb.Scratch().File(llb.Copy(st, "/"+dir, "/", &llb.CopyInfo{CopyDirContentsOnly: true}),
		llb.WithCustomName("[internal] take "+dir+" from "+config.Redacted(url))), nil
}

func unpacked(st llb.State) llb.State {
	return llb.Scratch().File(llb.Copy(st, "/"+httpFile, "/", &llb.CopyInfo{AttemptUnpack: true}),
		llb.WithCustomName("[internal] unpack"))
}

// credentials are those that the session offers when a repository is fetched.
func (o *Options) credentials() []session.Attachable {
	var out []session.Attachable
	// Without an agent a fetch over HTTP still works; of one over SSH the builder
	// reports what is missing.
	if agents, err := sshprovider.NewSSHAgentProvider([]sshprovider.AgentConfig{{ID: "default", Paths: o.SSH}}); err == nil {
		out = append(out, agents)
	}
	if len(o.Secrets) > 0 {
		set := creds.NewSet()
		for _, s := range o.Secrets {
			set.AddSecret(s.ID, s)
		}
		out = append(out, creds.Source{LookupEnv: o.LookupEnv}.Secrets(set))
	}
	return out
}

// open has the source fetched and looks at what it is.
func (r *Remote) open(ctx context.Context, gw gateway.Client, st *llb.State) error {
	r.ctx = ctx
	if r.git != nil {
		r.git.gw = gw
	}
	var err error
	if r.ref, err = solve(ctx, gw, *st); err != nil || r.git != nil {
		return err
	}
	head, err := r.ref.ReadFile(ctx, gateway.ReadRequest{Filename: httpFile, Range: &gateway.FileRange{Length: 1024}})
	if err != nil {
		return err
	}
	if !isArchive(head) {
		r.IsFile = true
		return nil
	}
	r.Archive = true
	if r.ref, err = solve(ctx, gw, unpacked(*st)); err != nil {
		return fmt.Errorf("unpacking the archive: %w", err)
	}
	top, err := r.ref.ReadDir(ctx, gateway.ReadDirRequest{Path: "/"})
	if err == nil && len(top) == 1 && fs.FileMode(top[0].Mode).IsDir() {
		r.Base = path.Base(top[0].Path)
	}
	return err
}

func solve(ctx context.Context, gw gateway.Client, st llb.State) (gateway.Reference, error) {
	def, err := st.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	res, err := gw.Solve(ctx, gateway.SolveRequest{Definition: def.ToPB(), Evaluate: true})
	if err != nil {
		return nil, err
	}
	return res.SingleRef()
}

// isArchive says whether a file that begins with head is one that BuildKit
// unpacks: a tar archive, plain or compressed with bzip2, gzip, xz or zstd.
func isArchive(head []byte) bool {
	for _, magic := range []string{"BZh", "\x1f\x8b\x08", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	_, err := tar.NewReader(bytes.NewReader(head)).Next()
	return err == nil
}

// path is where a file of the tree is in the reference.
func (r *Remote) path(name string) string {
	if r.IsFile {
		return httpFile
	}
	return path.Join("/", r.Base, path.Clean("/"+name))
}

// ReadFile reads a file of at most max bytes; of a longer one it returns more
// than max, but not all.
func (r *Remote) ReadFile(name string, max int) ([]byte, error) {
	data, err := r.ref.ReadFile(r.ctx, gateway.ReadRequest{
		Filename: r.path(name), Range: &gateway.FileRange{Length: max + 1},
	})
	return data, notExist("open", name, err)
}

// Stat says what a path is; symbolic links are not followed.
func (r *Remote) Stat(name string) (fs.FileInfo, error) {
	if path.Clean("/"+name) == "/" {
		return info{&fstypes.Stat{Path: ".", Mode: uint32(fs.ModeDir | 0o755)}}, nil
	}
	st, err := r.ref.StatFile(r.ctx, gateway.StatRequest{Path: r.path(name)})
	if err != nil {
		return nil, notExist("stat", name, err)
	}
	return info{st}, nil
}

// ReadDir lists a folder.
func (r *Remote) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := r.ref.ReadDir(r.ctx, gateway.ReadDirRequest{Path: r.path(name)})
	if err != nil {
		return nil, notExist("open", name, err)
	}
	out := make([]fs.DirEntry, len(list))
	for i, st := range list {
		out[i] = fs.FileInfoToDirEntry(info{st})
	}
	return out, nil
}

// notExist gives an error of the builder about a missing file its kind back,
// which is lost on the way.
func notExist(op, name string, err error) error {
	if err != nil && strings.Contains(err.Error(), "no such file or directory") {
		err = fs.ErrNotExist
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nil
}

// info is a file of the tree.
type info struct{ st *fstypes.Stat }

func (i info) Name() string       { return path.Base(i.st.Path) }
func (i info) Size() int64        { return i.st.Size }
func (i info) Mode() fs.FileMode  { return fs.FileMode(i.st.Mode) }
func (i info) ModTime() time.Time { return time.Unix(0, i.st.ModTime) }
func (i info) IsDir() bool        { return i.Mode().IsDir() }
func (i info) Sys() any           { return i.st }
