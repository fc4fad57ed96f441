package language

import (
	"cmp"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/language/lsp"
	"github.com/orch-build/orch/schema"
)

// objectKeys offers keys of an object.
func (c *completion) objectKeys() {
	attr, _ := c.attribute()
	top := c.place.top()
	add := func(ch choice) {
		if !slices.Contains(top.keys, ch.label) {
			ch.insert, ch.snippet = cmp.Or(ch.insert, ch.label)+" = $0", true
			c.offer(ch)
		}
	}
	switch attr {
	case "target.args":
		for _, arg := range c.buildArgs() {
			ch := arg
			ch.insert, ch.snippet = arg.label+` = "$0"`, true
			if !slices.Contains(top.keys, arg.label) {
				c.offer(ch)
			}
		}
		return
	case "target.contexts":
		for _, ch := range c.contextNames() {
			add(ch)
		}
		return
	case "target.labels", "target.annotations":
		for _, l := range ociLabels {
			if !slices.Contains(top.keys, l[0]) {
				c.offer(choice{label: l[0], kind: lsp.KindEnumMember, doc: l[1], insert: `"` + l[0] + `" = "$0"`, snippet: true})
			}
		}
		return
	case "target.traits":
		for _, t := range c.traits() {
			add(choice{label: t, kind: lsp.KindField, detail: "trait"})
		}
		return
	case "import.variables":
		for _, v := range c.importedVariables() {
			add(v)
		}
		return
	}
	block, name, _ := strings.Cut(attr, ".")
	for _, f := range c.fields(block, name) {
		add(choice{label: f.Name, kind: lsp.KindField, detail: f.Type, doc: f.Doc})
	}
}

// fields are the keys of the objects that an attribute holds.
func (c *completion) fields(block, name string) []schema.Attribute {
	attrs, _ := schema.AttributesOf(block, c.dialect)
	for _, a := range attrs {
		if a.Name == name {
			return a.Fields
		}
	}
	return nil
}

// text offers what a text may be.
func (c *completion) text() {
	attr, keys := c.attribute()
	if attr == "" {
		return
	}
	key := ""
	if len(keys) > 0 {
		key = keys[len(keys)-1]
	}
	if c.place.top() != nil && len(c.place.frames) > 1 {
		if f := c.place.frames[len(c.place.frames)-2]; f.kind == objectFrame && f.key == "" {
			c.quotedKey(attr)
			return
		}
	}
	c.offer(c.choices(attr, key)...)
}

// quotedKey offers keys of an object inside of quotes.
func (c *completion) quotedKey(attr string) {
	switch attr {
	case "target.args":
		c.offer(c.buildArgs()...)
	case "target.contexts":
		c.offer(c.contextNames()...)
	case "target.labels":
		for _, l := range ociLabels {
			c.offer(choice{label: l[0], kind: lsp.KindEnumMember, doc: l[1]})
		}
	}
}

// quotedValues offers the values of an attribute in quotes.
func (c *completion) quotedValues(attr, key string) {
	list := c.choices(attr, key)
	for i := range list {
		list[i].insert = `"` + cmp.Or(list[i].insert, list[i].label) + `"`
	}
	c.offer(list...)
}

// choices lists the values of an attribute, or of a key of an object in it.
func (c *completion) choices(attr, key string) []choice {
	switch attr {
	case "target.inherits":
		return c.targets()
	case "group.targets", "test.target":
		return sorted(append(c.targets(), c.groups()...))
	case "target.target", "target.no-cache-filter":
		return c.stages()
	case "target.contexts":
		return c.contexts()
	case "target.dockerfile":
		return c.dockerfileNames()
	case "target.context":
		return append(c.folders(), c.contexts()...)
	case "import.source":
		return c.definitionFiles()
	case "target.traits":
		return nil
	case "target.args":
		return nil
	}
	name := attr
	if key != "" {
		name += "." + key
	} else if short := c.shortForm(attr); short != nil {
		return short
	}
	return enumeration(name)
}

// shortForm offers the value of type= in "type=image,push=true".
func (c *completion) shortForm(attr string) []choice {
	last := c.place.word[strings.LastIndexByte(c.place.word, ',')+1:]
	key, value, ok := strings.Cut(last, "=")
	prefix := strings.TrimSuffix(c.place.word, value)
	if ok {
		list := enumeration(attr + "." + key)
		for i := range list {
			list[i].insert = prefix + list[i].label
			list[i].label = prefix + list[i].label
		}
		return list
	}
	block, name, _ := strings.Cut(attr, ".")
	prefix = strings.TrimSuffix(c.place.word, last)
	var out []choice
	for _, f := range c.fields(block, name) {
		out = append(out, choice{label: prefix + f.Name + "=", kind: lsp.KindField, detail: f.Type, doc: f.Doc})
	}
	return out
}
