package funcs

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// remoteFunctions lists what a definition from elsewhere may call: functions
// that work only with their arguments, with the time, or with chance. A
// function that is new has to be added here before such a definition may call
// it.
var remoteFunctions = sync.OnceValue(func() []string {
	return strings.Fields(`
		absolute add and base64decode base64encode basename bcrypt byteslen
		bytesslice can ceil chomp chunklist cidrhost cidrnetmask cidrsubnet
		cidrsubnets coalesce coalescelist compact concat contains convert
		csvdecode dirname distinct divide element equal flatten floor format
		formatdate formatlist formattimestamp greaterthan greaterthanorequalto
		hasindex indent index indexof int join jsondecode jsonencode keys length
		lessthan lessthanorequalto log lookup lower max md5 merge min modulo
		multiply negate not notequal or parseint pow range regex regex_replace
		regexall replace reverse reverselist rsadecrypt sanitize semvercmp
		sethaselement setintersection setproduct setsubtract
		setsymmetricdifference setunion sha1 sha256 sha512 signum slice sort
		split strlen substr subtract timeadd timestamp title trim trimprefix
		trimspace trimsuffix try unixtimestampparse upper urlencode uuidv4
		uuidv5 values zipmap`)
})

// askingFunctions report facts of this machine. A definition from elsewhere may call
// them too, because whoever fills a Machine decides what they may say.
var askingFunctions = []string{"goenv", "homedir"}

// Remote replaces the functions that a definition from elsewhere may not call by
// ones that say so.
func Remote(functions map[string]function.Function) map[string]function.Function {
	for name := range functions {
		if !slices.Contains(remoteFunctions(), name) && !slices.Contains(askingFunctions, name) {
			functions[name] = refusing(name)
		}
	}
	return functions
}

// refusing returns a function that cannot be called.
func refusing(name string) function.Function {
	err := fmt.Errorf("a definition that does not come from this machine may not call %s()", name)
	return function.New(&function.Spec{
		VarParam: &function.Parameter{Name: "arguments", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true},
		Type:     func([]cty.Value) (cty.Type, error) { return cty.DynamicPseudoType, err },
		Impl:     func([]cty.Value, cty.Type) (cty.Value, error) { return cty.DynamicVal, err },
	})
}
