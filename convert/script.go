package convert

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"mvdan.cc/sh/v3/syntax"

	"github.com/orch-build/orch/load"
)

// Before there were several stages in a Dockerfile, a shell script built a
// Dockerfile.build, copied files out of a container of its image, and built a
// second Dockerfile with them. What such scripts build becomes targets; what
// they copy becomes a link between targets, with a comment that says what the
// Dockerfile has to take from it.

// buildScripts lists the shell scripts of a folder with a Dockerfile.build
// that have a command docker build. What cannot be read as a shell script is
// none.
func buildScripts(dir string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(dir, "Dockerfile.build")); err != nil {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, entry := range entries {
		p := filepath.Join(dir, entry.Name())
		if !entry.Type().IsRegular() || entry.Name() != "build" && filepath.Ext(p) != ".sh" {
			continue
		}
		d := &document{}
		if d.fromScript(p) == nil && len(d.targets) > 0 {
			out = append(out, p)
		}
	}
	return out, nil
}

// script is what is known of a script at one of its commands.
type script struct {
	words
	d      *document
	dir    string
	images map[string]string // targets by the images they make
	from   map[string]string // targets by the containers of their images
	copied []string          // what was copied since the last build
	links  map[string]any
	vars   map[string]string // what the script sets
	known  map[string]string // names by NAME=VALUE of the script
	last   made
}

// made is what a command of docker prints the ID of: an image of a target, or a
// container of it.
type made struct{ image, container string }

// fromScripts makes a target of each docker build of the scripts.
func (d *document) fromScripts(names []string) error {
	for _, name := range names {
		if err := d.fromScript(name); err != nil {
			return err
		}
	}
	if len(d.targets) == 0 {
		return fmt.Errorf("there is no docker build in %s", strings.Join(names, ", "))
	}
	return nil
}

func (d *document) fromScript(name string) error {
	src, err := load.ReadFile(name)
	if err != nil {
		return err
	}
	src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	file, err := syntax.NewParser().Parse(bytes.NewReader(src), name)
	if err != nil {
		return fmt.Errorf("reading a shell script: %w", err)
	}
	s := &script{d: d, dir: filepath.Dir(name), images: map[string]string{}, from: map[string]string{}, vars: map[string]string{}, known: map[string]string{}}
	s.stmts(file.Stmts)
	return nil
}

// stmts takes in statements and all that they consist of, in their order.
func (s *script) stmts(list []*syntax.Stmt) {
	for _, stmt := range list {
		syntax.Walk(stmt, func(node syntax.Node) bool {
			switch n := node.(type) {
			case *syntax.Subshell:
				dir := s.dir
				s.stmts(n.Stmts)
				s.dir = dir
				return false
			case *syntax.CallExpr:
				s.call(n)
				return false
			case *syntax.DeclClause: // export, local and their kin
				s.assign(n.Args)
				return false
			}
			return true
		})
	}
}

// call takes in a simple command. What is before its name counts only for
// the command itself.
func (s *script) call(n *syntax.CallExpr) {
	if len(n.Args) == 0 {
		s.assign(n.Assigns)
		return
	}
	var words []string
	for _, w := range n.Args {
		words = append(words, s.word(w.Parts))
	}
	s.command(words)
}

// assign takes in what variables are set to. One that is set to what a command
// prints may be an image or a container.
func (s *script) assign(list []*syntax.Assign) {
	for _, a := range list {
		if a.Name == nil || a.Value == nil {
			continue
		}
		if cmd := substitution(a.Value.Parts); cmd != nil {
			s.last = made{}
			s.stmts(cmd.Stmts)
			name := s.expansion(expansion{name: a.Name.Value})
			if s.last.image != "" {
				s.images[name] = s.last.image
			}
			if s.last.container != "" {
				s.from[name] = s.last.container
			}
		}
		s.vars[a.Name.Value] = s.word(a.Value.Parts)
	}
}

// substitution is the command whose output a word consists of, or nil.
func substitution(parts []syntax.WordPart) *syntax.CmdSubst {
	if len(parts) != 1 {
		return nil
	}
	switch p := parts[0].(type) {
	case *syntax.CmdSubst:
		return p
	case *syntax.DblQuoted:
		return substitution(p.Parts)
	}
	return nil
}

var (
	buildCommands  = []string{"build", "image build", "buildx build", "builder build"}
	createCommands = []string{"create", "container create", "run", "container run"}
	copyCommands   = []string{"cp", "container cp"}
	tagCommands    = []string{"tag", "image tag"}
)

