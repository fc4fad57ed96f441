package convert

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/orch-build/orch/load"
	"github.com/orch-build/orch/planner/dockerfile"
)

// maxDepth is how many folders below the given one init looks for
// Dockerfiles.
const maxDepth = 4

// dockerfileOf is a Dockerfile that targets are made of.
type dockerfileOf struct {
	path    string // as it was found
	context string // the folder that its build is to have
	alone   bool   // says that there is no other
	*dockerfile.Outline
}

// fromDockerfiles makes a target of each final stage of the Dockerfiles.
func (d *document) fromDockerfiles(opt Options, paths []string) error {
	var files []dockerfileOf
	var diags hcl.Diagnostics
	sources := map[string][]byte{}
	for _, p := range paths {
		src, err := load.ReadFile(p)
		if err != nil {
			return err
		}
		sources[p] = src
		o, more := dockerfile.ReadOutline(p, src)
		diags = append(diags, more...)
		if o != nil {
			files = append(files, dockerfileOf{p, contextFor(p, o), false, o})
		}
	}
	if err := opt.Report(diags, sources); err != nil {
		return err
	}
	for _, f := range files {
		f.alone = len(files) == 1
		d.fromDockerfile(f)
	}
	return nil
}

// fromDockerfile makes the targets of one Dockerfile. What several have in
// common is in one that they inherit.
func (d *document) fromDockerfile(f dockerfileOf) {
	common := f.attributes(d)
	name := dockerfileName(f.path)
	shared := ""
	if len(f.Final) > 1 && len(common) > 0 {
		shared = d.unused("_" + name)
		if f.alone {
			shared = "_common"
		}
		d.targets = append(d.targets, block{kind: "target", label: shared, attrs: common})
	}
	for _, s := range f.Final {
		t := block{kind: "target", label: d.unused(f.targetName(s)), attrs: map[string]any{}}
		if shared != "" {
			t.attrs["inherits"] = []string{shared}
		} else {
			maps.Copy(t.attrs, common)
		}
		if s.Name != "" {
			t.attrs["target"] = s.Name
		} else if !s.Last {
			t.attrs["target"] = fmt.Sprint(s.Index)
		}
		t.attrs["tags"] = []string{strings.ToLower(t.label) + ":latest"}
		d.targets = append(d.targets, t)
	}
}

// attributes returns what the targets of the Dockerfile have in common.
func (f *dockerfileOf) attributes(d *document) map[string]any {
	out := map[string]any{}
	if f.context != "." {
		out["context"] = literal(f.context)
	}
	file, err := filepath.Rel(f.context, f.path)
	if err != nil {
		file = f.path
	}
	if file = filepath.ToSlash(file); file != "Dockerfile" {
		out["dockerfile"] = literal(file)
	}
	args := map[string]any{}
	for _, a := range f.Args {
		name := variableName(a.Name)
		if a.Default == nil {
			d.variable(name, nil)
		} else {
			d.variable(name, literal(*a.Default))
		}
		args[a.Name] = keyword(name)
	}
	if len(args) > 0 {
		out["args"] = args
	}
	return out
}

// targetName names the target of a stage: by the stage, and if there are
// other Dockerfiles by this one.
func (f *dockerfileOf) targetName(s dockerfile.OutlineStage) string {
	file := dockerfileName(f.path)
	stage := targetName(s.Name)
	switch {
	case stage == "" && s.Last:
		return file
	case stage == "":
		return fmt.Sprintf("%s-%d", file, s.Index)
	case f.alone:
		return stage
	case len(f.Final) == 1:
		return file
	}
	return file + "-" + stage
}

// unused returns the name, or if there is such a target, the name with a
// number.
func (d *document) unused(name string) string {
	taken := func(n string) bool {
		return slices.ContainsFunc(d.targets, func(t block) bool { return t.label == n })
	}
	for i := 2; ; i++ {
		if !taken(name) {
			return name
		}
		if next := fmt.Sprintf("%s-%d", name, i); !taken(next) {
			return next
		}
	}
}

