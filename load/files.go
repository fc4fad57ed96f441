package load

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/schema"
)

// The names that are looked for when no file is named: build.hcl and the like,
// and if none of them is there, bake's.
var (
	BuildFiles = []string{
		"build.hcl", "build.hcl.json", "build.json",
		"build.override.hcl", "build.override.hcl.json", "build.override.json",
	}
	BakeFiles = []string{
		"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml",
		"docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl",
	}
)

// UsualFiles are all names that are looked for.
func UsualFiles() []string { return slices.Concat(BuildFiles, BakeFiles) }

// File is a definition file that was read.
type File struct {
	Name string
	Text []byte
}

// Texts returns the text of files by their name, for messages.
func Texts(files []File) map[string][]byte {
	out := make(map[string][]byte, len(files))
	for _, f := range files {
		out[f.Name] = f.Text
	}
	return out
}

// ReadFile reads a file, but not much more of it than a definition may have;
// the rest is left to schema's check.
func ReadFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the definition: %w", err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, schema.MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the definition: %w", err)
	}
	return src, nil
}

// ReadFiles reads all of the files.
func ReadFiles(names []string) ([]File, error) {
	var out []File
	for _, name := range names {
		src, err := ReadFile(name)
		if err != nil {
			return nil, err
		}
		out = append(out, File{name, src})
	}
	return out, nil
}

// lookFor reads those of the files that are there and not empty.
func lookFor(disk config.Files, names []string) ([]File, error) {
	var out []File
	for _, name := range names {
		src, err := disk.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) || err == nil && len(src) == 0 {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, File{name, src})
	}
	return out, nil
}

// Resolve parses and resolves files. What can be found wrong behind an error
// of the parser is found, unless a file is so broken that blocks are missing.
func Resolve(files []File, opts config.Options) (*config.Config, hcl.Diagnostics) {
	parsed, diags := parse(files, opts)
	for _, f := range parsed {
		if f.Broken {
			return nil, diags
		}
	}
	cfg, more := config.Resolve(parsed, opts)
	diags = append(diags, more...)
	schema.SortDiagnostics(diags)
	return cfg, diags
}

func parse(files []File, opts config.Options) ([]*schema.File, hcl.Diagnostics) {
	var parsed []*schema.File
	var diags hcl.Diagnostics
	for _, f := range files {
		file, more := config.Parse(f.Name, f.Text, &opts)
		parsed = append(parsed, file)
		diags = append(diags, more...)
	}
	return parsed, diags
}
