package funcs

import (
	"cmp"
	"strings"

	"github.com/zclconf/go-cty/cty/function"
)

// undescribed says what the functions do that do not say it themselves.
var undescribed = map[string]string{
	"base64decode":       "Returns the text that the given Base64 text stands for.",
	"base64encode":       "Returns the given text in Base64.",
	"basename":           "Returns the last part of a path.",
	"bcrypt":             "Returns a bcrypt hash of the given text. The cost is 10 if it is not given.",
	"can":                "Returns whether the expression can be evaluated without an error.",
	"cidrhost":           "Returns the address with the given number in a network such as 10.0.0.0/8.",
	"cidrnetmask":        "Returns the netmask of an IPv4 network.",
	"cidrsubnet":         "Returns the subnet with the given number, whose prefix is longer by newbits.",
	"cidrsubnets":        "Returns consecutive subnets, one for each number of additional bits.",
	"contains":           "Returns whether the list has the given value.",
	"convert":            "Converts a value to a type, such as list(string).",
	"dirname":            "Returns a path without its last part.",
	"format":             "Returns the format with its verbs (%s, %d, …) replaced by the arguments.",
	"formatlist":         "Formats once for each element of the lists among its arguments, and returns a list.",
	"formattimestamp":    "Formats a time: RFC 3339, or seconds since 1970.",
	"goenv":              "Returns a setting of the Go command of this machine, such as GOROOT. Only in orch.",
	"homedir":            "Returns the home folder of the user.",
	"indent":             "Puts the given number of spaces in front of every line but the first.",
	"indexof":            "Returns the index of a value in a list; it is an error if the value is not there.",
	"log":                "Returns the logarithm of a number to a base.",
	"md5":                "Returns the MD5 sum of the given text in hexadecimal digits.",
	"pow":                "Returns the number raised to a power.",
	"regex_replace":      "Replaces every match of a regular expression; $1 is its first group.",
	"replace":            "Replaces every occurrence of a text by another.",
	"rsadecrypt":         "Decrypts Base64 text with an RSA private key in PEM form.",
	"sanitize":           "Replaces every character that the name of a target cannot have by _.",
	"semvercmp":          "Returns whether a version meets a constraint, such as >= 1.2.",
	"setproduct":         "Returns every combination of an element of each set.",
	"sha1":               "Returns the SHA-1 sum of the given text in hexadecimal digits.",
	"sha256":             "Returns the SHA-256 sum of the given text in hexadecimal digits.",
	"sha512":             "Returns the SHA-512 sum of the given text in hexadecimal digits.",
	"timestamp":          "Returns the time at which the definition is evaluated, in RFC 3339 form.",
	"try":                "Returns the first of its expressions that can be evaluated without an error.",
	"unixtimestampparse": "Returns the parts of a time that is given as seconds since 1970: year, month, day, hour, ….",
	"urlencode":          "Returns the given text as a part of a URL.",
	"uuidv4":             "Returns a random UUID.",
	"uuidv5":             "Returns the UUID of a name in a namespace, such as dns.",
}

// Describe says in a sentence what a function does.
func Describe(name string, f function.Function) string {
	return cmp.Or(undescribed[name], f.Description())
}

// Signature shows how a function is called, such as split(separator, str).
func Signature(name string, f function.Function) string {
	var params []string
	for _, p := range f.Params() {
		params = append(params, p.Name)
	}
	if p := f.VarParam(); p != nil {
		params = append(params, p.Name+"…")
	}
	return name + "(" + strings.Join(params, ", ") + ")"
}
