package planner

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/framed"
	"github.com/orch-build/orch/planner/dockerfile"
)

// defaultName is the name that BuildKit also looks for in lower case.
const defaultName = "Dockerfile"

// syntaxArg is the build argument that names the frontend, whatever the file
// says.
const syntaxArg = "BUILDKIT_SYNTAX"

// file is a Dockerfile with its stages.
type file struct {
	*Dockerfile
	source *dockerfile.Source
	path   string // where it was found; "" if it is inline
	parsed *dockerfile.File
	err    error // why it could not be read
}

// reading reads what the targets of a plan have on this machine, each thing once:
// Dockerfiles, ignore files, and whether a context is a folder.
type reading struct {
	disk    Files
	faults  *fault.Report
	sources map[string][]byte // of Dockerfiles, by their names

	files   map[string]*file            // by path
	inlines map[string]*file            // by text
	texts   map[string]*dockerfile.File // by digest
	ignores map[string]ignoreFile       // by path
	dirs    map[string]error            // by path
}

func newReading(disk Files, faults *fault.Report) *reading {
	return &reading{
		disk: disk, faults: faults,
		sources: map[string][]byte{},
		files:   map[string]*file{},
		inlines: map[string]*file{},
		texts:   map[string]*dockerfile.File{},
		ignores: map[string]ignoreFile{},
		dirs:    map[string]error{},
	}
}

// dockerfile finds the Dockerfile of a target. It returns nil if the builder
// has to fetch it, and false if there is a fault, which is reported.
func (r *reading) dockerfile(t *config.Target) (*file, bool) {
	if t.Inline() {
		return r.inline(t), true
	}
	path, ok := DockerfilePath(t)
	if !ok {
		return nil, true
	}
	d, ok := r.files[path]
	if !ok {
		d = r.readDockerfile(path)
		r.files[path] = d
	}
	if d.err != nil {
		r.reportUnread(t, path, d.err)
		return nil, false
	}
	return d, true
}

// DockerfilePath is where the Dockerfile of a target is on this machine, or
// false if it is not here. "cwd://" marks a path that does not start from the
// context.
func DockerfilePath(t *config.Target) (string, bool) {
	if dockerfile.IsHTTP(t.Dockerfile) {
		return "", false
	}
	if path, ok := strings.CutPrefix(t.Dockerfile, "cwd://"); ok {
		return filepath.Clean(path), true
	}
	if filepath.IsAbs(t.Dockerfile) {
		return filepath.Clean(t.Dockerfile), true
	}
	if t.Context.Kind != config.Local {
		return "", false
	}
	name := t.Dockerfile
	if name == "" {
		name = defaultName
	}
	return filepath.Join(contextDir(t.Context), name), true
}

func contextDir(c config.Context) string {
	if c.Value == "" {
		return "."
	}
	return filepath.Clean(c.Value)
}

func (r *reading) inline(t *config.Target) *file {
	text := *t.DockerfileInline
	if d, ok := r.inlines[text]; ok {
		return d
	}
	d := r.newDockerfile(fmt.Sprintf("Dockerfile (inline in %s)", t.Name), defaultName, []byte(text))
	r.inlines[text] = d
	return d
}

// readDockerfile reads a Dockerfile, or the one in lower case if there is no
// "Dockerfile".
func (r *reading) readDockerfile(path string) *file {
	data, err := r.readText(path)
	found := path
	if errors.Is(err, fs.ErrNotExist) && filepath.Base(path) == defaultName {
		lower := filepath.Join(filepath.Dir(path), strings.ToLower(defaultName))
		if data2, err2 := r.readText(lower); err2 == nil {
			data, err, found = data2, nil, lower
		}
	}
	if err != nil {
		return &file{err: err}
	}
	d := r.newDockerfile(filepath.ToSlash(found), filepath.Base(found), data)
	d.path = found
	return d
}

// maxDockerfile is how many bytes a Dockerfile may have: no message to a builder
// may be larger, see defaults.DefaultMaxRecvMsgSize of BuildKit.
const maxDockerfile = 16 << 20

// errNotRegular is the error for devices, pipes and sockets: reading one may never
// come to an end.
var errNotRegular = errors.New("it is not a regular file")

// readText reads a regular file of a size that a builder can be sent.
func (r *reading) readText(path string) ([]byte, error) {
	info, err := r.disk.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, syscall.EISDIR
	case !info.Mode().IsRegular():
		return nil, errNotRegular
	case info.Size() > maxDockerfile:
		return nil, fmt.Errorf("it has %d bytes, and a builder takes at most %d; copy large contents from files instead", info.Size(), maxDockerfile)
	}
	return r.disk.ReadFile(path)
}

func (r *reading) newDockerfile(name, filename string, data []byte) *file {
	syntax, _, _, _ := parser.DetectSyntax(data)
	r.sources[name] = data
	d := &file{
		Dockerfile: &Dockerfile{Name: name, Filename: filename, Data: data, Syntax: syntax},
		source:     dockerfile.NewSource(name, data),
	}
	if isDockerfileSyntax(syntax) {
		d.parsed = r.parse(data)
	}
	return d
}

// parse reads equal texts once.
func (r *reading) parse(data []byte) *dockerfile.File {
	key := framed.Sum(string(data))
	if _, ok := r.texts[key]; !ok {
		r.texts[key] = dockerfile.Parse(data)
	}
	return r.texts[key]
}

