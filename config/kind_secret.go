package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// secrets is the list of secrets: one of an ID, the last one wins.
type secrets struct{}

// objectType returns an object type whose attributes may all be left out.
func objectType(attrs map[string]cty.Type) cty.Type {
	var names []string
	for name := range attrs {
		names = append(names, name)
	}
	return cty.ObjectWithOptionalAttrs(attrs, names)
}

func (secrets) decode(v cty.Value) (any, error) {
	return decodeEntries(v, parseSecret, func(v cty.Value) (Secret, error) {
		obj, err := convert.Convert(v, objectType(map[string]cty.Type{
			"id": cty.String, "src": cty.String, "env": cty.String, "type": cty.String,
		}))
		if err != nil {
			return Secret{}, wrongElement(err, v, "an object with id, src, env")
		}
		s := Secret{ID: attrString(obj, "id"), Src: attrString(obj, "src"), Env: attrString(obj, "env")}
		return s, s.decideType(attrString(obj, "type"))
	})
}

// attrString returns a string attribute of an object, "" if it is null.
func attrString(obj cty.Value, name string) string {
	if v := obj.GetAttr(name); !v.IsNull() && v.IsKnown() {
		return v.AsString()
	}
	return ""
}

// parseSecret reads "id=ID,src=FILE" or "id=ID,env=NAME".
func parseSecret(text string) ([]Secret, error) {
	fs, err := fields(text)
	if err != nil {
		return nil, err
	}
	var s Secret
	typ := ""
	for _, f := range fs {
		k, value, err := field(f)
		if err != nil {
			return nil, err
		}
		switch k {
		case "id":
			s.ID = value
		case "src", "source":
			s.Src = value
		case "env":
			s.Env = value
		case "type":
			typ = value
		default:
			return nil, fmt.Errorf("a secret has no %q; it has id, src, env and type", k)
		}
	}
	return []Secret{s}, s.decideType(typ)
}

// decideType reads type=env,src=NAME as env=NAME.
func (s *Secret) decideType(typ string) error {
	switch typ {
	case "", "file":
	case "env":
		if s.Env == "" {
			s.Env, s.Src = s.Src, ""
		}
	default:
		return fmt.Errorf("a secret cannot be of type %q; it is a file or env", typ)
	}
	return nil
}

func (secrets) encode(v any) cty.Value {
	list, _ := v.([]Secret)
	typ := cty.Object(map[string]cty.Type{"id": cty.String, "src": cty.String, "env": cty.String})
	if len(list) == 0 {
		return cty.ListValEmpty(typ)
	}
	vals := make([]cty.Value, len(list))
	for i, s := range list {
		vals[i] = cty.ObjectVal(map[string]cty.Value{
			"id": cty.StringVal(s.ID), "src": cty.StringVal(s.Src), "env": cty.StringVal(s.Env),
		})
	}
	return cty.ListVal(vals)
}

func secretID(s Secret) string { return s.ID }

func (secrets) merge(earlier, later any) any {
	return lastOfEach(slices.Concat(earlier.([]Secret), later.([]Secret)), secretID)
}

func (secrets) normalize(v any) any { return lastOfEach(v.([]Secret), secretID) }

func (k secrets) override(v any, o *override) (any, error) {
	list, err := parseAll(o.values, parseSecret)
	if err != nil || !o.append || v == nil {
		return list, err
	}
	return k.merge(v, list), nil
}

// overrideSecret applies --set TARGET.secret.ID=…, which gives a secret
// that is there another source.
func overrideSecret(v any, o *override) (any, error) {
	list, _ := v.([]Secret)
	i := slices.IndexFunc(list, func(s Secret) bool { return s.ID == o.sub })
	if i < 0 {
		return nil, fmt.Errorf("the target has no secret %q whose source could be changed", o.sub)
	}
	parsed, err := parseSecret(o.value())
	if err != nil {
		return nil, err
	}
	next := parsed[0]
	if next.ID != "" && next.ID != o.sub {
		return nil, fmt.Errorf("the override is for secret %q and its value is for secret %q", o.sub, next.ID)
	}
	list = slices.Clone(list)
	list[i].Src, list[i].Env = next.Src, next.Env
	return list, nil
}

func (secrets) show(v any) any {
	var out []object
	for _, s := range v.([]Secret) {
		var o object
		for _, p := range []property{{"id", s.ID}, {"src", s.Src}, {"env", s.Env}} {
			if p.value != "" {
				o = append(o, p)
			}
		}
		out = append(out, o)
	}
	if out == nil {
		return nil
	}
	return out
}

// sshKeys is the list of SSH agents and keys: one of an ID, the last one wins.
type sshKeys struct{}

func (sshKeys) decode(v cty.Value) (any, error) {
	return decodeEntries(v, parseSSH, func(v cty.Value) (SSH, error) {
		obj, err := convert.Convert(v, objectType(map[string]cty.Type{
			"id": cty.String, "paths": cty.List(cty.String),
		}))
		if err != nil {
			return SSH{}, wrongElement(err, v, "an object with id and paths")
		}
		s := SSH{ID: attrString(obj, "id")}
		if paths := obj.GetAttr("paths"); !paths.IsNull() {
			l, err := list{}.decode(paths)
			if err != nil {
				return SSH{}, err
			}
			s.Paths = l.([]string)
		}
		return s, nil
	})
}

// parseSSH reads "ID" or "ID=PATH,PATH".
func parseSSH(text string) ([]SSH, error) {
	id, paths, ok := strings.Cut(text, "=")
	if !ok {
		return []SSH{{ID: id}}, nil
	}
	return []SSH{{ID: id, Paths: strings.Split(paths, ",")}}, nil
}

func (sshKeys) encode(v any) cty.Value {
	l, _ := v.([]SSH)
	if len(l) == 0 {
		return cty.ListValEmpty(cty.Object(map[string]cty.Type{"id": cty.String, "paths": cty.List(cty.String)}))
	}
	vals := make([]cty.Value, len(l))
	for i, s := range l {
		vals[i] = cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal(s.ID), "paths": stringList(s.Paths)})
	}
	return cty.ListVal(vals)
}

func sshID(s SSH) string { return s.ID }

func (sshKeys) merge(earlier, later any) any {
	return lastOfEach(slices.Concat(earlier.([]SSH), later.([]SSH)), sshID)
}

func (sshKeys) normalize(v any) any { return lastOfEach(v.([]SSH), sshID) }

func (k sshKeys) override(v any, o *override) (any, error) {
	l, err := parseAll(o.values, parseSSH)
	if err != nil || !o.append || v == nil {
		return l, err
	}
	return k.merge(v, l), nil
}

func (sshKeys) show(v any) any {
	var out []map[string]any
	for _, s := range v.([]SSH) {
		m := map[string]any{}
		if s.ID != "" {
			m["id"] = s.ID
		}
		if len(s.Paths) > 0 {
			m["paths"] = s.Paths
		}
		out = append(out, m)
	}
	if out == nil {
		return nil
	}
	return out
}
