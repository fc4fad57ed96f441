package plannertest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orch-build/orch/config"
)

// What is pinned in a Sample, and another digest to pin it to.
const (
	PinA   = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	PinB   = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	Commit = "0123456789abcdef0123456789abcdef01234567"
)

// Sample is a small build on a real disk, with something of everything that can
// change a result.
type Sample struct {
	Dir        string
	Target     *config.Target
	More       []*config.Target
	Dockerfile string
	Platform   string
}

// NewSample writes the files of a sample.
func NewSample(t testing.TB) *Sample {
	p := &Sample{Dir: t.TempDir(), Platform: "linux/amd64"}
	p.Write(t, "ctx/src/main.go", "package main")
	p.Write(t, "ctx/src/deep/run.sh", "echo")
	p.Write(t, "ctx/other/file", "not read")
	p.Write(t, "ctx/.dockerignore", "*.log\n")
	p.Link(t, "main.go", "ctx/src/link")
	p.Dockerfile = `ARG BASE=alpine:3@` + PinA + `
FROM $BASE AS base
ARG VERSION=1
COPY src /src
RUN --mount=type=secret,id=token --mount=type=ssh --mount=type=cache,target=/cache make
ADD https://example.com/lib.git#` + Commit + ` /lib
FROM base
LABEL version=$VERSION
`
	p.Target = &config.Target{Name: "app", Dockerfile: "Dockerfile", Args: map[string]string{}}
	return p
}

// Write writes a file.
func (p *Sample) Write(t testing.TB, name, data string) {
	t.Helper()
	path := filepath.Join(p.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Link makes a symbolic link.
func (p *Sample) Link(t testing.TB, to, name string) {
	t.Helper()
	path := filepath.Join(p.Dir, name)
	_ = os.Remove(path)
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

// Chmod changes the mode of a file.
func (p *Sample) Chmod(t testing.TB, name string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(filepath.Join(p.Dir, name), mode); err != nil {
		t.Fatal(err)
	}
}

// Replace changes the Dockerfile.
func (p *Sample) Replace(old, new string) {
	if !strings.Contains(p.Dockerfile, old) {
		panic("the Dockerfile has no " + old)
	}
	p.Dockerfile = strings.ReplaceAll(p.Dockerfile, old, new)
}

// Config is the definition of the sample, whose Dockerfile it writes first.
func (p *Sample) Config(t testing.TB) *config.Config {
	t.Helper()
	p.Write(t, "ctx/Dockerfile", p.Dockerfile)
	p.Target.Context = config.Context{Value: filepath.Join(p.Dir, "ctx")}
	return &config.Config{Targets: append([]*config.Target{p.Target}, p.More...), Chosen: []string{"app"}}
}
