package main

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/orch-build/orch/config"
)

// importReader reads the files of import blocks from this machine and keeps
// their text, so that a message can show the lines it speaks of.
type importReader struct{ sources map[string][]byte }

func newImportReader() *importReader { return &importReader{sources: map[string][]byte{}} }

func (r *importReader) ReadFile(name string) ([]byte, error) {
	src, err := readLimited(name)
	if err == nil {
		r.sources[name] = src
	}
	return src, err
}

func (r *importReader) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

func (r *importReader) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

func (r *importReader) RealPath(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// sourcesFor returns the text of all files of a definition by their name, the
// imported ones too.
func sourcesFor(files []source, opts config.Options) map[string][]byte {
	out := sourcesOf(files)
	if r, ok := opts.Files.(*importReader); ok {
		maps.Copy(out, r.sources)
	}
	return out
}
