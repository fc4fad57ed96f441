package attribute

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/config/spec"
)

// policies is the list of source policies.
type policies struct{}

func (policies) Decode(v cty.Value) (any, error) {
	return decodeEntries(v, parsePolicy, func(v cty.Value) (spec.Policy, error) {
		if !v.Type().IsObjectType() && !v.Type().IsMapType() {
			return spec.Policy{}, fmt.Errorf("it must be a string or an object, and this is %s", Article(v.Type()))
		}
		var fs []string
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			s, err := scalar(e)
			if err != nil {
				return spec.Policy{}, err
			}
			if s != "" {
				fs = append(fs, k.AsString()+"="+s)
			}
		}
		return policyOf(fs)
	})
}

// scalar writes a string, a number or a boolean as text; null is "".
func scalar(v cty.Value) (string, error) {
	if v.IsNull() || !v.IsKnown() {
		return "", nil
	}
	switch v.Type() {
	case cty.String:
		return v.AsString(), nil
	case cty.Bool:
		return strconv.FormatBool(v.True()), nil
	case cty.Number:
		return new(big.Float).Set(v.AsBigFloat()).Text('f', -1), nil
	}
	return "", fmt.Errorf("it must be a string, and this is %s", Article(v.Type()))
}

func parsePolicy(text string) ([]spec.Policy, error) {
	fs, err := fields(text)
	if err != nil {
		return nil, err
	}
	p, err := policyOf(fs)
	return []spec.Policy{p}, err
}

// logLevels are the levels that a policy may log at.
var logLevels = []string{"panic", "fatal", "error", "warn", "warning", "info", "debug", "trace"}

func policyOf(fs []string) (spec.Policy, error) {
	var p spec.Policy
	for _, f := range fs {
		k, value, err := field(f)
		if err != nil {
			return p, err
		}
		switch k = strings.TrimSpace(k); k {
		case "filename":
			if value == "" {
				return p, fmt.Errorf("filename is empty")
			}
			p.Files = append(p.Files, spec.PolicyFile{Filename: value})
		case "reset", "disabled", "strict":
			b, err := strconv.ParseBool(value)
			if err != nil {
				return p, fmt.Errorf("%s is neither true nor false", f)
			}
			switch k {
			case "reset":
				p.Reset = b
			case "disabled":
				p.Disabled = b
			default:
				p.Strict = &b
			}
		case "log-level":
			level := strings.ToLower(value)
			if !slices.Contains(logLevels, level) {
				return p, fmt.Errorf("%q is not a log level; there are %s", value, strings.Join(logLevels, ", "))
			}
			if level == "warn" {
				level = "warning"
			}
			p.LogLevel = &level
		default:
			return p, fmt.Errorf("a policy has no %q; it has filename, reset, disabled, strict and log-level", k)
		}
	}
	return p, nil
}

func (policies) Encode(v any) cty.Value {
	list, _ := v.([]spec.Policy)
	if len(list) == 0 {
		return cty.ListValEmpty(entryType)
	}
	vals := make([]cty.Value, len(list))
	for i, p := range list {
		m := map[string]cty.Value{}
		if len(p.Files) > 0 {
			m["filename"] = cty.StringVal(p.Files[0].Filename)
		}
		if p.Reset {
			m["reset"] = cty.StringVal("true")
		}
		if p.Disabled {
			m["disabled"] = cty.StringVal("true")
		}
		if p.Strict != nil {
			m["strict"] = cty.StringVal(strconv.FormatBool(*p.Strict))
		}
		if p.LogLevel != nil {
			m["log-level"] = cty.StringVal(*p.LogLevel)
		}
		vals[i] = cty.MapValEmpty(cty.String)
		if len(m) > 0 {
			vals[i] = cty.MapVal(m)
		}
	}
	return cty.ListVal(vals)
}

func (policies) Merge(earlier, later any) any {
	return slices.Concat(earlier.([]spec.Policy), later.([]spec.Policy))
}

func (policies) Normalize(v any) any { return v }

func (policies) Override(v any, o *Change) (any, error) {
	var out []spec.Policy
	if o.append {
		old, _ := v.([]spec.Policy)
		out = slices.Clone(old)
	}
	for _, s := range o.Values {
		if s == "" {
			return nil, fmt.Errorf("a policy cannot be empty")
		}
		more, err := parsePolicy(s)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

func (policies) Show(v any) any {
	if list := v.([]spec.Policy); len(list) > 0 {
		return list
	}
	return nil
}

// ParsePolicy reads the comma separated form of a source policy.
func ParsePolicy(text string) (spec.Policy, error) {
	p, err := parsePolicy(text)
	if err != nil {
		return spec.Policy{}, err
	}
	return p[0], nil
}
