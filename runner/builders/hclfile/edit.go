package hclfile

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// edit changes the text of a file, and leaves all else in it as it is.
func edit(src []byte, filename string, change func(*hclwrite.Body)) ([]byte, hcl.Diagnostics) {
	f, diags := hclwrite.ParseConfig(src, filename, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	change(f.Body())
	return f.Bytes(), nil
}

// SetUse writes which builder is used where none is named; "" is none.
func SetUse(src []byte, filename, name string) ([]byte, hcl.Diagnostics) {
	return edit(src, filename, func(body *hclwrite.Body) {
		switch {
		case name == "":
			body.RemoveAttribute("use")
		default:
			body.SetAttributeValue("use", cty.StringVal(name))
		}
	})
}

// Put writes a builder, in the place of one of its name.
func Put(src []byte, filename string, b *Builder) ([]byte, hcl.Diagnostics) {
	return edit(src, filename, func(body *hclwrite.Body) {
		old := find(body, b.Name)
		if old == nil {
			if len(bytes.TrimSpace(src)) > 0 {
				body.AppendNewline()
			}
			old = body.AppendNewBlock("builder", []string{b.Name})
		} else {
			old.Body().Clear()
			old.Body().AppendNewline()
		}
		for _, n := range b.Nodes {
			writeNode(old.Body(), n)
		}
	})
}

func writeNode(body *hclwrite.Body, n Node) {
	node := body.AppendNewBlock("node", nil).Body()
	text := func(to *hclwrite.Body, name, value string) {
		if value != "" {
			to.SetAttributeValue(name, cty.StringVal(value))
		}
	}
	text(node, "name", n.Name)
	text(node, "address", n.Address)
	if len(n.Platforms) > 0 {
		var list []cty.Value
		for _, p := range n.Platforms {
			list = append(list, cty.StringVal(p))
		}
		node.SetAttributeValue("platforms", cty.ListVal(list))
	}
	if n.Weight != 0 && n.Weight != 1 {
		node.SetAttributeValue("weight", cty.NumberFloatVal(n.Weight))
	}
	if n.Limit > 0 {
		node.SetAttributeValue("limit", cty.NumberIntVal(int64(n.Limit)))
	}
	if n.TLS.Empty() {
		return
	}
	tls := node.AppendNewBlock("tls", nil).Body()
	text(tls, "ca", n.TLS.CA)
	text(tls, "cert", n.TLS.Cert)
	text(tls, "key", n.TLS.Key)
	text(tls, "server_name", n.TLS.ServerName)
}

// Remove takes a builder out, and the choice of it.
func Remove(src []byte, filename, name string) ([]byte, hcl.Diagnostics) {
	f, diags := Parse(src, filename)
	if diags.HasErrors() {
		return nil, diags
	}
	return edit(src, filename, func(body *hclwrite.Body) {
		if b := find(body, name); b != nil {
			body.RemoveBlock(b)
		}
		if f.Use == name {
			body.RemoveAttribute("use")
		}
	})
}

func find(body *hclwrite.Body, name string) *hclwrite.Block {
	for _, b := range body.Blocks() {
		if labels := b.Labels(); b.Type() == "builder" && len(labels) == 1 && labels[0] == name {
			return b
		}
	}
	return nil
}
