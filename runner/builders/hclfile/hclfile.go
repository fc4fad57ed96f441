// Package hclfile reads and edits builders.hcl, the file in which orch keeps the
// builders that somebody has named. It knows the language of the file, and not
// whether the builders are there.
package hclfile

import (
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/orch-build/orch/internal/hclparse"
	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/runner/builders/address"
)

// Name is what the file is called.
const Name = "builders.hcl"

// File is what a builders.hcl says.
type File struct {
	// Use is the builder that is used where none is named; "" is none.
	Use      string
	UseRange hcl.Range
	Builders []*Builder
}

// Builder is one block.
type Builder struct {
	Name  string
	Nodes []Node
	Range hcl.Range
}

// Node is one BuildKit daemon of a builder.
type Node struct {
	// Name is the block's label, or made from the builder's name.
	Name    string
	Address string
	// Platforms are those that the node is for; none is what it says itself.
	Platforms []string
	// Weight is its size in comparison with the other nodes; 1 if not written.
	Weight float64
	// Limit is how many targets it builds at once, as one of several; 0 is any number.
	Limit int
	TLS   TLS
}

// TLS names the files of a connection.
type TLS struct{ CA, Cert, Key, ServerName string }

// Empty says whether no TLS is asked for.
func (t TLS) Empty() bool { return t == TLS{} }

// Builder returns the builder of a name, or nil.
func (f *File) Builder(name string) *Builder {
	i := slices.IndexFunc(f.Builders, func(b *Builder) bool { return b.Name == name })
	if i < 0 {
		return nil
	}
	return f.Builders[i]
}

var validName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// CheckName says whether a builder can have a name.
func CheckName(name string) error {
	switch {
	case !validName.MatchString(name):
		return fmt.Errorf("%q cannot be the name of a builder: write letters, digits, dots, dashes and underscores", name)
	case name == "embedded" || name == "default":
		return fmt.Errorf("%q cannot be the name of a builder: it is that of a builder which is always there", name)
	}
	return nil
}

// Parse reads a file. Names of files in it are relative to its folder.
func Parse(src []byte, filename string) (*File, hcl.Diagnostics) {
	parsed, diags := hclparse.Parse(src, filename)
	if diags.HasErrors() {
		return nil, diags
	}
	r := &reader{dir: filepath.Dir(filename)}
	f := r.file(parsed)
	if r.diags.HasErrors() {
		return nil, r.diags
	}
	return f, r.diags
}

// reader collects what is wrong.
type reader struct {
	dir   string
	diags hcl.Diagnostics
}

func (r *reader) fault(at hcl.Range, summary, format string, args ...any) {
	r.diags = append(r.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: at.Ptr(),
	})
}

var (
	fileSchema = &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "use"}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "builder", LabelNames: []string{"name"}}},
	}
	builderSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "node"}}}
	nodeSchema    = &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "name"}, {Name: "address"}, {Name: "platforms"}, {Name: "weight"}, {Name: "limit"}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "tls"}},
	}
	tlsSchema = &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "ca"}, {Name: "cert"}, {Name: "key"}, {Name: "server_name"}},
	}
)

// content reads a body, and says what else could have been meant by names that
// it does not have.
func (r *reader) content(body hcl.Body, schema *hcl.BodySchema) *hcl.BodyContent {
	content, diags := body.Content(schema)
	var known []string
	for _, a := range schema.Attributes {
		known = append(known, a.Name)
	}
	for _, b := range schema.Blocks {
		known = append(known, b.Type)
	}
	for _, d := range diags {
		if m := quoted.FindStringSubmatch(d.Detail); m != nil && strings.HasPrefix(d.Summary, "Unsupported") {
			d.Detail = fmt.Sprintf("There is no %q here. %s", m[1], unknown(m[1], known))
		}
	}
	r.diags = append(r.diags, diags...)
	return content
}

var quoted = lazyregexp.New(`"([^"]+)"`)

func unknown(given string, known []string) string {
	if near := suggest.Name(given, known); near != "" {
		return fmt.Sprintf("Did you mean %q?", near)
	}
	return "There are: " + strings.Join(known, ", ") + "."
}

func (r *reader) file(body hcl.Body) *File {
	content := r.content(body, fileSchema)
	f := &File{}
	if use, ok := content.Attributes["use"]; ok {
		f.Use, f.UseRange = r.text(use), use.Expr.Range()
	}
	seen := map[string]hcl.Range{}
	for _, block := range content.Blocks {
		b := r.builder(block)
		if err := CheckName(b.Name); err != nil {
			r.fault(block.LabelRanges[0], "Invalid name of a builder", "%v.", err)
		}
		if first, ok := seen[b.Name]; ok {
			r.fault(block.LabelRanges[0], "Builder declared twice", "Builder %q is declared at %s:%d already.", b.Name, first.Filename, first.Start.Line)
		}
		seen[b.Name] = block.DefRange
		f.Builders = append(f.Builders, b)
	}
	return f
}

func (r *reader) builder(block *hcl.Block) *Builder {
	b := &Builder{Name: block.Labels[0], Range: block.DefRange}
	content := r.content(block.Body, builderSchema)
	names, addresses := map[string]bool{}, map[string]bool{}
	for i, n := range content.Blocks {
		node := r.node(n)
		if node.Name == "" {
			node.Name = fmt.Sprintf("%s%d", b.Name, i)
		}
		if names[node.Name] {
			r.fault(n.DefRange, "Node declared twice", "Builder %q has two nodes that are called %q.", b.Name, node.Name)
		}
		names[node.Name] = true
		if addresses[node.Address] && node.Address != "" {
			r.fault(n.DefRange, "Node declared twice", "Builder %q has two nodes at %s: the daemon would be taken for two.", b.Name, node.Address)
		}
		addresses[node.Address] = true
		b.Nodes = append(b.Nodes, node)
	}
	if len(content.Blocks) == 0 {
		r.fault(block.DefRange, "Builder without a node", "Write where the builder is: node { address = \"tcp://host:1234\" }.")
	}
	return b
}

