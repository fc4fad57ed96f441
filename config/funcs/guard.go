package funcs

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/orch-build/orch/internal/lazyregexp"
)

// Some functions can make a value of any size out of a few letters. Their arguments
// are checked before they run.

const (
	// MaxValue is how large a value may be: see schema.Lighter.
	MaxValue = 4 << 20
	// maxElements is how many elements that comes to, at most.
	maxElements = MaxValue >> 4
	// maxDistinct is how many elements distinct() compares with each other.
	maxDistinct = 5000
	// maxSet is how many elements a set may have: each takes microseconds.
	maxSet = 20_000
	// maxMixed is how many elements may have types of their own where one type is
	// looked for: each is compared with each.
	maxMixed = 2000
	// maxSteps is how many steps a function may take, some nanoseconds each.
	maxSteps = 1 << 30
	// maxBcryptCost is the largest cost of bcrypt(); each more takes twice the
	// time, and this one seconds.
	maxBcryptCost = 15
)

// What such a function says.
var (
	errTooLarge = fmt.Errorf("the result would be larger than %d MiB", MaxValue>>20)
	errTooLong  = errors.New("that would take minutes")
)

// guarded returns a function that is not called if check refuses the
// arguments; check sees those that are known.
func guarded(f function.Function, check func(args []cty.Value) error) function.Function {
	spec := &function.Spec{
		Description: f.Description(),
		Params:      f.Params(),
		VarParam:    f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if err := checkKnown(args, check); err != nil {
				return cty.DynamicPseudoType, err
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	}
	return function.New(spec)
}

// calm returns a function that reports a panic of the library's as an error,
// without the stack.
func calm(f function.Function) function.Function {
	return function.New(&function.Spec{
		Params: f.Params(),
		Type:   f.ReturnTypeForValues,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := f.Call(args)
			if errors.As(err, &function.PanicError{}) {
				return cty.DynamicVal, errors.New("there is no result for these arguments")
			}
			return v, err
		},
	})
}

// withoutNull returns a function that takes no null. The library's contains()
// takes it for the value, but cannot answer for one without a type.
func withoutNull(f function.Function) function.Function {
	params := f.Params()
	for i := range params {
		params[i].AllowNull = false
	}
	return function.New(&function.Spec{
		Params: params,
		Type:   f.ReturnTypeForValues,
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	})
}

func checkKnown(args []cty.Value, check func(args []cty.Value) error) error {
	for _, a := range args {
		if a.IsNull() || !a.IsWhollyKnown() {
			return nil
		}
	}
	return check(args)
}

// Accept makes an argument what a parameter wants, as HCL does before it calls a
// function, but refuses what would take minutes: to find a type for many elements of
// different types, and to make a set of many.
func Accept(a cty.Value, want cty.Type) (cty.Value, error) {
	if !a.CanIterateElements() || !want.IsCollectionType() || want.ElementType() != cty.DynamicPseudoType {
		return convert.Convert(a, want)
	}
	n := a.LengthInt()
	if want.IsSetType() && n > maxSet {
		return cty.DynamicVal, fmt.Errorf("there are more than %d elements", maxSet)
	}
	var types []cty.Type
	switch t := a.Type(); {
	case t.IsTupleType():
		types = t.TupleElementTypes()
	case t.IsObjectType():
		types = slices.Collect(maps.Values(t.AttributeTypes()))
	}
	same := len(types) > 0 && !types[0].HasDynamicTypes() &&
		!slices.ContainsFunc(types, func(t cty.Type) bool { return !t.Equals(types[0]) })
	switch {
	case same && want.IsSetType():
		return cty.SetVal(a.AsValueSlice()), nil
	case same && want.IsListType():
		return cty.ListVal(a.AsValueSlice()), nil
	case same && a.Type().IsObjectType():
		return cty.MapVal(a.AsValueMap()), nil
	case len(types) > maxMixed:
		return cty.DynamicVal, fmt.Errorf("there are more than %d elements, of different types", maxMixed)
	}
	return convert.Convert(a, want)
}

// guardProduct refuses a setproduct of too many elements.
func guardProduct(args []cty.Value) error {
	n := 1
	for _, a := range args {
		if !a.CanIterateElements() {
			return nil
		}
		if n *= a.LengthInt(); n > maxElements {
			return errTooLarge
		}
	}
	return nil
}

// guardBcrypt refuses a cost that takes minutes.
func guardBcrypt(args []cty.Value) error {
	if len(args) < 2 {
		return nil
	}
	if cost, _ := args[1].AsBigFloat().Float64(); cost > maxBcryptCost {
		return fmt.Errorf("the cost is more than %d", maxBcryptCost)
	}
	return nil
}

