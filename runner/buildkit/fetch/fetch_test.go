package fetch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/orch-build/orch/config"
)

// fakeGateway has every definition come to the next of some trees.
type fakeGateway struct {
	gateway.Client
	trees  []fstest.MapFS
	solved []string // what the definitions begin with
	git    *sourceresolver.ResolveGitResponse
	asked  int
}

func (g *fakeGateway) Solve(_ context.Context, req gateway.SolveRequest) (*gateway.Result, error) {
	for _, data := range req.Definition.Def {
		var op pb.Op
		if err := op.UnmarshalVT(data); err != nil {
			return nil, err
		}
		if src := op.GetSource(); src != nil {
			g.solved = append(g.solved, src.Identifier)
		}
	}
	if len(g.trees) == 0 {
		return nil, errors.New("no such repository")
	}
	res := gateway.NewResult()
	res.SetRef(&fakeReference{files: g.trees[0]})
	g.trees = g.trees[1:]
	return res, nil
}

func (g *fakeGateway) ResolveSourceMetadata(context.Context, *pb.SourceOp, sourceresolver.Opt) (*sourceresolver.MetaResponse, error) {
	g.asked++
	return &sourceresolver.MetaResponse{Git: g.git}, nil
}

// fakeReference is a tree. Its errors are texts, as those that come from a daemon.
type fakeReference struct {
	gateway.Reference
	files fstest.MapFS
}

func (r *fakeReference) name(p string) string {
	if p = strings.TrimPrefix(path.Clean("/"+p), "/"); p == "" {
		return "."
	}
	return p
}

func (r *fakeReference) ReadFile(_ context.Context, req gateway.ReadRequest) ([]byte, error) {
	data, err := r.files.ReadFile(r.name(req.Filename))
	if err != nil {
		return nil, errors.New("open " + req.Filename + ": no such file or directory")
	}
	if req.Range != nil && len(data) > req.Range.Length {
		data = data[:req.Range.Length]
	}
	return data, nil
}

func stat(info fs.FileInfo) *fstypes.Stat {
	return &fstypes.Stat{Path: info.Name(), Mode: uint32(info.Mode()), Size: info.Size(), ModTime: info.ModTime().UnixNano()}
}

func (r *fakeReference) StatFile(_ context.Context, req gateway.StatRequest) (*fstypes.Stat, error) {
	info, err := r.files.Stat(r.name(req.Path))
	if err != nil {
		return nil, errors.New("lstat " + req.Path + ": no such file or directory")
	}
	return stat(info), nil
}

func (r *fakeReference) ReadDir(_ context.Context, req gateway.ReadDirRequest) ([]*fstypes.Stat, error) {
	list, err := r.files.ReadDir(r.name(req.Path))
	if err != nil {
		return nil, errors.New("open " + req.Path + ": no such file or directory")
	}
	var out []*fstypes.Stat
	for _, e := range list {
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		out = append(out, stat(info))
	}
	return out, nil
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text), Mode: 0o644} }

// archive is a tar archive with one file.
func archive(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: "shop/build.hcl", Mode: 0o644}), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// opened opens a source, as Fetch does inside of a build.
func opened(t *testing.T, url string, gw *fakeGateway) (*Remote, error) {
	t.Helper()
	st, isGit, err := sourceState(url, false)
	if err != nil {
		t.Fatal(err)
	}
	r := &Remote{}
	if isGit {
		r.git = &gitSource{st: st}
	}
	return r, r.open(t.Context(), gw, st)
}

