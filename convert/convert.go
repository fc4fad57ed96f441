// Package convert writes a build.hcl from what a project builds already: bake
// files, Compose files, shell scripts that call docker build, or Dockerfiles.
// It knows nothing of builders and command lines, and writes no file itself.
package convert

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/load"
	"github.com/orch-build/orch/schema"
)

// Report prints diagnostics with the texts that they are about. It returns an
// error if one of them is an error.
type Report func(diags hcl.Diagnostics, texts map[string][]byte) error

// Options say how a conversion reaches what is around it.
type Options struct {
	// Report prints what is wrong with the files.
	Report Report
	// Compose returns what reads Compose files and reports their warnings.
	Compose func(Report) load.ComposeReader
	// Note shows a line about what was left out.
	Note func(line string)
	// Platform and Git are those of config.Options, for the check of the result.
	Platform string
	Git      func(dir, fact string) (any, error)
}

// Inputs are the files that a definition is made of, by their kind; one kind
// at a time.
type Inputs struct {
	opt                                 Options
	bake, compose, scripts, dockerfiles []string
}

// String names the files, or the first of them if there are many.
func (in *Inputs) String() string {
	var all []string
	for _, name := range slices.Concat(in.bake, in.compose, in.scripts, in.dockerfiles) {
		all = append(all, filepath.ToSlash(name))
	}
	if len(all) > 3 {
		all = append(all[:2:2], fmt.Sprintf("%d more files", len(all)-2))
	}
	return strings.Join(all, ", ")
}

// Find finds what there is to convert in files and folders.
func Find(paths []string, opt Options) (*Inputs, error) {
	in := &Inputs{opt: opt}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("reading what is to be built: %w", err)
		}
		if info.IsDir() {
			err = in.addFolder(filepath.Clean(path))
		} else {
			err = in.addFile(filepath.Clean(path))
		}
		if err != nil {
			return nil, err
		}
	}
	kinds := 0
	for _, l := range [][]string{in.bake, in.compose, in.scripts, in.dockerfiles} {
		if len(l) > 0 {
			kinds++
		}
	}
	switch kinds {
	case 0:
		return nil, fmt.Errorf("there is nothing to build in %s: looked for bake files, Compose files and Dockerfiles. Write a Dockerfile first, or name the folder that has one", strings.Join(paths, ", "))
	case 1:
		return in, nil
	}
	return nil, fmt.Errorf("%s are of different kinds; name bake files, Compose files, scripts or Dockerfiles alone", in)
}

// addFile enters a file by its name and its beginning.
func (in *Inputs) addFile(name string) error {
	src, err := load.ReadFile(name)
	if err != nil {
		return err
	}
	syntax, known := schema.SyntaxOf(name)
	switch {
	case known && syntax == schema.Compose:
		in.compose = append(in.compose, name)
	case known:
		in.bake = append(in.bake, name)
	case !isDockerfile(filepath.Base(name)) && (strings.HasSuffix(name, ".sh") || strings.HasPrefix(string(src), "#!")):
		in.scripts = append(in.scripts, name)
	default:
		in.dockerfiles = append(in.dockerfiles, name)
	}
	return nil
}

// addFolder enters what a folder has of the first kind that is there.
func (in *Inputs) addFolder(dir string) error {
	var bake, compose []string
	for _, name := range load.BakeFiles {
		p := filepath.Join(dir, name)
		if info, err := os.Stat(p); err != nil || info.Size() == 0 || info.IsDir() {
			continue
		}
		if syntax, _ := schema.SyntaxOf(name); syntax == schema.Compose {
			compose = append(compose, p)
		} else {
			bake = append(bake, p)
		}
	}
	if len(bake) > 0 {
		in.bake = append(in.bake, bake...)
		return nil
	}
	if len(compose) > 0 && in.builds(compose[0]) {
		in.compose = append(in.compose, compose[0])
		return nil
	}
	scripts, err := buildScripts(dir)
	if err != nil || len(scripts) > 0 {
		in.scripts = append(in.scripts, scripts...)
		return err
	}
	found, err := findDockerfiles(dir)
	in.dockerfiles = append(in.dockerfiles, found...)
	return err
}

// builds says whether a Compose file has a service that is built.
func (in *Inputs) builds(name string) bool {
	files, err := load.ReadFiles([]string{name})
	if err != nil {
		return false
	}
	quiet := in.opt
	quiet.Report = func(diags hcl.Diagnostics, _ map[string][]byte) error {
		if diags.HasErrors() {
			return diags
		}
		return nil
	}
	d := &document{}
	return d.fromCompose(quiet, files) == nil && len(d.targets) > 0
}

// Definition returns the text of the definition. It resolves every target of
// it: what is wrong with the result is reported.
func (in *Inputs) Definition() ([]byte, error) {
	text, err := in.text("Written by orch init from " + in.String() + ".")
	if err != nil {
		return nil, err
	}
	_, diags := load.Resolve([]load.File{{Name: "build.hcl", Text: text}}, config.Options{All: true, Platform: in.opt.Platform, Git: in.opt.Git})
	if diags.HasErrors() {
		in.opt.Note(fmt.Sprintf("%s cannot be turned into a build.hcl by itself; this is wrong in what would be written:\n", in))
		return nil, in.opt.Report(diags, map[string][]byte{"build.hcl": text})
	}
	return text, nil
}

func (in *Inputs) text(header string) ([]byte, error) {
	d := &document{}
	switch {
	case len(in.bake) > 0:
		return in.fromBake(header)
	case len(in.compose) > 0:
		files, err := load.ReadFiles(in.compose)
		if err != nil {
			return nil, err
		}
		if err := d.fromCompose(in.opt, files); err != nil {
			return nil, err
		}
		if len(d.targets) == 0 {
			return nil, fmt.Errorf("no service of %s is built", in)
		}
	case len(in.scripts) > 0:
		if err := d.fromScripts(in.scripts); err != nil {
			return nil, err
		}
		d.defaultGroup()
	default:
		if err := d.fromDockerfiles(in.opt, in.dockerfiles); err != nil {
			return nil, err
		}
		d.defaultGroup()
	}
	return d.write(header), nil
}

// fromBake joins bake files to one text.
func (in *Inputs) fromBake(header string) ([]byte, error) {
	files, err := load.ReadFiles(in.bake)
	if err != nil {
		return nil, err
	}
	text := []byte("# " + header + "\n")
	for _, f := range files {
		parsed, diags := config.Parse(f.Name, f.Text, &config.Options{})
		if parsed.Broken {
			return nil, in.opt.Report(diags, load.Texts(files))
		}
		var dropped []string
		if parsed.Syntax == schema.JSON {
			d := &document{}
			if dropped, err = d.fromJSON(f.Text); err != nil {
				return nil, fmt.Errorf("reading %s: %w", f.Name, err)
			}
			text = append(text, d.write("From "+f.Name+".")...)
		} else {
			var more []byte
			more, dropped = bakeText(f.Text)
			text = append(append(text, '\n'), more...)
		}
		for _, what := range dropped {
			in.opt.Note(fmt.Sprintf("left out, as it has no effect: %s in %s", what, f.Name))
		}
	}
	return text, nil
}
