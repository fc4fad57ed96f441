package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/shlex"
	"github.com/spf13/pflag"
)

// Before there were several stages in a Dockerfile, a shell script built a
// Dockerfile.build, copied files out of a container of its image, and built a
// second Dockerfile with them. What such scripts build becomes targets; what
// they copy becomes a link between targets, with a comment that says what the
// Dockerfile has to take from it.

// buildScripts lists the shell scripts of a folder with a Dockerfile.build
// that have a line with docker build.
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
		src, err := readLimited(p)
		if err != nil {
			return nil, err
		}
		for _, words := range commandLines(string(src)) {
			if _, ok := dockerCommand(words, buildCommands); ok {
				out = append(out, p)
				break
			}
		}
	}
	return out, nil
}

// script is what is known of a script at one of its lines.
type script struct {
	d      *document
	dir    string
	images map[string]string // targets by the images they make
	from   map[string]string // targets by the containers of their images
	copied []string          // what was copied since the last build
	links  map[string]any
	vars   map[string]string // what the script sets
}

// fromScripts makes a target of each docker build of the scripts.
func (d *document) fromScripts(names []string) error {
	for _, name := range names {
		src, err := readLimited(name)
		if err != nil {
			return usageError{err}
		}
		s := &script{d: d, dir: filepath.Dir(name), images: map[string]string{}, from: map[string]string{}, vars: map[string]string{}}
		for _, words := range commandLines(string(src)) {
			s.line(words)
		}
	}
	if len(d.targets) == 0 {
		return usagef("there is no docker build in %s", strings.Join(names, ", "))
	}
	return nil
}

// commandLines splits a script into simple commands, each into its words. It
// knows quotes, comments and continued lines, and nothing else of the shell.
func commandLines(src string) [][]string {
	src = strings.ReplaceAll(src, "\\\r\n", " ")
	src = strings.ReplaceAll(src, "\\\n", " ")
	var out [][]string
	for line := range strings.Lines(src) {
		line = substitution.ReplaceAllStringFunc(line, hideSpaces)
		for _, part := range commandEnd.Split(line, -1) {
			words, err := shlex.Split(part)
			if err != nil || len(words) == 0 {
				continue
			}
			for i, w := range words {
				words[i] = strings.ReplaceAll(w, hiddenSpace, " ")
			}
			out = append(out, words)
		}
	}
	return out
}

// substitution is the output of a command in a line. Its spaces do not end a
// word, so they are hidden while the line is split.
var substitution = regexp.MustCompile("\\$\\([^)]*\\)|`[^`]*`")

const hiddenSpace = "\x1f"

func hideSpaces(s string) string {
	return strings.NewReplacer(" ", hiddenSpace, "|", "", ";", "", "&", "").Replace(s)
}

// commandEnd is what ends a simple command on a line.
var commandEnd = regexp.MustCompile(`&&|\|\||;|\|`)

var (
	buildCommands  = []string{"build", "image build", "buildx build", "builder build"}
	createCommands = []string{"create", "container create", "run", "container run"}
	copyCommands   = []string{"cp", "container cp"}
	tagCommands    = []string{"tag", "image tag"}
)

