package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/gitfact"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/schema"
	"github.com/spf13/cobra"
)

// initFlags are the flags of init.
type initFlags struct {
	print  bool
	force  bool
	output string
}

func newInitCommand(e *env) *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init [PATH…]",
		Short: "Write a build.hcl from what is there",
		Long: `init writes a build.hcl whose targets are what a project builds already. A PATH
is one of these; a folder is searched for them, in this order; without a PATH
it is the current folder.

  bake files       docker-bake.hcl and its kin, as they are, in HCL
  Compose files    a target for each service that is built
  shell scripts    a target for each "docker build" line; a folder's scripts
                   are read if it has a Dockerfile.build
  Dockerfiles      a target for each final stage, which no other one uses;
                   their arguments become variables

The targets are joined in the group "default". An existing file is not
replaced unless --force says so. What init writes can be loaded: it is checked
before it is written.`,
		Example: `  orch init                      from what is in this folder
  orch init --print services     show what would be written
  orch init web/Dockerfile worker/Dockerfile
  orch init -o ci/build.hcl docker-compose.yml`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
		RunE: func(_ *cobra.Command, args []string) error {
			return f.run(e, args)
		},
	}
	cmd.Flags().BoolVar(&f.print, "print", false, "print the definition, write nothing")
	cmd.Flags().BoolVar(&f.force, "force", false, "replace the file if it is there")
	cmd.Flags().StringVarP(&f.output, "output", "o", "build.hcl", "the `FILE` to write")
	return cmd
}

func (f *initFlags) run(e *env, args []string) error {
	if _, err := os.Lstat(f.output); err == nil && !f.print && !f.force && output.Replaceable(f.output) {
		return usagef("%s is there already; --force replaces it, --print shows what would be written", f.output)
	}
	text, about, err := initText(e, args)
	if err != nil {
		return err
	}
	if f.print {
		_, err := termtext.Raw(e.stdout).Write(text)
		return err
	}
	if err := output.WriteFile(f.output, text, 0o644); err != nil {
		return fmt.Errorf("writing %w", err)
	}
	fmt.Fprintf(e.stdout, "wrote %s from %s\nSee what it builds with: orch plan\nBuild it with: orch bake\n", f.output, about)
	return nil
}

// initText returns the definition made of what the arguments name, and what
// it was made of.
func initText(e *env, args []string) ([]byte, string, error) {
	found, err := findInputs(e, args)
	if err != nil {
		return nil, "", err
	}
	about := found.names()
	text, err := found.definition(e, "Written by orch init from "+about+".")
	if err != nil {
		return nil, "", err
	}
	if diags := checkInit(text); diags.HasErrors() {
		fmt.Fprintf(e.stderr, "orch: %s cannot be turned into a build.hcl by itself; this is wrong in what would be written:\n\n", about)
		return nil, "", e.report(diags, map[string][]byte{"build.hcl": text})
	}
	return text, about, nil
}

// checkInit resolves every target of a definition that is to be written.
func checkInit(text []byte) hcl.Diagnostics {
	_, diags := resolve([]source{{"build.hcl", text}}, config.Options{All: true, Platform: localPlatform(), Git: gitfact.Read})
	return diags
}

// inputs are the files that a definition is made of, by their kind; one kind
// at a time.
type inputs struct {
	bake, compose, scripts, dockerfiles []string
}

func (in *inputs) names() string {
	var all []string
	for _, l := range [][]string{in.bake, in.compose, in.scripts, in.dockerfiles} {
		for _, name := range l {
			all = append(all, filepath.ToSlash(name))
		}
	}
	if len(all) > 3 {
		all = append(all[:2:2], fmt.Sprintf("%d more files", len(all)-2))
	}
	return strings.Join(all, ", ")
}

// findInputs finds what the arguments stand for.
func findInputs(e *env, args []string) (*inputs, error) {
	if len(args) == 0 {
		args = []string{"."}
	}
	in := &inputs{}
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, usageError{fmt.Errorf("reading what is to be built: %w", err)}
		}
		if info.IsDir() {
			err = in.addFolder(e, filepath.Clean(arg))
		} else {
			err = in.addFile(filepath.Clean(arg))
		}
		if err != nil {
			return nil, usageError{err}
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
		return nil, usagef("there is nothing to build in %s: looked for bake files, Compose files and Dockerfiles", strings.Join(args, ", "))
	case 1:
		return in, nil
	}
	return nil, usagef("%s are of different kinds; name bake files, Compose files, scripts or Dockerfiles alone", in.names())
}

// addFile enters a file by its name and its beginning.
func (in *inputs) addFile(name string) error {
	src, err := readLimited(name)
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
func (in *inputs) addFolder(e *env, dir string) error {
	var bake, compose []string
	for _, name := range bakeFiles {
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
	if len(compose) > 0 && builds(e, compose[0]) {
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
func builds(e *env, name string) bool {
	src, err := readLimited(name)
	if err != nil {
		return false
	}
	d := &document{}
	quiet := *e
	quiet.stderr = io.Discard
	return d.fromCompose(&quiet, []source{{name, src}}) == nil && len(d.targets) > 0
}

// definition returns the text of the definition.
func (in *inputs) definition(e *env, header string) ([]byte, error) {
	d := &document{}
	switch {
	case len(in.bake) > 0:
		return in.fromBake(e, header)
	case len(in.compose) > 0:
		files, err := readAll(in.compose)
		if err != nil {
			return nil, err
		}
		if err := d.fromCompose(e, files); err != nil {
			return nil, err
		}
		if len(d.targets) == 0 {
			return nil, usagef("no service of %s is built", in.names())
		}
	case len(in.scripts) > 0:
		if err := d.fromScripts(in.scripts); err != nil {
			return nil, err
		}
		d.defaultGroup()
	default:
		if err := d.fromDockerfiles(e, in.dockerfiles); err != nil {
			return nil, err
		}
		d.defaultGroup()
	}
	return d.write(header), nil
}

// fromBake joins bake files to one text.
func (in *inputs) fromBake(e *env, header string) ([]byte, error) {
	files, err := readAll(in.bake)
	if err != nil {
		return nil, err
	}
	text := []byte("# " + header + "\n")
	for _, f := range files {
		parsed, diags := config.Parse(f.name, f.src, &config.Options{})
		if parsed.Broken {
			return nil, e.report(diags, sourcesOf(files))
		}
		var dropped []string
		if parsed.Syntax == schema.JSON {
			d := &document{}
			if dropped, err = d.fromJSON(f.src); err != nil {
				return nil, usageError{fmt.Errorf("reading %s: %w", f.name, err)}
			}
			text = append(text, d.write("From "+f.name+".")...)
		} else {
			var more []byte
			more, dropped = bakeText(f.src)
			text = append(append(text, '\n'), more...)
		}
		for _, what := range dropped {
			fmt.Fprintf(e.stderr, "orch: left out, as it has no effect: %s in %s\n", what, f.name)
		}
	}
	return text, nil
}

func readAll(names []string) ([]source, error) {
	var out []source
	for _, name := range names {
		src, err := readLimited(name)
		if err != nil {
			return nil, usageError{err}
		}
		out = append(out, source{name, src})
	}
	return out, nil
}