// dockerCommand returns the words behind one of the commands of docker.
func dockerCommand(words []string, commands []string) ([]string, bool) {
	for len(words) > 0 && slices.Contains([]string{"sudo", "exec", "command", "time"}, words[0]) {
		words = words[1:]
	}
	if len(words) == 0 || words[0] != "docker" && words[0] != "podman" {
		return nil, false
	}
	for _, c := range commands {
		parts := strings.Fields(c)
		if len(words) > len(parts) && slices.Equal(words[1:1+len(parts)], parts) {
			return words[1+len(parts):], true
		}
	}
	return nil, false
}

// command takes in the words of a command.
func (s *script) command(words []string) {
	if args, ok := dockerCommand(words, buildCommands); ok {
		s.build(args)
	} else if args, ok := dockerCommand(words, createCommands); ok {
		s.create(args)
	} else if args, ok := dockerCommand(words, copyCommands); ok {
		s.copy(args)
	} else if args, ok := dockerCommand(words, tagCommands); ok && len(args) == 2 {
		s.tag(args[0], args[1])
	} else if len(words) == 2 && words[0] == "cd" && !hasExpansion(words[1]) {
		s.dir = filepath.Join(s.dir, filepath.FromSlash(words[1]))
	}
}

// build makes a target of the arguments of docker build.
func (s *script) build(args []string) {
	flags := pflag.NewFlagSet("build", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	file := flags.StringP("file", "f", "", "")
	tags := flags.StringArrayP("tag", "t", nil, "")
	buildArgs := flags.StringArray("build-arg", nil, "")
	labels := flags.StringArray("label", nil, "")
	platform := flags.StringSlice("platform", nil, "")
	stage := flags.String("target", "", "")
	network := flags.String("network", "", "")
	flags.Bool("no-cache", false, "")
	flags.Bool("pull", false, "")
	flags.Bool("rm", true, "")
	flags.Bool("force-rm", false, "")
	flags.Bool("squash", false, "")
	flags.Bool("push", false, "")
	flags.Bool("load", false, "")
	flags.BoolP("quiet", "q", false, "")
	if err := flags.Parse(args); err != nil {
		return
	}
	t := block{kind: "target", attrs: map[string]any{}}
	set := func(name, value string) {
		if value != "" {
			t.attrs[name] = s.text(value)
		}
	}
	set("target", *stage)
	set("network", *network)
	context := s.context(t.attrs, flags.Arg(0), *file)
	if len(*tags) > 0 {
		t.attrs["tags"] = s.texts(*tags)
	}
	if len(*platform) > 0 {
		t.attrs["platforms"] = s.texts(*platform)
	}
	if m := s.pairs(*buildArgs, s.fromEnvironment); len(m) > 0 {
		t.attrs["args"] = m
	}
	if m := s.pairs(*labels, nil); len(m) > 0 {
		t.attrs["labels"] = m
	}
	if len(s.links) > 0 {
		t.attrs["contexts"] = s.links
		t.comment = strings.Join(s.copied, "\n")
		s.links, s.copied = nil, nil
	}
	t.label = s.d.unused(s.name(*file, *tags, *stage, context))
	for _, tag := range *tags {
		s.images[tag] = t.label
	}
	s.d.targets = append(s.d.targets, t)
	s.last = made{image: t.label}
}

// context sets the context and the Dockerfile. On the command line the path
// of a Dockerfile begins in the working folder, in a target in the context.
func (s *script) context(attrs map[string]any, context, file string) string {
	if context == "" || context == "-" {
		context = "."
	}
	if strings.Contains(context, "://") || hasExpansion(context) {
		attrs["context"] = s.text(context)
		return context
	}
	dir := filepath.ToSlash(filepath.Join(s.dir, context))
	if dir != "." {
		attrs["context"] = literal(dir)
	}
	if file == "" {
		return dir
	}
	if rel, err := filepath.Rel(filepath.FromSlash(dir), filepath.Join(s.dir, file)); err == nil && !hasExpansion(file) {
		file = filepath.ToSlash(rel)
	}
	if file != "Dockerfile" {
		attrs["dockerfile"] = s.text(file)
	}
	return dir
}

// name finds a name for a target: the stage, what distinguishes the
// Dockerfile, the image, or the folder.
func (s *script) name(file string, tags []string, stage, context string) string {
	if stage != "" && !hasExpansion(stage) {
		return targetName(stage)
	}
	if base := filepath.Base(file); file != "" && !strings.EqualFold(base, "Dockerfile") && !hasExpansion(base) {
		return dockerfileName(file)
	}
	if len(tags) > 0 {
		image := tags[0]
		image = image[strings.LastIndex(image, "/")+1:]
		image, _, _ = strings.Cut(image, ":")
		if image != "" && !hasExpansion(image) {
			return targetName(image)
		}
	}
	if hasExpansion(context) {
		return "app"
	}
	return dockerfileName(filepath.Join(filepath.FromSlash(context), "Dockerfile"))
}

// create notes of which target's image a container is.
func (s *script) create(args []string) {
	name := ""
	for i, a := range args {
		if value, ok := strings.CutPrefix(a, "--name="); ok {
			name = value
		} else if a == "--name" && i+1 < len(args) {
			name = args[i+1]
		}
		if target, ok := s.images[a]; ok {
			s.last = made{container: target}
			if name != "" {
				s.from[name] = target
			}
		}
	}
}

// copy notes what the next build takes from a target.
func (s *script) copy(args []string) {
	args = slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.HasPrefix(a, "-") })
	if len(args) != 2 {
		return
	}
	container, file, ok := strings.Cut(args[0], ":")
	target := s.from[container]
	if !ok || target == "" {
		return
	}
	if s.links == nil {
		s.links = map[string]any{}
	}
	s.links[target] = "target:" + target
	s.copied = append(s.copied, fmt.Sprintf(
		"The script copied %s\nout of the image of %q to %s. The Dockerfile can take it from there:\nCOPY --from=%s %s …", s.source(file), target, s.source(args[1]), target, s.source(file)))
}

