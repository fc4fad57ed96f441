package fetch

import (
	"bytes"
	"context"
	"io/fs"
	"path"
	"strconv"

	"github.com/containerd/containerd/v2/core/content"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerui"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/buildkit/creds"
	"github.com/orch-build/orch/runner/buildkit/sourcepolicy"
	"github.com/orch-build/orch/runner/bundle"
)

// Tree is a remote context in the builder, which holds it until Close. Names
// are slash paths from its top.
type Tree struct {
	*builder.Held
	ref gateway.Reference
	ctx context.Context
}

// TreeOptions say with what a context is fetched.
type TreeOptions struct {
	// Source has the values of the target's secrets.
	Source creds.Source
	// Policy is applied to what is fetched; nil is none.
	Policy *sourcepolicy.Static
	// Bundle has what the policy takes out of it; nil has nothing.
	Bundle *bundle.Bundle
}

// OpenTree has the builder fetch a context as a build of the target would.
func OpenTree(ctx context.Context, b *builder.Builder, t *config.Target, c config.Context, opt TreeOptions) (*Tree, error) {
	st, err := contextState(t, c)
	if err != nil {
		return nil, err
	}
	attach, err := opt.Source.Attachables(creds.Of(t))
	if err != nil {
		return nil, err
	}
	tree := &Tree{}
	status := make(chan *client.SolveStatus)
	go new(Options).showAdvice(status)
	solveOpt := client.SolveOpt{Session: attach, SourcePolicy: opt.Policy, Internal: true}
	if opt.Bundle != nil {
		store, err := contentlocal.NewStore(opt.Bundle.Dir)
		if err != nil {
			return nil, err
		}
		solveOpt.OCIStores = map[string]content.Store{bundle.StoreID: store}
	}
	tree.Held, err = b.Hold(ctx, solveOpt, status, func(ctx context.Context, gw gateway.Client) (err error) {
		tree.ctx = ctx
		tree.ref, err = solve(ctx, gw, st)
		return err
	})
	if err != nil {
		return nil, err
	}
	return tree, nil
}

// contextState is the LLB of a remote context.
func contextState(t *config.Target, c config.Context) (llb.State, error) {
	switch c.Kind {
	case config.Archive:
		return Archive(c.Value)
	case config.Git:
		keepGit, _ := strconv.ParseBool(t.Args["BUILDKIT_CONTEXT_KEEP_GIT_DIR"])
		advice, _ := strconv.ParseBool(t.Args["BUILDKIT_GIT_ADVICE"])
		st, _, err := dockerui.DetectGitContext(c.Value, &keepGit, llb.GitAdvice(advice))
		if err != nil {
			return llb.State{}, err
		}
		return *st, nil
	}
	st, err := httpState(c.Value)
	return unpacked(st), err
}

// ReadFile reads a file of at most max bytes; of a longer one it returns more
// than max, but not all.
func (t *Tree) ReadFile(name string, max int) ([]byte, error) {
	data, err := t.ref.ReadFile(t.ctx, gateway.ReadRequest{Filename: name, Range: &gateway.FileRange{Length: max + 1}})
	return data, notExist("open", name, err)
}

// Stat says what a path is; symbolic links are not followed.
func (t *Tree) Stat(name string) (fs.FileInfo, error) {
	st, err := t.ref.StatFile(t.ctx, gateway.StatRequest{Path: name})
	if err != nil {
		return nil, notExist("stat", name, err)
	}
	return info{st}, nil
}

// Open opens a file.
func (t *Tree) Open(name string) (fs.File, error) {
	info, err := t.Stat(name)
	if err != nil {
		return nil, err
	}
	data, err := t.ref.ReadFile(t.ctx, gateway.ReadRequest{Filename: name})
	if err != nil {
		return nil, notExist("open", name, err)
	}
	return &treeFile{bytes.NewReader(data), sized{info, path.Base(name), int64(len(data))}}, nil
}

// treeFile is an open file of a tree.
type treeFile struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *treeFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *treeFile) Close() error               { return nil }

// sized is a file that a symbolic link may have led to.
type sized struct {
	fs.FileInfo
	name string
	size int64
}

func (s sized) Name() string { return s.name }
func (s sized) Size() int64  { return s.size }
