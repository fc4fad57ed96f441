package attribute

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/config/spec"
)

// outputs is the list of exporters.
type outputs struct{}

func (outputs) Decode(v cty.Value) (any, error) {
	return decodeEntries(v, ParseOutput, func(v cty.Value) (spec.Entry, error) {
		e, err := objectEntry(v)
		if e.Attrs["dest"] == "" {
			delete(e.Attrs, "dest")
		}
		return e, err
	})
}

// ParseOutput reads "type=…,k=v", a folder ("./out"), or "-" for a tar
// archive on standard output.
func ParseOutput(s string) ([]spec.Entry, error) {
	fs, err := fields(s)
	if err != nil {
		return nil, err
	}
	if len(fs) == 1 && fs[0] == s && !strings.HasPrefix(s, "type=") {
		if s == "-" {
			return []spec.Entry{{Type: "tar", Attrs: map[string]string{"dest": "-"}}}, nil
		}
		return []spec.Entry{{Type: "local", Attrs: map[string]string{"dest": s}}}, nil
	}
	e := spec.Entry{Attrs: map[string]string{}}
	for _, f := range fs {
		k, value, err := field(f)
		if err != nil {
			return nil, err
		}
		switch k = strings.TrimSpace(k); {
		case k == "type":
			e.Type = value
		case k != "dest" || value != "":
			e.Attrs[k] = value
		}
	}
	if e.Type == "" {
		return nil, fmt.Errorf("%q needs a type, such as type=image,%s", s, s)
	}
	return []spec.Entry{e}, nil
}

func (outputs) Encode(v any) cty.Value {
	return encodeEntries(v, map[string]string{"dest": ""})
}

func (outputs) Merge(_, later any) any { return later }

func (outputs) Normalize(v any) any { return normalizeEntries(v) }

func (outputs) Override(v any, o *Change) (any, error) { return overrideEntries(v, o, ParseOutput) }

func (outputs) Show(v any) any { return showEntries(v) }

// overridePush applies --push and --set TARGET.push=BOOL. Pushing sets
// push on every image output; if there is no output, or only docker ones, it
// adds an image output. Not pushing takes registry outputs away.
func overridePush(v any, o *Change) (any, error) {
	push, err := o.bool()
	if err != nil {
		return nil, err
	}
	var out []spec.Entry
	onlyDocker := true
	old, _ := v.([]spec.Entry)
	for _, e := range old {
		if e.Type == "registry" && !push {
			continue
		}
		if e.Type == "image" {
			e = e.Clone()
			e.Attrs["push"] = fmt.Sprint(push)
		}
		onlyDocker = onlyDocker && e.Type == "docker"
		out = append(out, e)
	}
	if push && onlyDocker {
		out = append(out, spec.Entry{Type: "image", Attrs: map[string]string{"push": "true"}})
	}
	return out, nil
}

// overrideLoad applies --load and --set TARGET.load=BOOL: it adds a
// docker output, unless one is there or an output is of a kind that does not
// go with it.
func overrideLoad(v any, o *Change) (any, error) {
	load, err := o.bool()
	if err != nil || !load {
		return v, err
	}
	old, _ := v.([]spec.Entry)
	for _, e := range old {
		switch e.Type {
		case "docker":
			if e.Attrs["dest"] == "" {
				return v, nil
			}
		case "image", "registry", "oci":
		default:
			return v, nil
		}
	}
	return append(slices.Clone(old), spec.Entry{Type: "docker", Attrs: map[string]string{}}), nil
}