func (r *reader) node(block *hcl.Block) Node {
	n := Node{Weight: 1}
	content := r.content(block.Body, nodeSchema)
	if a, ok := content.Attributes["name"]; ok {
		n.Name = r.text(a)
	}
	if a, ok := content.Attributes["address"]; ok {
		n.Address = r.text(a)
		if err := address.Check(n.Address); err != nil && n.Address != "" {
			r.fault(a.Expr.Range(), "Invalid address", "%v.", err)
		}
	} else {
		r.fault(block.DefRange, "Node without an address", "Write where the node is: address = \"tcp://host:1234\".")
	}
	if a, ok := content.Attributes["platforms"]; ok {
		n.Platforms = r.platforms(a)
	}
	if a, ok := content.Attributes["weight"]; ok {
		n.Weight = r.weight(a)
	}
	if a, ok := content.Attributes["limit"]; ok {
		n.Limit = r.limit(a)
	}
	for i, tls := range content.Blocks {
		if i > 0 {
			r.fault(tls.DefRange, "Two tls blocks", "A node has one connection, and so one block tls.")
			continue
		}
		n.TLS = r.tls(tls, n.Address)
	}
	return n
}

// value evaluates an attribute, in which there are no variables.
func (r *reader) value(a *hcl.Attribute, want cty.Type, form string) (cty.Value, bool) {
	v, diags := a.Expr.Value(nil)
	if diags.HasErrors() {
		r.diags = append(r.diags, diags...)
		return v, false
	}
	v, err := convert.Convert(v, want)
	if err != nil || v.IsNull() || !v.IsWhollyKnown() {
		r.fault(a.Expr.Range(), "Wrong type", "%s is %s.", a.Name, form)
		return v, false
	}
	return v, true
}

func (r *reader) text(a *hcl.Attribute) string {
	v, ok := r.value(a, cty.String, `text in quotes`)
	if !ok {
		return ""
	}
	if v.AsString() == "" {
		r.fault(a.Expr.Range(), "Empty value", "%s must not be empty; leave it out instead.", a.Name)
	}
	return v.AsString()
}

func (r *reader) platforms(a *hcl.Attribute) []string {
	v, ok := r.value(a, cty.List(cty.String), `a list, such as ["linux/amd64", "linux/arm64"]`)
	if !ok {
		return nil
	}
	var out []string
	for _, p := range v.AsValueSlice() {
		if p.IsNull() {
			r.fault(a.Expr.Range(), "Wrong type", "A platform must not be null.")
			continue
		}
		parsed, err := platforms.Parse(p.AsString())
		if err != nil || !strings.Contains(p.AsString(), "/") {
			r.fault(a.Expr.Range(), "Invalid platform", "%q is not a platform: write for example linux/arm64.", p.AsString())
			continue
		}
		for _, fault := range suggest.Platform(p.AsString(), parsed.OS, parsed.Architecture) {
			r.fault(a.Expr.Range(), "Unknown platform", "For a node, %s", fault)
		}
		out = append(out, platforms.Format(platforms.Normalize(parsed)))
	}
	return out
}

// MaxWeight is the largest weight.
const MaxWeight = 1e6

func (r *reader) weight(a *hcl.Attribute) float64 {
	v, ok := r.value(a, cty.Number, "a number, such as 2")
	if !ok {
		return 1
	}
	if v.AsBigFloat().Cmp(big.NewFloat(0)) <= 0 || v.AsBigFloat().Cmp(big.NewFloat(MaxWeight)) > 0 {
		r.fault(a.Expr.Range(), "Invalid weight", "weight is a number above 0, up to a million, such as 2 for a node of twice the size.")
		return 1
	}
	w, _ := v.AsBigFloat().Float64()
	return w
}

func (r *reader) limit(a *hcl.Attribute) int {
	v, ok := r.value(a, cty.Number, "a number, such as 4")
	if !ok {
		return 0
	}
	n, accuracy := v.AsBigFloat().Int64()
	if accuracy != big.Exact || n < 1 || n > 1e6 {
		r.fault(a.Expr.Range(), "Invalid limit", "limit is a whole number above 0, such as 4 for four targets at once; leave it out for no limit.")
		return 0
	}
	return int(n)
}

func (r *reader) tls(block *hcl.Block, addr string) TLS {
	var t TLS
	content := r.content(block.Body, tlsSchema)
	file := func(name string) string {
		a, ok := content.Attributes[name]
		if !ok {
			return ""
		}
		path := filepath.FromSlash(r.text(a))
		if path == "" || filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(r.dir, path)
	}
	t.CA, t.Cert, t.Key = file("ca"), file("cert"), file("key")
	if a, ok := content.Attributes["server_name"]; ok {
		t.ServerName = r.text(a)
	}
	switch {
	case addr != "" && !strings.HasPrefix(addr, "tcp://") && !strings.HasPrefix(addr, "dns+tcp://"):
		r.fault(block.DefRange, "TLS without a port", "Only addresses of tcp:// have TLS; this one is %s.", addr)
	case t.CA == "":
		r.fault(block.DefRange, "TLS without an authority", "Write ca = \"ca.pem\": the certificate of the authority that signed the builder's.")
	case (t.Cert == "") != (t.Key == ""):
		r.fault(block.DefRange, "Half of a certificate", "cert and key belong together: one of them is missing.")
	}
	return t
}
