package schema

import (
	"encoding/json"
	"fmt"
	"strings"
)

// jsonSchema is the part of JSON Schema (draft 7, which every editor knows;
// https://json-schema.org/draft-07) that a definition needs.
type jsonSchema struct {
	Version     string                 `json:"$schema,omitempty"`
	Title       string                 `json:"title,omitempty"`
	Description string                 `json:"description,omitempty"`
	Type        any                    `json:"type,omitempty"` // a name, or a list of names
	Pattern     string                 `json:"pattern,omitempty"`
	Required    []string               `json:"required,omitempty"`
	Properties  map[string]*jsonSchema `json:"properties,omitempty"`
	Items       *jsonSchema            `json:"items,omitempty"`
	AnyOf       []*jsonSchema          `json:"anyOf,omitempty"`
	// Others is what properties may be that are not in Properties: false, or
	// a schema.
	Others any `json:"additionalProperties,omitempty"`
}

// templatePattern matches the strings of HCL's JSON syntax that are
// expressions, and so may have a value of any type.
const templatePattern = `[$%]\{`

// JSONSchema returns a JSON Schema of build.hcl in its JSON form, made from
// the descriptions of the blocks. Every build.json that is right is valid; so
// are some that are wrong, because expressions are not evaluated.
func JSONSchema() ([]byte, error) {
	root := &jsonSchema{
		Version:     "http://json-schema.org/draft-07/schema#",
		Title:       "build.hcl",
		Description: "A definition of image targets for orch, in the JSON form of HCL. Other keys are constants.",
		Type:        "object",
		Properties:  map[string]*jsonSchema{"$schema": {Type: "string", Description: "Where this schema is."}},
	}
	for _, kind := range blockKinds(Build) {
		s, err := kind.jsonSchema()
		if err != nil {
			return nil, err
		}
		root.Properties[kind.name] = s
	}
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(out, '\n'), nil
}

// jsonSchema returns what is under the name of the kind: the blocks by
// their label, or the block itself if the kind has none.
func (k *blockKind) jsonSchema() (*jsonSchema, error) {
	body, err := k.jsonBody()
	if err != nil {
		return nil, err
	}
	s := oneOrMore(body)
	if k.label {
		s = oneOrMore(&jsonSchema{Type: "object", Properties: comment(), Others: s})
	}
	s.Description = k.doc
	return s, nil
}

// jsonBody returns what is in a block.
func (k *blockKind) jsonBody() (*jsonSchema, error) {
	body := &jsonSchema{Type: "object", Properties: comment(), Others: false}
	for _, a := range k.attrs {
		if a.misplaced != "" {
			continue
		}
		s, err := a.jsonSchema()
		if err != nil {
			return nil, fmt.Errorf("the attribute %s of a %s: %w", a.Name, k.name, err)
		}
		body.Properties[a.Name] = s
		if a.Required {
			body.Required = append(body.Required, a.Name)
		}
	}
	for _, name := range k.blocks {
		s, err := nestedKinds()[name].jsonSchema()
		if err != nil {
			return nil, err
		}
		body.Properties[name] = s
	}
	return body, nil
}

// comment is the property that HCL passes over in every object of blocks and
// attributes.
func comment() map[string]*jsonSchema {
	return map[string]*jsonSchema{"//": {Description: "A comment."}}
}

// oneOrMore allows a list in the place of one block: HCL reads it as blocks
// that follow each other.
func oneOrMore(s *jsonSchema) *jsonSchema {
	return &jsonSchema{AnyOf: []*jsonSchema{s, {Type: "array", Items: s}}}
}

// jsonSchema returns what the value of the attribute may be. Null is as good
// as not written.
func (a *Attribute) jsonSchema() (*jsonSchema, error) {
	s, err := a.jsonType(a.Type)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Type == nil: // anything
	case s.Type == "array" || s.Type == "object":
		s = &jsonSchema{AnyOf: []*jsonSchema{s, {Type: "string", Pattern: templatePattern}, {Type: "null"}}}
	case s.Type == "boolean":
		s = &jsonSchema{AnyOf: []*jsonSchema{
			s, {Type: "string", Pattern: `^(true|false)$|` + templatePattern}, {Type: "null"},
		}}
	case s.Type == "integer":
		s = &jsonSchema{AnyOf: []*jsonSchema{
			s, {Type: "string", Pattern: `^[0-9]+$|` + templatePattern}, {Type: "null"},
		}}
	}
	s.Description = a.Doc
	return s, nil
}

// jsonType returns the schema of a type of the language, by its name.
func (a *Attribute) jsonType(name string) (*jsonSchema, error) {
	if outer, inner, ok := strings.Cut(name, "("); ok {
		return a.jsonCollection(outer, strings.TrimSuffix(inner, ")"))
	}
	switch name {
	case "any":
		return &jsonSchema{}, nil
	case "list": // an axis of a matrix; a map stands for its values
		return &jsonSchema{AnyOf: []*jsonSchema{{Type: []string{"array", "object"}}, {Type: "string", Pattern: templatePattern}}}, nil
	case "string", "type", "name":
		return scalarSchema(), nil
	case "bool":
		return &jsonSchema{Type: "boolean"}, nil
	case "number":
		return &jsonSchema{Type: "integer"}, nil
	case "object":
		return a.jsonObject()
	}
	return nil, fmt.Errorf("the type %q has no JSON Schema", name)
}

// jsonCollection returns the schema of list(NAME) or map(NAME).
func (a *Attribute) jsonCollection(outer, inner string) (*jsonSchema, error) {
	element, err := a.jsonType(inner)
	if err != nil {
		return nil, err
	}
	switch {
	case outer == "list" && inner == "object":
		text := &jsonSchema{Type: []string{"string", "null"}}
		return &jsonSchema{Type: "array", Items: &jsonSchema{AnyOf: []*jsonSchema{text, element}}}, nil
	case outer == "list":
		return &jsonSchema{Type: "array", Items: element}, nil
	case outer == "map":
		return &jsonSchema{Type: "object", Others: element}, nil
	}
	return nil, fmt.Errorf("the type %s(%s) has no JSON Schema", outer, inner)
}

// jsonObject returns the schema of an object whose keys are described, though
// others may be there.
func (a *Attribute) jsonObject() (*jsonSchema, error) {
	s := &jsonSchema{Type: "object", Properties: map[string]*jsonSchema{}, Others: scalarSchema()}
	for _, f := range a.Fields {
		field, err := f.jsonSchema()
		if err != nil {
			return nil, fmt.Errorf("its key %s: %w", f.Name, err)
		}
		if f.Type == "bool" { // "1" counts as true here
			field = scalarSchema()
			field.Description = f.Doc
		}
		s.Properties[f.Name] = field
		if f.Required {
			s.Required = append(s.Required, f.Name)
		}
	}
	return s, nil
}

// scalarSchema is what can be written as a string.
func scalarSchema() *jsonSchema {
	return &jsonSchema{Type: []string{"string", "number", "boolean", "null"}}
}
