package services

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"go.yaml.in/yaml/v3"

	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/schema"
)

// yamlLine is how the YAML parser says where a text is wrong.
var yamlLine = lazyregexp.New(`\bline (\d+)(?:, column (\d+))?`)

// faultOf finds where an error of the reader of Compose files is, which
// names a path of keys, a file or a line. It is the beginning of the first file
// if none of these is found.
func faultOf(files []*schema.File, err error) hcl.Range {
	var at hcl.Range
	depth := 0
	for _, f := range slices.Backward(files) {
		if f.Syntax != schema.Compose {
			continue
		}
		start := hcl.Range{Filename: f.Name, Start: hcl.InitialPos, End: hcl.InitialPos}
		if depth == 0 {
			at = start
		}
		var doc yaml.Node
		if broken := yaml.Unmarshal(f.Src, &doc); broken != nil {
			m := yamlLine.FindStringSubmatch(broken.Error())
			if said := yamlLine.FindStringSubmatch(err.Error()); said != nil && strings.Contains(err.Error(), f.Name) {
				m = said // the place that the text names
			}
			if m != nil {
				start.Start.Line, _ = strconv.Atoi(m[1])
				if column, err := strconv.Atoi(m[2]); err == nil {
					start.Start.Column = column
				}
				start.End = start.Start
			}
			return start
		}
		if len(doc.Content) == 0 {
			continue
		}
		n, d := namedNode(doc.Content[0], err)
		if d < 2 {
			if mentioned := mentionedNode(doc.Content[0], err.Error()); mentioned != nil {
				n, d = mentioned, 1
			}
		}
		if d > depth {
			at, depth = nodeRange(f.Name, n), d
		}
	}
	return at
}

// parsed is a Compose file as YAML.
type parsed struct {
	name string
	root *yaml.Node
}

// parse reads the Compose files that are YAML, the last one first.
func parse(files []*schema.File) []parsed {
	var out []parsed
	for _, f := range slices.Backward(files) {
		var doc yaml.Node
		if f.Syntax == schema.Compose && yaml.Unmarshal(f.Src, &doc) == nil && len(doc.Content) > 0 {
			out = append(out, parsed{f.Name, doc.Content[0]})
		}
	}
	return out
}

// keyPlace is where a path of keys is written, in the first of the files that has it;
// it is service if none has, as where the section comes from a service that is extended.
func keyPlace(files []parsed, service hcl.Range, keys string) hcl.Range {
	last := keys[strings.LastIndexByte(keys, '.')+1:]
	for _, f := range files {
		if n, _ := descend(f.root, keys); n != nil && n.Value == last {
			return nodeRange(f.name, n)
		}
	}
	return service
}

// namedNode finds the key that an error names as a path, such as
// services.web.build, or the file; deeper is the better, and 0 is nothing.
func namedNode(root *yaml.Node, err error) (*yaml.Node, int) {
	var file *fs.PathError
	if errors.As(err, &file) {
		if n := scalarFor(within(root, err), filepath.ToSlash(file.Path)); n != nil {
			return n, len(err.Error())
		}
	}
	var best *yaml.Node
	deepest := 0
	words := strings.Fields(err.Error())
	if m := extraKey.FindStringSubmatch(err.Error()); m != nil {
		words = append(words, m[1]+"."+m[2])
	}
	for _, word := range words {
		n, depth := descend(root, strings.TrimRight(strings.Trim(word, "\"'`"), ".,:;"))
		if depth > deepest {
			best, deepest = n, depth
		}
	}
	return best, deepest
}

// extraKey is how the reader says that a part has a key too many.
var extraKey = lazyregexp.New(`^(\S+) additional properties '([^']+)'`)

// within is the service that an error begins with, or all of the file.
func within(root *yaml.Node, err error) *yaml.Node {
	if m := serviceFirst.FindStringSubmatch(err.Error()); m != nil {
		if _, service := pairOf(valueOfKey(root, "services"), m[1]); service != nil {
			return service
		}
	}
	return root
}

// serviceFirst is how package config/compose says which service an error is about.
var serviceFirst = lazyregexp.New(`^service "([^"]+)": `)

var (
	// serviceNamed is how the reader names a service: service "web", or, where
	// services extend each other in a circle, web in FILE.
	serviceNamed = lazyregexp.New(`(?i)\bservice "([^"]+)"|(?m)^\s+(?:extends )?(\S+) in `)
	quotedWord   = lazyregexp.New(`["']([^"']+)["']`)
)

