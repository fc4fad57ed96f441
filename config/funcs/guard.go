package funcs

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// Some functions can make a value of any size out of a few letters. Their arguments
// are checked before they run.

const (
	// MaxValue is how large a value may be: bytes of text, plus one for each
	// element.
	MaxValue = 4 << 20
	// maxBcryptCost is the largest cost of bcrypt(); each more takes twice the
	// time, and this one seconds.
	maxBcryptCost = 15
)

// errTooLarge is what such a function says.
var errTooLarge = fmt.Errorf("the result would be larger than %d MiB", MaxValue>>20)

// guarded returns a function that is not called if check refuses the
// arguments; check sees those that are known.
func guarded(f function.Function, check func(args []cty.Value) error) function.Function {
	spec := &function.Spec{
		Params:   f.Params(),
		VarParam: f.VarParam(),
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

// guardProduct refuses a setproduct of too many elements.
func guardProduct(args []cty.Value) error {
	n := 1
	for _, a := range args {
		if !a.CanIterateElements() {
			return nil
		}
		if n *= a.LengthInt(); n > MaxValue {
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
	re, err := regexp.Compile(args[1].AsString())
	if err != nil {
		return nil // the function says it better
	}
	matches := len(re.FindAllStringIndex(text, MaxValue))
	if matches*len(with) > MaxValue || strings.Count(with, "$")*len(text) > MaxValue {
		return errTooLarge
	}
	return nil
}

// maxPadding is the largest width or precision in a format.
const maxPadding = 10_000

// widths are the numbers of a verb, as in "%-20.5s".
var widths = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`%%|%[-+# 0]*(\d*)\.?(\d*)`) })

// guardFormat refuses a format with a width or a precision that nobody means.
func guardFormat(args []cty.Value) error {
	for _, m := range widths().FindAllStringSubmatch(args[0].AsString(), -1) {
		for _, digits := range m[1:] {
			if n, err := strconv.Atoi(digits); digits != "" && (err != nil || n > maxPadding) {
				return fmt.Errorf("the format has a width of more than %d", maxPadding)
			}
		}
	}
	return nil
}