// targetName makes a name of a target out of a text.
func targetName(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
			return r
		}
		return '_'
	}, text)
}

// dockerfileName names what a Dockerfile builds, from its name or its folder.
func dockerfileName(p string) string {
	base := filepath.Base(p)
	for _, kind := range []string{"dockerfile", "containerfile"} {
		if lower := strings.ToLower(base); lower == kind {
			base = ""
		} else if strings.HasPrefix(lower, kind+".") {
			base = base[len(kind)+1:]
		} else if strings.HasSuffix(lower, "."+kind) {
			base = base[:len(base)-len(kind)-1]
		}
	}
	if base == "" {
		if dir, err := filepath.Abs(filepath.Dir(p)); err == nil {
			base = filepath.Base(dir)
		}
	}
	if name := strings.Trim(targetName(base), "_"); name != "" {
		return name
	}
	return "app"
}

// shellNames are variables of every shell: one of that name in a definition
// would have the shell's value.
var shellNames = []string{
	"DISPLAY", "EDITOR", "HOME", "HOSTNAME", "LANG", "LC_ALL", "LOGNAME", "MAIL", "OLDPWD", "PATH", "PWD",
	"SHELL", "SHLVL", "TERM", "TMPDIR", "TZ", "UID", "USER",
}

// languageNames are names that expressions have a meaning for.
var languageNames = []string{"target", "group", "self", "git", "true", "false", "null", "BAKE_CMD_CONTEXT", "BAKE_LOCAL_PLATFORM"}

// variableName names the variable that gives an argument its value.
func variableName(arg string) string {
	name := targetName(arg)
	if slices.Contains(shellNames, name) || slices.Contains(languageNames, name) || !hclsyntax.ValidIdentifier(name) {
		return "ARG_" + name
	}
	return name
}

// contextFor says which folder the build of a Dockerfile is to have: its own,
// unless only the current one has the files that it copies. Patterns count
// where nothing else is copied: they may match nothing.
func contextFor(p string, o *dockerfile.Outline) string {
	own := filepath.Dir(p)
	has := func(dir string) bool {
		if len(o.Sources) == 0 {
			return !slices.ContainsFunc(o.Patterns, func(s string) bool {
				found, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(s)))
				return err == nil && len(found) == 0
			})
		}
		return !slices.ContainsFunc(o.Sources, func(s string) bool {
			_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(s)))
			return err != nil
		})
	}
	if own != "." && !has(own) && has(".") && !filepath.IsAbs(p) {
		return "."
	}
	return filepath.ToSlash(own)
}

// findDockerfiles lists the Dockerfiles in a folder and below it.
func findDockerfiles(root string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(root, func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		depth := strings.Count(filepath.ToSlash(rel), "/")
		switch name := entry.Name(); {
		case p == root:
		case entry.IsDir() && (strings.HasPrefix(name, ".") || depth >= maxDepth || slices.Contains(foreignFolders, name)):
			return fs.SkipDir
		case !entry.IsDir() && isDockerfile(name):
			out = append(out, p)
		}
		return nil
	})
	return out, err
}

// foreignFolders hold the code of others.
var foreignFolders = []string{"node_modules", "vendor", "testdata"}

// isDockerfile says whether a file is a Dockerfile by its name.
func isDockerfile(name string) bool {
	lower := strings.ToLower(name)
	for _, kind := range []string{"dockerfile", "containerfile"} {
		if lower == kind || strings.HasSuffix(lower, "."+kind) {
			return true
		}
		if rest, ok := strings.CutPrefix(lower, kind+"."); ok {
			return !slices.Contains([]string{"dockerignore", "bak", "orig", "swp", "tmpl", "template", "in", "j2", "md"}, strings.TrimPrefix(path.Ext("."+rest), "."))
		}
	}
	return false
}