func TestOpenRepository(t *testing.T) {
	gw := &fakeGateway{trees: []fstest.MapFS{{"build.hcl": file("text"), "web/Dockerfile": file("FROM scratch")}}}
	r, err := opened(t, "https://example.com/shop.git#main", gw)
	if err != nil {
		t.Fatal(err)
	}
	if r.IsFile || r.Archive || !strings.HasPrefix(gw.solved[0], "git://example.com/shop.git#main") {
		t.Errorf("%+v of %v", r, gw.solved)
	}
	if data, err := r.ReadFile("build.hcl", 100); string(data) != "text" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if data, err := r.ReadFile("./web/../build.hcl", 2); string(data) != "tex" || err != nil {
		t.Errorf("more than two bytes: %q, %v", data, err)
	}
	for _, name := range []string{"none", "../none"} {
		if _, err := r.ReadFile(name, 1); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := r.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := r.ReadDir(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	list, err := r.ReadDir(".")
	if err != nil || len(list) != 2 || list[0].Name() != "build.hcl" || !list[1].IsDir() {
		t.Errorf("%v, %v", list, err)
	}
	if top, err := r.Stat("."); err != nil || !top.IsDir() || top.Name() != "." {
		t.Errorf("%v, %v", top, err)
	}
	if info, err := r.Stat("web/Dockerfile"); err != nil || info.Size() != 12 || info.IsDir() || info.Sys() == nil {
		t.Errorf("%v, %v", info, err)
	}
}

func TestOpenFile(t *testing.T) {
	gw := &fakeGateway{trees: []fstest.MapFS{{httpFile: file("target \"a\" {}")}}}
	r, err := opened(t, "https://example.com/build.hcl", gw)
	if err != nil || !r.IsFile || r.Archive {
		t.Fatalf("%+v, %v", r, err)
	}
	if data, err := r.ReadFile("any name", 100); string(data) != "target \"a\" {}" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if fact, err := r.GitFact("sha"); fact != nil || err != nil {
		t.Errorf("a file has a commit: %v, %v", fact, err)
	}
}

// TestOpenArchive reads from the only folder at the top of an archive.
func TestOpenArchive(t *testing.T) {
	packed := fstest.MapFS{httpFile: file(string(archive(t)))}
	gw := &fakeGateway{trees: []fstest.MapFS{packed, {"shop/build.hcl": file("text")}}}
	r, err := opened(t, "https://example.com/shop.tar", gw)
	if err != nil || !r.Archive || r.IsFile || r.Base != "shop" {
		t.Fatalf("%+v, %v", r, err)
	}
	if data, err := r.ReadFile("build.hcl", 100); string(data) != "text" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	gw = &fakeGateway{trees: []fstest.MapFS{packed, {"a": file(""), "b": file("")}}}
	if r, err = opened(t, "https://example.com/shop.tar", gw); err != nil || r.Base != "" {
		t.Errorf("two at the top: %+v, %v", r, err)
	}
	gw = &fakeGateway{trees: []fstest.MapFS{packed}}
	if _, err = opened(t, "https://example.com/shop.tar", gw); err == nil || !strings.HasPrefix(err.Error(), "unpacking the archive: ") {
		t.Errorf("%v", err)
	}
}

func TestIsArchive(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := io.WriteString(w, "x"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"": false, "target \"a\" {}": false, "BZh91AY": true, zipped.String(): true, string(archive(t)): true, "\x28\xb5\x2f\xfd..": true,
	} {
		if got := isArchive([]byte(text)); got != want {
			t.Errorf("%.10q: %v", text, got)
		}
	}
}

// TestGitFact asks the builder once, and takes the commit for a tag that has no
// object of its own.
func TestGitFact(t *testing.T) {
	commit := strings.Repeat("ab", 20)
	gw := &fakeGateway{
		trees: []fstest.MapFS{{}},
		git: &sourceresolver.ResolveGitResponse{
			Checksum: commit, Ref: "refs/heads/main",
			CommitObject: []byte("tree 1\nauthor A <a> 1 +0000\ncommitter A B <a@b> 1700000000 +0100\n\ncommitter x\n"),
		},
	}
	r, err := opened(t, "https://example.com/shop.git", gw)
	if err != nil {
		t.Fatal(err)
	}
	for fact, want := range map[string]any{
		"sha": commit, "short": "abababa", "branch": "main", "tag": nil, "dirty": false, "commit_time": "2023-11-14T22:13:20Z", "other": nil,
	} {
		if got, err := r.GitFact(fact); got != want || err != nil {
			t.Errorf("%s: %v, %v", fact, got, err)
		}
	}
	if gw.asked != 1 {
		t.Errorf("it was asked %d times", gw.asked)
	}
	gw.git.CommitChecksum, gw.git.Ref = strings.Repeat("cd", 20), "refs/tags/v1"
	for fact, want := range map[string]any{"sha": gw.git.CommitChecksum, "tag": "v1", "branch": nil} {
		if got, _ := r.GitFact(fact); got != want {
			t.Errorf("an annotated tag: %s: %v", fact, got)
		}
	}
}

func TestCommitTime(t *testing.T) {
	for _, text := range []string{"", "committer A <a>", "committer A <a> x +0000", "author A <a> 1 +0000"} {
		if got := commitTime([]byte(text)); got != nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestAdvice hands on the lines that git writes, without what a terminal obeys.
func TestAdvice(t *testing.T) {
	var got []string
	status := make(chan *client.SolveStatus, 1)
	status <- &client.SolveStatus{Logs: []*client.VertexLog{{Data: []byte("10%\rdone\r\nhint: x\n")}}}
	close(status)
	(&Options{Advice: func(line string) { got = append(got, line) }}).showAdvice(status)
	if strings.Join(got, "|") != "done|hint: x" {
		t.Errorf("%q", got)
	}
}

func TestCredentials(t *testing.T) {
	o := &Options{LookupEnv: func(string) (string, bool) { return "", false }, Secrets: []config.Secret{{ID: "GIT_AUTH_TOKEN", Env: "T"}}}
	if got := o.credentials(); len(got) == 0 {
		t.Error("no credentials for a repository")
	}
}

// sourceOf is the first source of a state.
func sourceOf(t *testing.T, st llb.State) *pb.SourceOp {
	t.Helper()
	op, err := sourceOp(t.Context(), &st)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func TestContextState(t *testing.T) {
	target := &config.Target{Args: map[string]string{"BUILDKIT_CONTEXT_KEEP_GIT_DIR": "1"}}
	checksum := "sha256:" + strings.Repeat("a", 64)
	for _, tt := range []struct {
		context    config.Context
		identifier string
		attr, is   string
	}{
		{config.Context{Kind: config.Git, Value: "https://example.com/shop.git#v1:web"}, "git://example.com/shop.git#v1:web", pb.AttrKeepGitDir, "true"},
		{config.Context{Kind: config.Archive, Value: "https://example.com/a.tar#:web"}, "https://example.com/a.tar", pb.AttrHTTPFilename, httpFile},
		{config.Context{Kind: config.HTTP, Value: "https://example.com/a.tar?checksum=" + checksum}, "https://example.com/a.tar", pb.AttrHTTPChecksum, checksum},
	} {
		st, err := contextState(target, tt.context)
		if err != nil {
			t.Fatal(err)
		}
		if op := sourceOf(t, st); op.Identifier != tt.identifier || op.Attrs[tt.attr] != tt.is {
			t.Errorf("%s: %s with %v", tt.context.Value, op.Identifier, op.Attrs)
		}
	}
	if _, err := contextState(target, config.Context{Kind: config.HTTP, Value: "https://example.com/a?checksum=x"}); err == nil {
		t.Error("a digest that is none was accepted")
	}
}

func TestSourceOpOfNothing(t *testing.T) {
	st := llb.Scratch()
	if _, err := sourceOp(t.Context(), &st); err == nil {
		t.Error("nothing has a source")
	}
}

func TestTree(t *testing.T) {
	tree := &Tree{ref: &fakeReference{files: fstest.MapFS{"a/b.rego": file("package x")}}, ctx: t.Context()}
	f, err := tree.Open("a/b.rego")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	info, statErr := f.Stat()
	if string(data) != "package x" || err != nil || statErr != nil || info.Name() != "b.rego" || info.Size() != 9 {
		t.Errorf("%q, %v, %v", data, err, info)
	}
	if data, err := tree.ReadFile("a/b.rego", 3); string(data) != "pack" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := tree.Open("none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := tree.ReadFile("none", 3); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
