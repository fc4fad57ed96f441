package facts

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// repository is a folder with one commit, and the digest of that.
func repository(t *testing.T) (dir, commit string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	git := func(args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=n", "-c", "user.email=m"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if err := os.MkdirAll(filepath.Join(dir, "web"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "web", "Dockerfile"), []byte("FROM scratch\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	git("init", "-q")
	git("remote", "add", "origin", "https://me:secret@example.com/shop.git")
	git("add", ".")
	git("commit", "-q", "-m", "one")
	return dir, git("rev-parse", "HEAD")
}

// build has its context in a folder, and a Dockerfile there.
func build(dir string) *planner.Build {
	return &planner.Build{
		Target:     &config.Target{Name: "app", Contexts: map[string]config.Context{"lib": {Kind: config.Local}, "base": {Kind: config.Image}}},
		Context:    &planner.Local{Dir: dir},
		Dockerfile: &planner.Dockerfile{Name: filepath.Join(dir, "Dockerfile")},
		Contexts:   map[string]*planner.Local{"lib": {Dir: filepath.Dir(dir)}, "base": {Dir: dir}},
	}
}

func TestAddLabels(t *testing.T) {
	dir, commit := repository(t)
	opts := map[string]string{}
	New(Git{Labels: true}, nil).AddLabels(t.Context(), build(filepath.Join(dir, "web")), opts)
	want := map[string]string{
		"label:org.opencontainers.image.revision":  commit,
		"label:org.opencontainers.image.source":    "https://xxxxx:xxxxx@example.com/shop.git",
		"label:com.docker.image.source.entrypoint": "web/Dockerfile",
	}
	if !maps.Equal(opts, want) {
		t.Errorf("%v", opts)
	}
}

// TestAddInfo says where in the repository the folders are that are of this machine.
func TestAddInfo(t *testing.T) {
	dir, commit := repository(t)
	opts := map[string]string{}
	f := New(Git{Info: true, CheckDirty: true}, nil)
	f.AddInfo(t.Context(), build(filepath.Join(dir, "web")), opts)
	want := map[string]string{
		"vcs:revision": commit, "vcs:source": "https://xxxxx:xxxxx@example.com/shop.git",
		"vcs:localdir:context": "web", "vcs:localdir:dockerfile": "web", "vcs:localdir:lib": ".",
	}
	if !maps.Equal(opts, want) {
		t.Errorf("%v", opts)
	}
	// A tree is looked at once in a run.
	if err := os.WriteFile(filepath.Join(dir, "new"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f.AddInfo(t.Context(), build(filepath.Join(dir, "web")), opts)
	if opts["vcs:revision"] != commit {
		t.Errorf("it was looked at again: %v", opts)
	}
	New(Git{Info: true, CheckDirty: true}, nil).AddInfo(t.Context(), build(filepath.Join(dir, "web")), opts)
	if opts["vcs:revision"] != commit+"-dirty" {
		t.Errorf("a changed tree: %v", opts)
	}
}

// TestInline has no folder of a Dockerfile for one that is written in the target.
func TestInline(t *testing.T) {
	dir, _ := repository(t)
	b := build(dir)
	text := "FROM scratch"
	b.Target.DockerfileInline = &text
	opts := map[string]string{}
	f := New(Git{Labels: true, Info: true}, nil)
	f.AddInfo(t.Context(), b, opts)
	f.AddLabels(t.Context(), b, opts)
	if _, ok := opts["vcs:localdir:dockerfile"]; ok || opts["label:"+entrypointLabel] != "Dockerfile" {
		t.Errorf("%v", opts)
	}
}

// TestNothing says nothing that is not asked for, or not known.
func TestNothing(t *testing.T) {
	dir, _ := repository(t)
	outside := t.TempDir()
	if err := exec.Command("git", "-C", outside, "rev-parse").Run(); err == nil {
		t.Skip("the folder for temporary files is in a repository")
	}
	for name, add := range map[string]func(context.Context, *planner.Build, map[string]string){
		"labels, not asked for": New(Git{Info: true}, nil).AddLabels,
		"info, not asked for":   New(Git{Labels: true}, nil).AddInfo,
	} {
		opts := map[string]string{}
		if add(t.Context(), build(dir), opts); len(opts) > 0 {
			t.Errorf("%s: %v", name, opts)
		}
	}
	f := New(Git{Labels: true, Info: true}, nil)
	remote := build(dir)
	remote.Context = nil
	for name, b := range map[string]*planner.Build{"no repository": build(outside), "a remote context": remote} {
		opts := map[string]string{}
		f.AddLabels(t.Context(), b, opts)
		f.AddInfo(t.Context(), b, opts)
		if len(opts) > 0 {
			t.Errorf("%s: %v", name, opts)
		}
	}
}

// TestProxies are arguments of targets that do not set their own, and their
// passwords do not get into the provenance.
func TestProxies(t *testing.T) {
	f := New(Git{}, map[string]string{"HTTP_PROXY": "http://me:secret@proxy", "NO_PROXY": "localhost"})
	b := &planner.Build{Target: &config.Target{Args: map[string]string{"no_proxy": "mine"}}}
	opts := map[string]string{"build-arg:no_proxy": "mine"}
	f.AddProxies(b, opts)
	if want := map[string]string{"build-arg:no_proxy": "mine", "build-arg:HTTP_PROXY": "http://me:secret@proxy"}; !maps.Equal(opts, want) {
		t.Errorf("%v", opts)
	}
	f.MaskProxies(b, opts)
	if got := opts["build-arg:HTTP_PROXY"]; strings.Contains(got, "secret") || !strings.Contains(got, "@proxy") {
		t.Errorf("%q", got)
	}
}
