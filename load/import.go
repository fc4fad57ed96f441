package load

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/orch-build/orch/config"
)

// importReader reads the files of import blocks and keeps their text, so that
// a message can show the lines it is about.
type importReader struct {
	config.Files
	sources map[string][]byte
}

func newImportReader(files config.Files) *importReader {
	return &importReader{files, map[string][]byte{}}
}

func (r *importReader) ReadFile(name string) ([]byte, error) {
	src, err := r.Files.ReadFile(name)
	if err == nil {
		r.sources[name] = src
	}
	return src, err
}

// allTexts returns the text of all files of a definition by their name, the
// imported ones too.
func allTexts(files []File, opts config.Options) map[string][]byte {
	out := Texts(files)
	if r, ok := opts.Files.(*importReader); ok {
		maps.Copy(out, r.sources)
	}
	return out
}

// osFiles reads files of this machine.
type osFiles struct{}

func (osFiles) ReadFile(name string) ([]byte, error)       { return ReadFile(name) }
func (osFiles) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (osFiles) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }

func (osFiles) RealPath(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}
