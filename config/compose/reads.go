package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/paths"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

// Permit says whether a file may be read; nil lets everything be read.
type Permit func(path string) error

// The loader opens what "include" and "extends" name by itself, and cannot be
// kept from a file that it may not read. So they are followed here before it runs, in
// the same way, and the first file that may not be read ends it.

// maxFollowed is how many files are followed; the loader finds circles.
const maxFollowed = 10_000

// follower follows what Compose files refer to.
type follower struct {
	permit Permit
	seen   map[string]bool
}

// permitted makes sure that everything which the files include or extend may
// be read.
func permitted(files []types.ConfigFile, env types.Mapping, permit Permit) error {
	if permit == nil {
		return nil
	}
	f := &follower{permit: permit, seen: map[string]bool{}}
	for _, file := range files {
		if err := f.file(file.Content, level{env: env}); err != nil {
			return err
		}
	}
	return nil
}

// level is what the paths in a file start from, by the names of the loader.
type level struct {
	workingDir string // of what the file says
	dir        string // of the files that it names
	env        types.Mapping
}

// abs is where the loader finds a file.
func (l level) abs(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(l.dir, p)
}

// folder is what paths in a file start from, as the loader has it.
func (l level) folder(name string) string {
	p := l.abs(name)
	if info, err := os.Stat(p); err != nil || !info.IsDir() {
		p = l.abs(filepath.Dir(name))
	}
	if rel, err := filepath.Rel(l.dir, p); err == nil {
		return rel
	}
	return p
}

// file follows one file.
func (f *follower) file(content []byte, l level) error {
	if plain(content) {
		return nil
	}
	docs, err := documents(content, l.env)
	if err != nil {
		return err
	}
	for _, doc := range docs {
		if err := f.includes(doc, l); err != nil {
			return err
		}
		for _, ref := range extended(doc) {
			if err := f.extends(ref, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// plain says whether a file cannot refer to another one: the keys that do are
// not in it, and nothing by which they could be written otherwise.
func plain(content []byte) bool {
	return !bytes.Contains(content, []byte("include")) && !bytes.Contains(content, []byte("extends")) &&
		!bytes.ContainsAny(content, "\\!\x00")
}

// documents are the documents of a file with the values of variables in them.
func documents(content []byte, env types.Mapping) ([]map[string]any, error) {
	var out []map[string]any
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var raw map[string]any
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		doc, err := interpolation.Interpolate(raw, interpolation.Options{
			LookupValue: func(k string) (string, bool) { v, ok := env[k]; return v, ok },
		})
		if err != nil {
			return nil, err
		}
		out = append(out, doc)
	}
}

// read reads a file, if it may be, and if it was not read before in the same
// way; then it is nil.
func (f *follower) read(path, how string) ([]byte, error) {
	if err := f.permit(path); err != nil {
		return nil, err
	}
	key := path + "\x00" + how
	if f.seen[key] {
		return nil, nil
	}
	if f.seen[key] = true; len(f.seen) > maxFollowed {
		return nil, fmt.Errorf("the files include and extend more than %d others", maxFollowed)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, nil // which the loader says better
	}
	return content, nil
}

// includes follows the includes of a document.
func (f *follower) includes(doc map[string]any, l level) error {
	list, ok := doc["include"].([]any)
	if !ok {
		return nil
	}
	for i, entry := range list {
		if path, ok := entry.(string); ok {
			list[i] = map[string]any{"path": path}
		}
	}
	var includes []types.IncludeConfig
	if err := loader.Transform(list, &includes); err != nil {
		return nil // which the loader refuses, too
	}
	for _, in := range includes {
		if err := f.include(in, l); err != nil {
			return err
		}
	}
	return nil
}

func (f *follower) include(in types.IncludeConfig, l level) error {
	if len(in.Path) == 0 {
		return nil
	}
	next := level{env: l.env}
	main := l.abs(in.Path[0])
	switch project := in.ProjectDirectory; {
	case project == "":
		next.workingDir, next.dir = l.folder(main), filepath.Dir(main)
	case filepath.IsAbs(project):
		next.workingDir, next.dir = project, project
	default:
		next.workingDir, next.dir = l.folder(project), filepath.Join(l.workingDir, project)
	}
	for _, p := range in.Path {
		if err := f.permit(l.abs(p)); err != nil {
			return err
		}
	}
	env, err := f.envOf(in, l, next)
	if err != nil {
		return err
	}
	next.env = env
	for _, p := range in.Path {
		content, err := f.read(l.abs(p), next.workingDir+"\x00"+next.dir)
		if err != nil {
			return err
		}
		if content == nil {
			continue
		}
		if err := f.file(content, next); err != nil {
			return err
		}
	}
	return nil
}

// envOf returns the variables that an included file sees.
func (f *follower) envOf(in types.IncludeConfig, l, next level) (types.Mapping, error) {
	var files []string
	for _, name := range in.EnvFile {
		if name == "/dev/null" {
			continue
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(l.workingDir, name)
		}
		files = append(files, name)
	}
	if len(in.EnvFile) == 0 {
		name := filepath.Join(next.dir, ".env")
		if info, err := os.Stat(name); err == nil && !info.IsDir() {
			files = []string{name}
		}
	}
	for _, name := range files {
		if err := f.permit(name); err != nil {
			return nil, err
		}
	}
	vars, err := dotenv.GetEnvFromFile(l.env, files)
	if err != nil {
		return nil, err
	}
	return l.env.Clone().Merge(vars), nil
}

// extended are the files that the services of a document extend.
func extended(doc map[string]any) []string {
	var out []string
	for _, kind := range []string{"services", "jobs"} {
		services, _ := doc[kind].(map[string]any)
		for _, s := range services {
			service, _ := s.(map[string]any)
			extends, _ := service["extends"].(map[string]any)
			if file, ok := extends["file"].(string); ok {
				out = append(out, file)
			}
		}
	}
	return out
}

// extends follows a file whose services are extended.
func (f *follower) extends(ref string, l level) error {
	content, err := f.read(l.abs(ref), "extended "+l.dir)
	if err != nil || content == nil {
		return err
	}
	docs, err := documents(content, l.env)
	if err != nil {
		return err
	}
	for _, doc := range docs {
		for _, next := range extended(doc) {
			if next = paths.ExpandUser(next); !filepath.IsAbs(next) {
				next = filepath.Join(l.folder(ref), next)
			}
			if err := f.extends(next, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// envFiles makes sure that the files of variables of a project's services may
// be read.
func envFiles(project *types.Project, permit Permit) error {
	if permit == nil {
		return nil
	}
	for _, s := range project.Services {
		for _, file := range s.EnvFiles {
			if _, err := os.Stat(file.Path); errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err := permit(file.Path); err != nil {
				return fmt.Errorf("service %q: %w", s.Name, err)
			}
		}
	}
	return nil
}

// ofFiles permits no FIFO, device or socket, which would be waited for for ever; but the
// device that is empty.
func (p Permit) ofFiles() Permit {
	if p == nil {
		return nil
	}
	return func(path string) error {
		if err := p(path); err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().IsRegular() || info.IsDir() || path == os.DevNull {
			return nil // the loader says what is wrong with others
		}
		return fmt.Errorf("%s is not a file", path)
	}
}