// dockerCommand returns the words behind one of the commands of docker.
func dockerCommand(words []string, commands []string) ([]string, bool) {
	for len(words) > 0 && (words[0] == "sudo" || words[0] == "exec" || assignment.MatchString(words[0])) {
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

// assignment is a word that sets a variable.
var assignment = regexp.MustCompile(`^([A-Za-z_]\w*)=(.*)$`)

// line takes in one command of the script.
func (s *script) line(words []string) {
	if args, ok := dockerCommand(words, buildCommands); ok {
		s.build(args)
	} else if args, ok := dockerCommand(words, createCommands); ok {
		s.create(args)
	} else if args, ok := dockerCommand(words, copyCommands); ok {
		s.copy(args)
	} else if args, ok := dockerCommand(words, tagCommands); ok && len(args) == 2 {
		s.tag(args[0], args[1])
	} else {
		for _, w := range words {
			if w == "export" || w == "local" || w == "readonly" {
				continue
			}
			m := assignment.FindStringSubmatch(w)
			if m == nil {
				return
			}
			s.vars[m[1]] = m[2]
		}
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
	if m := s.pairs(*buildArgs, true); len(m) > 0 {
		t.attrs["args"] = m
	}
	if m := s.pairs(*labels, false); len(m) > 0 {
		t.attrs["labels"] = m
	}
	if len(s.links) > 0 {
		t.attrs["contexts"] = s.links
		t.comment = strings.Join(s.copied, "\n")
		s.links, s.copied = nil, nil
	}
	t.label = s.d.unused(s.name(*file, *tags, *stage, context))
	for _, tag := range *tags {
		s.images[plainNames(tag)] = t.label
	}
	s.d.targets = append(s.d.targets, t)
}

// context sets the context and the Dockerfile. On the command line the path
// of a Dockerfile begins in the working folder, in a target in the context.
func (s *script) context(attrs map[string]any, context, file string) string {
	if context == "" || context == "-" {
		context = "."
	}
	if strings.Contains(context, "://") || strings.ContainsAny(context, "$") {
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
	if rel, err := filepath.Rel(filepath.FromSlash(dir), filepath.Join(s.dir, file)); err == nil && !strings.Contains(file, "$") {
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
	if stage != "" && !strings.Contains(stage, "$") {
		return targetName(stage)
	}
	if base := filepath.Base(file); file != "" && !strings.EqualFold(base, "Dockerfile") && !strings.Contains(base, "$") {
		return dockerfileName(file)
	}
	if len(tags) > 0 {
		image := tags[0]
		image = image[strings.LastIndex(image, "/")+1:]
		image, _, _ = strings.Cut(image, ":")
		if image != "" && !strings.Contains(image, "$") {
			return targetName(image)
		}
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
		if target, ok := s.images[plainNames(a)]; ok && name != "" {
			s.from[name] = target
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
		"The script copied %s\nout of the image of %q to %s. The Dockerfile can take it from there:\nCOPY --from=%s %s …", file, target, args[1], target, file))
}

// tag gives an image that was built a further name.
func (s *script) tag(image, also string) {
	for i, t := range s.d.targets {
		if t.label == s.images[plainNames(image)] {
			tags, _ := t.attrs["tags"].([]any)
			s.d.targets[i].attrs["tags"] = append(tags, s.text(also))
		}
	}
}

var bracedName = regexp.MustCompile(`\$\{(\w+)\}`)

// plainNames writes "${NAME}" as "$NAME", so that both are the same.
func plainNames(word string) string { return bracedName.ReplaceAllString(word, "$$$1") }

func (s *script) texts(words []string) []any {
	out := make([]any, len(words))
	for i, w := range words {
		out[i] = s.text(w)
	}
	return out
}

// pairs reads KEY=VALUE words. One without a value is the variable of that
// name.
func (s *script) pairs(words []string, fromEnv bool) map[string]any {
	out := map[string]any{}
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		switch {
		case ok:
			out[key] = s.text(value)
		case fromEnv:
			s.d.variable(variableName(key), nil)
			out[key] = keyword(variableName(key))
		}
	}
	return out
}

// shellVariable is "$NAME", "${NAME}", "${NAME:-DEFAULT}", "$1" or "$(…)".
var shellVariable = regexp.MustCompile("\\$\\{(\\w+)(?::?-([^}]*))?[^}]*\\}|\\$(\\w+|@|\\*)|\\$\\(([^)]*)\\)|`([^`]*)`")

// text turns a word of the script into a template; its variables become
// variables of the definition.
func (s *script) text(word string) string {
	var b strings.Builder
	end := 0
	for _, m := range shellVariable.FindAllStringSubmatchIndex(word, -1) {
		group := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return word[m[2*i]:m[2*i+1]]
		}
		b.WriteString(literal(word[end:m[0]]))
		end = m[1]
		b.WriteString("${" + s.variable(group(1)+group(3), group(2), group(4)+group(5)) + "}")
	}
	b.WriteString(literal(word[end:]))
	return b.String()
}

// variable returns the name of the variable that stands for one of the
// shell's, or for the output of a command.
func (s *script) variable(name, value, command string) string {
	if command != "" {
		if strings.HasPrefix(command, "git rev-parse --short") {
			return "git.short"
		}
		if strings.HasPrefix(command, "git rev-parse") {
			return "git.sha"
		}
		name = strings.ToUpper(strings.Trim(targetName(command), "_"))
	}
	if set, ok := s.vars[name]; ok && value == "" {
		delete(s.vars, name) // it may speak of itself
		text := s.text(set)
		s.vars[name] = set
		if strings.HasPrefix(text, "${git.") && strings.HasSuffix(text, "}") {
			return text[2 : len(text)-1]
		}
		value = text
	}
	name = variableName(name)
	s.d.variable(name, value)
	return name
}
