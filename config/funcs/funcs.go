package funcs

import (
	"time"

	"github.com/hashicorp/go-cty-funcs/cidr"
	"github.com/hashicorp/go-cty-funcs/crypto"
	"github.com/hashicorp/go-cty-funcs/encoding"
	"github.com/hashicorp/go-cty-funcs/uuid"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// Machine is what functions may ask of the machine. Each field may be nil.
type Machine struct {
	// HomeDir gives the home folder for homedir(); without it, it is "".
	HomeDir func() (string, error)
	// GoEnv gives a setting of the Go command for goenv().
	GoEnv func(name string) (string, error)
	// Now gives the time for timestamp(); without it, it is the Unix epoch.
	Now func() time.Time
}

// Standard returns the functions of the language by name. The table is made
// when it is asked for, so that it costs nothing at start-up.
func Standard(m Machine) map[string]function.Function {
	return map[string]function.Function{
		"absolute":               stdlib.AbsoluteFunc,
		"add":                    stdlib.AddFunc,
		"and":                    stdlib.AndFunc,
		"base64decode":           encoding.Base64DecodeFunc,
		"base64encode":           encoding.Base64EncodeFunc,
		"basename":               basenameFunc,
		"bcrypt":                 guarded(crypto.BcryptFunc, guardBcrypt),
		"byteslen":               stdlib.BytesLenFunc,
		"bytesslice":             stdlib.BytesSliceFunc,
		"can":                    tryfunc.CanFunc,
		"ceil":                   stdlib.CeilFunc,
		"chomp":                  stdlib.ChompFunc,
		"chunklist":              stdlib.ChunklistFunc,
		"cidrhost":               cidr.HostFunc,
		"cidrnetmask":            cidr.NetmaskFunc,
		"cidrsubnet":             cidr.SubnetFunc,
		"cidrsubnets":            cidr.SubnetsFunc,
		"coalesce":               stdlib.CoalesceFunc,
		"coalescelist":           stdlib.CoalesceListFunc,
		"compact":                stdlib.CompactFunc,
		"concat":                 stdlib.ConcatFunc,
		"contains":               withoutNull(stdlib.ContainsFunc),
		"convert":                typeexpr.ConvertFunc,
		"csvdecode":              guarded(stdlib.CSVDecodeFunc, guardCSV),
		"dirname":                dirnameFunc,
		"distinct":               guarded(stdlib.DistinctFunc, guardDistinct),
		"divide":                 stdlib.DivideFunc,
		"element":                stdlib.ElementFunc,
		"equal":                  stdlib.EqualFunc,
		"flatten":                stdlib.FlattenFunc,
		"floor":                  stdlib.FloorFunc,
		"format":                 guarded(stdlib.FormatFunc, guardFormat),
		"formatdate":             stdlib.FormatDateFunc,
		"formatlist":             guarded(stdlib.FormatListFunc, guardFormatList),
		"formattimestamp":        formatTimestampFunc,
		"greaterthan":            stdlib.GreaterThanFunc,
		"greaterthanorequalto":   stdlib.GreaterThanOrEqualToFunc,
		"hasindex":               stdlib.HasIndexFunc,
		"goenv":                  goenvFunc(m),
		"homedir":                homedirFunc(m),
		"indent":                 guarded(stdlib.IndentFunc, guardIndent),
		"index":                  stdlib.IndexFunc,
		"indexof":                indexOfFunc,
		"int":                    stdlib.IntFunc,
		"join":                   guarded(stdlib.JoinFunc, guardJoin),
		"jsondecode":             stdlib.JSONDecodeFunc,
		"jsonencode":             stdlib.JSONEncodeFunc,
		"keys":                   stdlib.KeysFunc,
		"length":                 stdlib.LengthFunc,
		"lessthan":               stdlib.LessThanFunc,
		"lessthanorequalto":      stdlib.LessThanOrEqualToFunc,
		"log":                    calm(stdlib.LogFunc),
		"lookup":                 stdlib.LookupFunc,
		"lower":                  stdlib.LowerFunc,
		"max":                    stdlib.MaxFunc,
		"md5":                    crypto.Md5Func,
		"merge":                  stdlib.MergeFunc,
		"min":                    stdlib.MinFunc,
		"modulo":                 stdlib.ModuloFunc,
		"multiply":               stdlib.MultiplyFunc,
		"negate":                 stdlib.NegateFunc,
		"not":                    stdlib.NotFunc,
		"notequal":               stdlib.NotEqualFunc,
		"or":                     stdlib.OrFunc,
		"parseint":               stdlib.ParseIntFunc,
		"pow":                    calm(stdlib.PowFunc),
		"range":                  stdlib.RangeFunc,
		"regex":                  guarded(stdlib.RegexFunc, guardRegex),
		"regex_replace":          guarded(stdlib.RegexReplaceFunc, guardRegexReplace),
		"regexall":               guarded(stdlib.RegexAllFunc, guardRegexAll),
		"replace":                guarded(stdlib.ReplaceFunc, guardReplace),
		"reverse":                stdlib.ReverseFunc,
		"reverselist":            stdlib.ReverseListFunc,
		"rsadecrypt":             crypto.RsaDecryptFunc,
		"sanitize":               sanitizeFunc,
		"semvercmp":              semvercmpFunc,
		"sethaselement":          stdlib.SetHasElementFunc,
		"setintersection":        stdlib.SetIntersectionFunc,
		"setproduct":             guarded(stdlib.SetProductFunc, guardProduct),
		"setsubtract":            stdlib.SetSubtractFunc,
		"setsymmetricdifference": stdlib.SetSymmetricDifferenceFunc,
		"setunion":               stdlib.SetUnionFunc,
		"sha1":                   crypto.Sha1Func,
		"sha256":                 crypto.Sha256Func,
		"sha512":                 crypto.Sha512Func,
		"signum":                 stdlib.SignumFunc,
		"slice":                  stdlib.SliceFunc,
		"sort":                   stdlib.SortFunc,
		"split":                  guarded(stdlib.SplitFunc, guardSplit),
		"strlen":                 stdlib.StrlenFunc,
		"substr":                 stdlib.SubstrFunc,
		"subtract":               stdlib.SubtractFunc,
		"timeadd":                stdlib.TimeAddFunc,
		"timestamp":              timestampFunc(m),
		"title":                  stdlib.TitleFunc,
		"trim":                   stdlib.TrimFunc,
		"trimprefix":             stdlib.TrimPrefixFunc,
		"trimspace":              stdlib.TrimSpaceFunc,
		"trimsuffix":             stdlib.TrimSuffixFunc,
		"try":                    tryfunc.TryFunc,
		"unixtimestampparse":     unixTimestampParseFunc,
		"upper":                  stdlib.UpperFunc,
		"urlencode":              encoding.URLEncodeFunc,
		"uuidv4":                 uuid.V4Func,
		"uuidv5":                 uuid.V5Func,
		"values":                 stdlib.ValuesFunc,
		"zipmap":                 stdlib.ZipmapFunc,
	}
}