// tag gives an image that was built a further name.
func (s *script) tag(image, also string) {
	for i, t := range s.d.targets {
		if t.label == s.images[image] {
			tags, _ := t.attrs["tags"].([]any)
			s.d.targets[i].attrs["tags"] = append(tags, s.text(also))
		}
	}
}

func (s *script) texts(words []string) []any {
	out := make([]any, len(words))
	for i, w := range words {
		out[i] = s.text(w)
	}
	return out
}

// fromEnvironment is the value of a word that has none: that of the variable of the
// same name.
func (s *script) fromEnvironment(key string) any {
	s.d.variable(variableName(key), nil)
	return keyword(variableName(key))
}

// pairs reads KEY=VALUE words. One without a value has the one that bare returns; if
// that is nil, it is left out.
func (s *script) pairs(words []string, bare func(key string) any) map[string]any {
	out := map[string]any{}
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		switch {
		case ok:
			out[key] = s.text(value)
		case bare != nil:
			out[key] = bare(key)
		}
	}
	return out
}

// text turns a word of the script into a template; its variables become
// variables of the definition.
func (s *script) text(word string) string {
	var b strings.Builder
	s.each(word, func(text string) { b.WriteString(literal(text)) }, func(x expansion) {
		b.WriteString("${" + s.variable(x) + "}")
	})
	return b.String()
}

// commandName names the variable that stands for what a command prints.
func commandName(command string) string {
	words := strings.FieldsFunc(strings.ToUpper(command), func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "_")
}

// variable returns the name of the variable that stands for one of the
// shell's, or for the output of a command.
func (s *script) variable(x expansion) string {
	if x.command != "" {
		if strings.HasPrefix(x.command, "git rev-parse --short") {
			return "git.short"
		}
		if strings.HasPrefix(x.command, "git rev-parse") {
			return "git.sha"
		}
		x.name = commandName(x.command)
	}
	name := variableName(x.name)
	value := s.text(x.value)
	if set, ok := s.vars[x.name]; ok && x.value == "" {
		key := x.name + "=" + set
		if known, ok := s.known[key]; ok {
			return known
		}
		delete(s.vars, x.name) // it may use itself
		value = s.text(set)
		s.vars[x.name] = set
		if strings.HasPrefix(value, "${git.") && strings.HasSuffix(value, "}") {
			s.known[key] = value[2 : len(value)-1]
			return s.known[key]
		}
		s.known[key] = name
		if value == "${"+name+"}" { // NAME=${NAME:-value}, which is entered by now
			return name
		}
	}
	s.d.variable(name, value)
	return name
}