// isDockerfileSyntax says whether a frontend reads Dockerfiles as BuildKit's
// own does.
func isDockerfileSyntax(frontend string) bool {
	if frontend == "" {
		return true
	}
	ref, err := reference.ParseNormalizedNamed(frontend)
	if err != nil {
		return false
	}
	switch reference.FamiliarName(ref) {
	case "docker/dockerfile", "docker/dockerfile-upstream":
		return true
	}
	return false
}

// frontend is what reads a target's Dockerfile: what the target's arguments
// ask for, else what the file does.
func frontend(t *config.Target, d *file) string {
	if s := strings.TrimSpace(t.Args[syntaxArg]); s != "" {
		s, _, _ = strings.Cut(s, " ")
		return s
	}
	return d.Syntax
}

// stages returns the parsed stages, reporting what the parser refused.
func (r *reading) stages(d *file) (*dockerfile.File, bool) {
	if d.parsed == nil {
		d.parsed = r.parse(d.Data)
	}
	for _, e := range d.parsed.Errs {
		r.faults.Fail(d.source.Lines(e.Line, e.Line), "Invalid Dockerfile", "%s", fault.Sentence(e.Msg))
	}
	return d.parsed, len(d.parsed.Errs) == 0
}

// reportUnread says why the Dockerfile of a target was not read, and what is
// there instead.
func (r *reading) reportUnread(t *config.Target, path string, err error) {
	at := dockerfileRange(t)
	shown := filepath.ToSlash(path)
	if !errors.Is(err, fs.ErrNotExist) {
		if t.Context.Kind == config.Local && r.checkDir(contextDir(t.Context)) != nil {
			return // the context that is not a directory is reported, and is the reason
		}
		r.faults.Fail(at, "Unreadable Dockerfile", "Target %q: reading %s: %s.", t.Name, shown, fault.Reason(err))
		return
	}
	if dirErr := r.checkDir(filepath.Dir(path)); dirErr != nil && t.Context.Kind == config.Local {
		if r.checkDir(contextDir(t.Context)) != nil {
			return // the missing context is reported, and is the reason
		}
	}
	hint := ` Write its path, from the context, in the attribute "dockerfile".`
	if names := r.dockerfilesIn(filepath.Dir(path)); len(names) > 0 {
		hint = fmt.Sprintf(" %s has %s.", dirName(filepath.Dir(path)), fault.Names(names)) + hint
	}
	r.faults.Fail(at, "Dockerfile not found", "Target %q needs %s, which does not exist.%s", t.Name, shown, hint)
}

// dockerfileRange is where a target says which Dockerfile it has.
func dockerfileRange(t *config.Target) fault.Range {
	if _, ok := t.Ranges["dockerfile"]; ok {
		return t.RangeOf("dockerfile")
	}
	return t.RangeOf("context")
}

// dockerfilesIn lists what looks like a Dockerfile in a directory.
func (r *reading) dockerfilesIn(dir string) []string {
	entries, err := r.disk.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		if strings.Contains(name, "dockerfile") && !strings.HasSuffix(name, ".dockerignore") && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// ignored returns the patterns of the ignore file that applies to a context:
// the one named after the Dockerfile, else .dockerignore in the context.
func (r *reading) ignored(dir string, d *file, at fault.Range) []string {
	var paths []string
	if d != nil && d.path != "" {
		paths = append(paths, d.path+".dockerignore")
	}
	paths = append(paths, filepath.Join(dir, ".dockerignore"))
	for _, path := range paths {
		if patterns, ok := r.readIgnore(path, at); ok {
			return patterns
		}
	}
	return nil
}

type ignoreFile struct {
	patterns []string
	found    bool
}

// longLine is the number of the first line that a scanner does not take.
func longLine(data []byte) int {
	n := 0
	for line := range bytes.Lines(data) {
		if n++; len(bytes.TrimRight(line, "\r\n")) >= bufio.MaxScanTokenSize {
			break
		}
	}
	return n
}

func (r *reading) readIgnore(path string, at fault.Range) ([]string, bool) {
	if f, ok := r.ignores[path]; ok {
		return f.patterns, f.found
	}
	var f ignoreFile
	data, err := r.disk.ReadFile(path)
	switch {
	case err == nil:
		f.found = true
		f.patterns, err = ignorefile.ReadAll(bytes.NewReader(data))
		if errors.Is(err, bufio.ErrTooLong) {
			r.faults.Fail(at, "Invalid ignore file", "Line %d of %s is longer than %d bytes.", longLine(data), filepath.ToSlash(path), bufio.MaxScanTokenSize)
		} else if err != nil {
			r.faults.Fail(at, "Invalid ignore file", "Reading %s: %s.", filepath.ToSlash(path), fault.Reason(err))
		}
	case !errors.Is(err, fs.ErrNotExist):
		// The context itself is reported if it is the one that is not there.
		if r.checkDir(filepath.Dir(path)) == nil {
			r.faults.Fail(at, "Unreadable ignore file", "Reading %s: %s.", filepath.ToSlash(path), fault.Reason(err))
		}
	}
	r.ignores[path] = f
	return f.patterns, f.found
}

func dirName(dir string) string {
	if dir == "." {
		return "The directory"
	}
	return filepath.ToSlash(dir)
}
