package hclfile

import (
	"strings"
	"testing"
)

const whole = `# mine
use = "ci"

builder "ci" {
  # the large one
  node {
    name      = "big"
    address   = "tcp://big:1234"
    platforms = ["linux/amd64", "linux/386"]
    weight    = 2.5
    tls {
      ca          = "certs/ca.pem"
      cert        = "/abs/cert.pem"
      key         = "/abs/key.pem"
      server_name = "bk"
    }
  }
  node { address = "unix:///run/buildkit/buildkitd.sock" }
}
`

func TestParse(t *testing.T) {
	f, diags := Parse([]byte(whole), "/home/me/builders.hcl")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	ci := f.Builder("ci")
	if f.Use != "ci" || ci == nil || len(ci.Nodes) != 2 {
		t.Fatalf("got %+v", f)
	}
	big, other := ci.Nodes[0], ci.Nodes[1]
	if big.Name != "big" || big.Weight != 2.5 || strings.Join(big.Platforms, " ") != "linux/amd64 linux/386" {
		t.Errorf("got %+v", big)
	}
	if big.TLS != (TLS{"/home/me/certs/ca.pem", "/abs/cert.pem", "/abs/key.pem", "bk"}) {
		t.Errorf("got %+v", big.TLS)
	}
	if other.Name != "ci1" || other.Weight != 1 || !other.TLS.Empty() {
		t.Errorf("got %+v", other)
	}
}

func TestParseFaults(t *testing.T) {
	node := func(attrs string) string { return "builder \"a\" {\n  node {\n" + attrs + "\n  }\n}\n" }
	tests := []struct{ name, src, want string }{
		{"syntax", "builder {", "b.hcl:1"},
		{"unknown attribute", node(`adress = "tcp://a:1"`), `b.hcl:3,1-7: Unsupported argument; There is no "adress" here. Did you mean "address"?`},
		{"unknown block", "bilder \"a\" {}", `There is no "bilder" here. Did you mean "builder"?`},
		{"no label", "builder {\n}", "Missing name for builder"},
		{"no node", "builder \"a\" {}", "Builder without a node"},
		{"no address", node(""), "b.hcl:2,3-7: Node without an address"},
		{"address without a scheme", node(`address = "host:1"`), "b.hcl:3,11-19: Invalid address; builder address \"host:1\": it has no scheme"},
		{"unknown scheme", node(`address = "lxc://x"`), "unknown scheme lxc"},
		{"empty address", node(`address = ""`), "address must not be empty"},
		{"number for text", node(`address = ["x"]`), "address is text in quotes"},
		{"a variable", node(`address = HOST`), "Variables not allowed"},
		{"null", node(`address = null`), "address is text in quotes"},
		{"platform", node("address = \"unix:///x\"\nplatforms = [\"amd64\"]"), `"amd64" is not a platform`},
		{"address twice", "builder \"a\" {\n  node { address = \"tcp://x:1\" }\n  node { address = \"tcp://x:1\" }\n}\n", "two nodes at tcp://x:1"},
		{"platform misspelt", node("address = \"unix:///x\"\nplatforms = [\"linux/amd46\"]"), `there is no architecture "amd46" in linux/amd46. Did you mean "amd64"?`},
		{"system misspelt", node("address = \"unix:///x\"\nplatforms = [\"linus/amd64\"]"), `there is no operating system "linus" in linus/amd64. Did you mean "linux"?`},
		{"platform null", node("address = \"unix:///x\"\nplatforms = [null]"), "must not be null"},
		{"platforms text", node("address = \"unix:///x\"\nplatforms = \"linux/amd64\""), "platforms is a list"},
		{"weight 0", node("address = \"unix:///x\"\nweight = 0"), "b.hcl:4,10-11: Invalid weight"},
		{"limit 0", node("address = \"unix:///x\"\nlimit = 0"), "b.hcl:4,9-10: Invalid limit"},
		{"limit of a half", node("address = \"unix:///x\"\nlimit = 1.5"), "limit is a whole number"},
		{"weight below", node("address = \"unix:///x\"\nweight = -1"), "Invalid weight"},
		{"weight text", node("address = \"unix:///x\"\nweight = \"heavy\""), "weight is a number"},
		{"tls of a socket", node("address = \"unix:///x\"\ntls { ca = \"c\" }"), "TLS without a port"},
		{"tls without ca", node("address = \"tcp://a:1\"\ntls {}"), "TLS without an authority"},
		{"half a certificate", node("address = \"tcp://a:1\"\ntls {\nca = \"c\"\ncert = \"c\"\n}"), "Half of a certificate"},
		{"two tls", node("address = \"tcp://a:1\"\ntls { ca = \"c\" }\ntls { ca = \"c\" }"), "Two tls blocks"},
		{"twice", strings.Repeat(node(`address = "unix:///x"`), 2), "declared at b.hcl:1 already"},
		{"a node twice", "builder \"a\" {\n node {\nname = \"n\"\naddress = \"unix:///x\"\n}\n node {\nname = \"n\"\naddress = \"unix:///x\"\n}\n}", "two nodes that are called \"n\""},
		{"reserved name", strings.Replace(node(`address = "unix:///x"`), `"a"`, `"embedded"`, 1), "always there"},
		{"odd name", strings.Replace(node(`address = "unix:///x"`), `"a"`, `"a/b"`, 1), "cannot be the name of a builder"},
		{"use of a list", "use = [1]", "use is text in quotes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, diags := Parse([]byte(tt.src), "b.hcl")
			var text strings.Builder
			for _, d := range diags {
				text.WriteString(d.Error() + "\n")
			}
			if !strings.Contains(text.String(), tt.want) {
				t.Errorf("got  %s\nwant %s", text.String(), tt.want)
			}
		})
	}
}