// mentionedNode finds what an error without a path is about: in the service
// that it names first, the last of its words that is written there, else that
// service; without a service, the last quoted word or file.
func mentionedNode(root *yaml.Node, text string) *yaml.Node {
	var words []string
	for _, word := range strings.Fields(text) {
		if word != "service" {
			words = append(words, strings.TrimRight(strings.Trim(word, "\"'`"), ".,:;\"'"))
		}
	}
	if m := serviceNamed.FindStringSubmatch(text); m != nil {
		name, service := pairOf(valueOfKey(root, "services"), m[1]+m[2])
		if name == nil {
			return nil
		}
		for _, word := range slices.Backward(words) {
			if n := scalarSaying(service, word); n != nil {
				return n
			}
		}
		return name
	}
	words = slices.DeleteFunc(words, func(w string) bool { return !strings.ContainsAny(w, "./") })
	for _, m := range quotedWord.FindAllStringSubmatch(text, -1) {
		words = append(words, m[1])
	}
	for _, word := range slices.Backward(words) {
		if n := scalarSaying(root, word); n != nil {
			return n
		}
	}
	return nil
}

// scalarSaying finds a key or value that is the word, or that ends in it after
// a colon, as service:web does.
func scalarSaying(n *yaml.Node, word string) *yaml.Node {
	if word == "" {
		return nil
	}
	if n.Kind == yaml.ScalarNode && (n.Value == word || strings.HasSuffix(n.Value, ":"+word)) {
		return n
	}
	for _, c := range n.Content {
		if found := scalarSaying(c, word); found != nil {
			return found
		}
	}
	return nil
}

// descend follows a path of keys with dots between them, in which keys may
// have dots of their own, as far as it goes.
func descend(n *yaml.Node, keys string) (key *yaml.Node, depth int) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	var in [][2]*yaml.Node
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			in = append(in, [2]*yaml.Node{n.Content[i], n.Content[i+1]})
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			in = append(in, [2]*yaml.Node{{Kind: yaml.ScalarNode, Value: strconv.Itoa(i), Line: c.Line, Column: c.Column}, c})
		}
	}
	for _, c := range in {
		rest, ok := strings.CutPrefix(keys, c[0].Value)
		if !ok || rest != "" && rest[0] != '.' && rest[0] != '[' {
			continue
		}
		found, d := descend(c[1], strings.TrimRight(strings.TrimLeft(rest, ".["), "]"))
		if found == nil {
			found = c[0]
		}
		if d+1 > depth {
			key, depth = found, d+1
		}
	}
	return key, depth
}

// scalarFor finds the value that names a file: by its path, or the end of that.
func scalarFor(n *yaml.Node, file string) *yaml.Node {
	if n.Kind == yaml.ScalarNode {
		value := path.Clean(n.Value)
		if n.Value != "" && value != "." && (value == path.Clean(file) || strings.HasSuffix(file, "/"+value)) {
			return n
		}
	}
	for _, c := range n.Content {
		if found := scalarFor(c, file); found != nil {
			return found
		}
	}
	return nil
}

func nodeRange(filename string, n *yaml.Node) hcl.Range {
	start := hcl.Pos{Line: n.Line, Column: n.Column}
	end := start
	end.Column += max(1, len(n.Value))
	return hcl.Range{Filename: filename, Start: start, End: end}
}

// servicePlaces finds where the services of one Compose file are written. A file
// that is not YAML has none; the loader says what is wrong with it.
func servicePlaces(filename string, src []byte) map[string]hcl.Range {
	var doc yaml.Node
	if err := yaml.Unmarshal(src, &doc); err != nil || len(doc.Content) == 0 {
		return nil
	}
	out := map[string]hcl.Range{}
	services := valueOfKey(doc.Content[0], "services")
	if services == nil || services.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(services.Content); i += 2 {
		key := services.Content[i]
		out[key.Value] = nodeRange(filename, key)
	}
	return out
}

// valueOfKey returns the value of a key in a mapping, or nil.
func valueOfKey(n *yaml.Node, key string) *yaml.Node {
	_, value := pairOf(n, key)
	return value
}

// pairOf returns a key of a mapping and its value, or nil.
func pairOf(n *yaml.Node, key string) (name, value *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}
