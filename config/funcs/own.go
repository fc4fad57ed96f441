package funcs

import (
	"errors"
	"fmt"
	"math/big"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/orch-build/orch/internal/lazyregexp"
)

// textFunc makes a function from one string to another.
func textFunc(param string, f func(string) string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: param, Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.StringVal(f(args[0].AsString())), nil
		},
	})
}

// basenameFunc gives the last part of a path with slashes.
var basenameFunc = textFunc("path", path.Base)

// dirnameFunc gives a path with slashes without its last part.
var dirnameFunc = textFunc("path", path.Dir)

// sanitizeFunc makes a text fit to be the name of a target.
var sanitizeFunc = textFunc("name", SanitizeName)

// SanitizeName replaces what cannot be in the name of a target by "_".
func SanitizeName(s string) string {
	return strings.Map(func(r rune) rune {
		if NameRune(r) {
			return r
		}
		return '_'
	}, s)
}

// NameRune reports whether a character may be in the name of a target.
func NameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
}

// indexOfFunc gives the position of a value in a list.
var indexOfFunc = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "list", Type: cty.DynamicPseudoType},
		{Name: "value", Type: cty.DynamicPseudoType},
	},
	Type: function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if t := args[0].Type(); !t.IsListType() && !t.IsTupleType() {
			return cty.DynamicVal, function.NewArgErrorf(0, "it must be a list")
		}
		for it := args[0].ElementIterator(); it.Next(); {
			i, v := it.Element()
			same, err := stdlib.Equal(v, args[1])
			if err != nil {
				return cty.DynamicVal, err
			}
			if same.IsKnown() && same.True() {
				return i, nil
			}
		}
		return cty.DynamicVal, errors.New("the list does not hold that value")
	},
})

// semvercmpFunc says whether a version meets a constraint, such as ">= 1.2".
var semvercmpFunc = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "version", Type: cty.String},
		{Name: "constraint", Type: cty.String},
	},
	Type: function.StaticReturnType(cty.Bool),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		version, err := semver.NewVersion(args[0].AsString())
		if err != nil {
			return cty.DynamicVal, function.NewArgErrorf(0, "%q is not a semantic version", args[0].AsString())
		}
		constraint, err := semver.NewConstraint(args[1].AsString())
		if err != nil {
			return cty.DynamicVal, function.NewArgErrorf(1, "%q is not a constraint of versions", args[1].AsString())
		}
		return cty.BoolVal(constraint.Check(version)), nil
	},
})

// timestampFunc gives the time of the run.
func timestampFunc(m Machine) function.Function {
	return function.New(&function.Spec{
		Type: function.StaticReturnType(cty.String),
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
			now := time.Unix(0, 0)
			if m.Now != nil {
				now = m.Now()
			}
			return cty.StringVal(now.UTC().Format(time.RFC3339)), nil
		},
	})
}

// goSetting is the form of the names that `go env` knows, none of which can be
// taken for a flag.
var goSetting = lazyregexp.New(`^[A-Z][A-Z0-9_]*$`)

// goenvFunc gives a setting of the machine's Go command, such as GOROOT, so
// that a build can take the toolchain that is there as a context.
func goenvFunc(m Machine) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "name", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if name := args[0].AsString(); !goSetting.MatchString(name) {
				return cty.DynamicVal, function.NewArgErrorf(0, "%q is not the name of a setting; there are GOROOT, GOMODCACHE and what else `go env` lists", name)
			}
			if m.GoEnv == nil {
				return cty.DynamicVal, errors.New("there is no Go command to ask")
			}
			value, err := m.GoEnv(args[0].AsString())
			return cty.StringVal(value), err
		},
	})
}

// homedirFunc gives the home folder of the user.
func homedirFunc(m Machine) function.Function {
	return function.New(&function.Spec{
		Type: function.StaticReturnType(cty.String),
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
			if m.HomeDir == nil {
				return cty.StringVal(""), nil
			}
			dir, err := m.HomeDir()
			if err != nil {
				return cty.DynamicVal, fmt.Errorf("finding the home folder: %w", err)
			}
			return cty.StringVal(dir), nil
		},
	})
}

// unixTime reads seconds since 1970.
func unixTime(v cty.Value) (time.Time, error) {
	seconds, accuracy := v.AsBigFloat().Int64()
	if accuracy != big.Exact {
		return time.Time{}, errors.New("a Unix time is a whole number")
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// formatTimestampFunc writes a time, given as RFC 3339 or Unix seconds, in
// the layout of formatdate; the layout "X" is Unix seconds.
var formatTimestampFunc = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "format", Type: cty.String},
		{Name: "time", Type: cty.DynamicPseudoType},
	},
	Type: function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		var t time.Time
		var err error
		switch args[1].Type() {
		case cty.Number:
			t, err = unixTime(args[1])
		case cty.String:
			t, err = time.Parse(time.RFC3339, args[1].AsString())
		default:
			err = errors.New("it must be a time as RFC 3339 has it, or Unix seconds")
		}
		if err != nil {
			return cty.DynamicVal, function.NewArgError(1, err)
		}
		if args[0].AsString() == "X" {
			return cty.StringVal(strconv.FormatInt(t.Unix(), 10)), nil
		}
		return stdlib.FormatDate(args[0], cty.StringVal(t.Format(time.RFC3339)))
	},
})

// unixTimestampParseFunc takes Unix seconds apart.
var unixTimestampParseFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "unix_timestamp", Type: cty.Number}},
	Type: function.StaticReturnType(cty.Object(map[string]cty.Type{
		"year": cty.Number, "year_day": cty.Number, "day": cty.Number,
		"month": cty.Number, "month_name": cty.String,
		"weekday": cty.Number, "weekday_name": cty.String,
		"hour": cty.Number, "minute": cty.Number, "second": cty.Number,
		"rfc3339": cty.String, "iso_year": cty.Number, "iso_week": cty.Number,
	})),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		t, err := unixTime(args[0])
		if err != nil {
			return cty.DynamicVal, function.NewArgError(0, err)
		}
		number := func(n int) cty.Value { return cty.NumberIntVal(int64(n)) }
		isoYear, isoWeek := t.ISOWeek()
		return cty.ObjectVal(map[string]cty.Value{
			"year": number(t.Year()), "year_day": number(t.YearDay()), "day": number(t.Day()),
			"month": number(int(t.Month())), "month_name": cty.StringVal(t.Month().String()),
			"weekday": number(int(t.Weekday())), "weekday_name": cty.StringVal(t.Weekday().String()),
			"hour": number(t.Hour()), "minute": number(t.Minute()), "second": number(t.Second()),
			"rfc3339": cty.StringVal(t.Format(time.RFC3339)), "iso_year": number(isoYear), "iso_week": number(isoWeek),
		}), nil
	},
})