// guardIndent refuses an indent of too many spaces.
func guardIndent(args []cty.Value) error {
	spaces, _ := args[0].AsBigFloat().Float64()
	if spaces*float64(strings.Count(args[1].AsString(), "\n")) > MaxValue {
		return errTooLarge
	}
	return nil
}

// guardReplace refuses a replacement that would make the text too large.
func guardReplace(args []cty.Value) error {
	text, old, with := args[0].AsString(), args[1].AsString(), args[2].AsString()
	if n := strings.Count(text, old) * len(with); n > MaxValue {
		return errTooLarge
	}
	return nil
}

// guardRegexReplace is guardReplace for a regular expression; a replacement
// may repeat what was matched.
func guardRegexReplace(args []cty.Value) error {
	text, with := args[0].AsString(), args[2].AsString()
	re, err := compiled(args[1].AsString(), text)
	if re == nil {
		return err
	}
	matches := len(re.FindAllStringIndex(text, MaxValue))
	if matches*len(with) > MaxValue || strings.Count(with, "$")*len(text) > MaxValue {
		return errTooLarge
	}
	return nil
}

// compiled returns a regular expression, nil if it is none: the function says that
// better. It refuses one that takes too many steps for a text: as many as the
// expression has instructions for each byte.
func compiled(pattern, text string) (*regexp.Regexp, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, nil
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, nil
	}
	if len(text)*len(program.Inst) > maxSteps {
		return nil, errTooLong
	}
	return regexp.MustCompile(pattern), nil
}

// guardRegex refuses a search of minutes.
func guardRegex(args []cty.Value) error {
	_, err := compiled(args[0].AsString(), args[1].AsString())
	return err
}

// guardRegexAll refuses a search of minutes, and too many matches, of which each
// holds what its groups matched.
func guardRegexAll(args []cty.Value) error {
	re, err := compiled(args[0].AsString(), args[1].AsString())
	if re == nil {
		return err
	}
	matches := len(re.FindAllStringIndex(args[1].AsString(), maxElements))
	if matches*(1+re.NumSubexp()) >= maxElements {
		return errTooLarge
	}
	return nil
}

// guardSplit refuses too many pieces.
func guardSplit(args []cty.Value) error {
	if strings.Count(args[1].AsString(), args[0].AsString()) >= maxElements {
		return errTooLarge
	}
	return nil
}

// guardCSV refuses too many fields: each line has as many as the first.
func guardCSV(args []cty.Value) error {
	first, rest, _ := strings.Cut(args[0].AsString(), "\n")
	if (1+strings.Count(first, ","))*(1+strings.Count(rest, "\n")) > maxElements {
		return errTooLarge
	}
	return nil
}

// guardJoin refuses a text that is too large because of what is between its parts.
func guardJoin(args []cty.Value) error {
	n := 0
	for _, list := range args[1:] {
		if list.CanIterateElements() {
			n += list.LengthInt()
		}
	}
	if n*len(args[0].AsString()) > MaxValue {
		return errTooLarge
	}
	return nil
}

// guardFormatList is guardFormat for lists, with each element of which the other
// arguments are written again.
func guardFormatList(args []cty.Value) error {
	if err := guardFormat(args); err != nil {
		return err
	}
	once, n := len(args[0].AsString()), 1
	for _, a := range args[1:] {
		switch {
		case a.Type() == cty.String:
			once += len(a.AsString())
		case a.CanIterateElements():
			n = max(n, a.LengthInt())
		}
	}
	if once*n > MaxValue {
		return errTooLarge
	}
	return nil
}

// guardDistinct refuses more elements than can be compared with each other.
func guardDistinct(args []cty.Value) error {
	if n := args[0].LengthInt(); n > maxDistinct {
		return fmt.Errorf("the list has more than %d elements", maxDistinct)
	}
	return nil
}

// maxPadding is the largest width or precision in a format.
const maxPadding = 10_000

// widths are the numbers of a verb, as in "%-20.5s".
var widths = lazyregexp.New(`%%|%[-+# 0]*(\d*)\.?(\d*)`)

// guardFormat refuses a format with a width or a precision that nobody means.
func guardFormat(args []cty.Value) error {
	for _, m := range widths.FindAllStringSubmatch(args[0].AsString(), -1) {
		for _, digits := range m[1:] {
			if n, err := strconv.Atoi(digits); digits != "" && (err != nil || n > maxPadding) {
				return fmt.Errorf("the format has a width of more than %d", maxPadding)
			}
		}
	}
	return nil
}