// What an edit writes can be read, and leaves the rest as it is.
func TestEdit(t *testing.T) {
	const name = "/home/me/builders.hcl"
	src, diags := Put([]byte(whole), name, &Builder{Name: "new", Nodes: []Node{{
		Name: "new0", Address: "tcp://n:1", Platforms: []string{"linux/arm64"}, Weight: 3, TLS: TLS{CA: "/ca.pem"},
	}}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if src, diags = SetUse(src, name, "new"); diags.HasErrors() {
		t.Fatal(diags)
	}
	f, diags := Parse(src, name)
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, src)
	}
	n := f.Builder("new").Nodes[0]
	if f.Use != "new" || n.Address != "tcp://n:1" || n.Weight != 3 || n.TLS.CA != "/ca.pem" || n.Platforms[0] != "linux/arm64" {
		t.Errorf("got %+v, %+v", f, n)
	}
	if !strings.Contains(string(src), "# the large one") {
		t.Errorf("a comment is gone:\n%s", src)
	}
	if src, diags = Remove(src, name, "new"); diags.HasErrors() {
		t.Fatal(diags)
	}
	f, diags = Parse(src, name)
	if diags.HasErrors() || f.Use != "" || f.Builder("new") != nil || f.Builder("ci") == nil {
		t.Errorf("got %+v, %v\n%s", f, diags, src)
	}
}

func TestPutIntoNothing(t *testing.T) {
	src, diags := Put(nil, "b.hcl", &Builder{Name: "a", Nodes: []Node{{Name: "a0", Address: "unix:///x", Weight: 1}}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	const want = "builder \"a\" {\n  node {\n    name    = \"a0\"\n    address = \"unix:///x\"\n  }\n}\n"
	if string(src) != want {
		t.Errorf("got\n%s", src)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(whole)
	f.Add("builder \"a\" { node { address = \"tcp://a:1\" } }")
	f.Fuzz(func(t *testing.T, src string) {
		file, diags := Parse([]byte(src), "b.hcl")
		if diags.HasErrors() {
			return
		}
		for _, b := range file.Builders {
			if len(b.Nodes) == 0 {
				t.Errorf("builder %q has no node", b.Name)
			}
			out, diags := Put([]byte(src), "b.hcl", b)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			if again, diags := Parse(out, "b.hcl"); diags.HasErrors() || len(again.Builders) != len(file.Builders) {
				t.Errorf("what was written cannot be read: %v\n%s", diags, out)
			}
		}
	})
}
