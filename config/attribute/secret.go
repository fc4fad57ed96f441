package attribute

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/orch-build/orch/config/spec"
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

var secretType = objectType(map[string]cty.Type{"id": cty.String, "src": cty.String, "env": cty.String, "type": cty.String})

// Members are the names of what an object says of a secret.
func (secrets) Members() []string { return SortedKeys(secretType.AttributeTypes()) }

func (secrets) Decode(v cty.Value) (any, error) {
	return decodeEntries(v, ParseSecret, func(v cty.Value) (spec.Secret, error) {
		obj, err := convert.Convert(v, secretType)
		if err != nil {
			return spec.Secret{}, wrongElement(err, v, "an object with id, src, env")
		}
		s := spec.Secret{ID: attrString(obj, "id"), Src: attrString(obj, "src"), Env: attrString(obj, "env")}
		err = decideType(&s, attrString(obj, "type"))
		return s, err
	})
}

// attrString returns a string attribute of an object, "" if it is null.
func attrString(obj cty.Value, name string) string {
	if v := obj.GetAttr(name); !v.IsNull() && v.IsKnown() {
		return v.AsString()
	}
	return ""
}

// ParseSecret reads "id=ID,src=FILE" or "id=ID,env=NAME".
func ParseSecret(text string) ([]spec.Secret, error) {
	fs, err := fields(text)
	if err != nil {
		return nil, err
	}
	var s spec.Secret
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
	err = decideType(&s, typ)
	return []spec.Secret{s}, err
}

// decideType reads type=env,src=NAME as env=NAME.
func decideType(s *spec.Secret, typ string) error {
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

func (secrets) Encode(v any) cty.Value {
	list, _ := v.([]spec.Secret)
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

func secretID(s spec.Secret) string { return s.ID }

func (secrets) Merge(earlier, later any) any {
	return lastOfEach(slices.Concat(earlier.([]spec.Secret), later.([]spec.Secret)), secretID)
}

func (secrets) Normalize(v any) any { return lastOfEach(v.([]spec.Secret), secretID) }

func (k secrets) Override(v any, o *Change) (any, error) {
	list, err := ParseAll(o.Values, ParseSecret)
	if err != nil || !o.append || v == nil {
		return list, err
	}
	return k.Merge(v, list), nil
}

// overrideSecret applies --set TARGET.secret.ID=…, which gives a secret
// that is there another source.
func overrideSecret(v any, o *Change) (any, error) {
	list, _ := v.([]spec.Secret)
	i := slices.IndexFunc(list, func(s spec.Secret) bool { return s.ID == o.Sub })
	if i < 0 {
		return nil, fmt.Errorf("the target has no secret %q whose source could be changed", o.Sub)
	}
	parsed, err := ParseSecret(o.value())
	if err != nil {
		return nil, err
	}
	next := parsed[0]
	if next.ID != "" && next.ID != o.Sub {
		return nil, fmt.Errorf("the override is for secret %q and its value is for secret %q", o.Sub, next.ID)
	}
	list = slices.Clone(list)
	list[i].Src, list[i].Env = next.Src, next.Env
	return list, nil
}

func (secrets) Show(v any) any {
	var out []Object
	for _, s := range v.([]spec.Secret) {
		var o Object
		for _, p := range []Property{{"id", s.ID}, {"src", s.Src}, {"env", s.Env}} {
			if p.Value != "" {
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

var sshType = objectType(map[string]cty.Type{"id": cty.String, "paths": cty.List(cty.String)})

// Members are the names of what an object says of an SSH key.
func (sshKeys) Members() []string { return SortedKeys(sshType.AttributeTypes()) }

func (sshKeys) Decode(v cty.Value) (any, error) {
	return decodeEntries(v, ParseSSH, func(v cty.Value) (spec.SSH, error) {
		obj, err := convert.Convert(v, sshType)
		if err != nil {
			return spec.SSH{}, wrongElement(err, v, "an object with id and paths")
		}
		s := spec.SSH{ID: attrString(obj, "id")}
		if paths := obj.GetAttr("paths"); !paths.IsNull() {
			l, err := List{}.Decode(paths)
			if err != nil {
				return spec.SSH{}, err
			}
			s.Paths = l.([]string)
		}
		return s, nil
	})
}

// ParseSSH reads "ID" or "ID=PATH,PATH". No path behind "=", which Compose writes for
// the agent of this machine, is that agent too.
func ParseSSH(text string) ([]spec.SSH, error) {
	id, paths, _ := strings.Cut(text, "=")
	if paths == "" {
		return []spec.SSH{{ID: id}}, nil
	}
	return []spec.SSH{{ID: id, Paths: strings.Split(paths, ",")}}, nil
}

func (sshKeys) Encode(v any) cty.Value {
	l, _ := v.([]spec.SSH)
	if len(l) == 0 {
		return cty.ListValEmpty(cty.Object(map[string]cty.Type{"id": cty.String, "paths": cty.List(cty.String)}))
	}
	vals := make([]cty.Value, len(l))
	for i, s := range l {
		vals[i] = cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal(s.ID), "paths": StringList(s.Paths)})
	}
	return cty.ListVal(vals)
}

func sshID(s spec.SSH) string { return s.ID }

func (sshKeys) Merge(earlier, later any) any {
	return lastOfEach(slices.Concat(earlier.([]spec.SSH), later.([]spec.SSH)), sshID)
}

func (sshKeys) Normalize(v any) any { return lastOfEach(v.([]spec.SSH), sshID) }

func (k sshKeys) Override(v any, o *Change) (any, error) {
	l, err := ParseAll(o.Values, ParseSSH)
	if err != nil || !o.append || v == nil {
		return l, err
	}
	return k.Merge(v, l), nil
}

func (sshKeys) Show(v any) any {
	var out []map[string]any
	for _, s := range v.([]spec.SSH) {
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
