package rego

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	"github.com/moby/buildkit/sourcepolicy/policysession"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/policy"
)

const head = "package docker\ndefault allow := false\ndecision := {\"allow\": allow, \"deny_msg\": deny_msg}\n"

// plain begins a policy without messages.
const plain = "package docker\ndefault allow := false\ndecision := {\"allow\": allow}\n"

// one is a policy of one file.
func one(text string) policy.Policy {
	return policy.Policy{Files: []policy.File{{Name: "p.rego", Data: []byte(text)}}}
}

func set(policies ...policy.Policy) *policy.Set { return &policy.Set{Policies: policies} }

// source is what the builder asks about, before anything is known of it.
func source(id string) *policysession.CheckPolicyRequest {
	return &policysession.CheckPolicyRequest{
		Platform: &pb.Platform{OS: "linux", Architecture: "amd64"},
		Source:   &gatewaypb.ResolveSourceMetaResponse{Source: &pb.SourceOp{Identifier: id}},
	}
}

const pin = "sha256:06e99b43c5f943fa01ff65c781fdb96d6ad2a32f855c3eba36557c9267974b58"

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "names.json"), `["alpine"]`)
	write(t, filepath.Join(dir, "lib/names.rego"), "package anything\nok if input.image.repo == \"alpine\"\n")
	env := Env{Args: map[string]string{"V": "1"}, Labels: map[string]string{"l": "x"}, Filename: "D", Target: "stage"}
	local := "deny_msg contains \"no\" if false\nallow if input.local\n"
	for _, c := range []struct {
		name, source string
		policies     []policy.Policy
		action       spb.PolicyAction
		messages     []string
		update, asks string
	}{
		{name: "allowed", source: "local://context", policies: []policy.Policy{one(head + local)}, action: spb.PolicyAction_ALLOW},
		{name: "denied", source: "docker-image://docker.io/library/alpine:3", policies: []policy.Policy{one(head + local)}, action: spb.PolicyAction_DENY},
		{
			name: "message", source: "docker-image://docker.io/library/alpine:3", action: spb.PolicyAction_DENY,
			policies: []policy.Policy{one(head + "deny_msg contains sprintf(\"%s is not allowed\", [input.image.ref])")},
			messages: []string{"docker.io/library/alpine:3 is not allowed"},
		},
		{
			name: "every policy", source: "docker-image://docker.io/library/alpine:3", action: spb.PolicyAction_DENY,
			policies: []policy.Policy{one("package docker\ndecision := {\"allow\": true}"), one(head + local)},
		},
		{
			name: "several files", source: "local://context", action: spb.PolicyAction_ALLOW,
			policies: []policy.Policy{{Files: []policy.File{
				{Name: "a.rego", Data: []byte("package docker\nimport data.names\ndecision := {\"allow\": names.ok}")},
				{Name: "names.rego", Data: []byte("package names\nok := true")},
			}}},
		},
		{
			name: "pin", source: "docker-image://docker.io/library/alpine:3", action: spb.PolicyAction_CONVERT,
			policies: []policy.Policy{one(plain + "allow if pin_image(input.image, \"" + pin + "\")")},
			update:   "docker-image://docker.io/library/alpine:3@" + pin,
		},
		{
			name: "what has to be known", source: "docker-image://docker.io/library/alpine:3",
			policies: []policy.Policy{one(plain + "allow if input.image.checksum == \"" + pin + "\"")},
			asks:     "docker-image://docker.io/library/alpine:3",
		},
		{
			name: "file", source: "docker-image://docker.io/library/alpine:3", action: spb.PolicyAction_ALLOW,
			policies: []policy.Policy{one(plain + "allow if input.image.repo in load_json(\"names.json\")")},
		},
		{
			name: "import", source: "docker-image://docker.io/library/alpine:3", action: spb.PolicyAction_ALLOW,
			policies: []policy.Policy{one("package docker\nimport data.lib.names\ndefault allow := false\nallow if names.ok\ndecision := {\"allow\": allow}")},
		},
		{
			name: "target", source: "local://context", action: spb.PolicyAction_ALLOW,
			policies: []policy.Policy{one(head + local + "allow if { input.env.args.V == \"2\" }\n" +
				"deny_msg contains \"x\" if not input.env.args.V == \"1\"\n")},
		},
		{name: "built in", source: "docker-image://docker.io/library/alpine:3", policies: []policy.Policy{{BuiltIn: true}}, action: spb.PolicyAction_ALLOW},
		{
			name: "built in, pinned", source: "docker-image://docker.io/docker/dockerfile:1@" + pin,
			policies: []policy.Policy{{BuiltIn: true}}, asks: "docker-image://docker.io/docker/dockerfile:1@" + pin,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := range c.policies {
				c.policies[i].Context = config.Context{Value: dir}
			}
			p, err := New(t.Context(), set(c.policies...), env, Options{StateDir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			d, next, err := p.Check(t.Context(), source(c.source))
			if err != nil {
				t.Fatal(err)
			}
			if got := next.GetSource().GetIdentifier(); got != c.asks {
				t.Fatalf("it asks about %q, not %q", got, c.asks)
			}
			if c.asks != "" {
				return
			}
			if d.Action != c.action || d.GetUpdate().GetIdentifier() != c.update {
				t.Errorf("got %v, %v", d.Action, d.Update)
			}
			denial, denied := p.Denial(c.source)
			if denied != (c.action == spb.PolicyAction_DENY) || !slices.Equal(denial.Messages, c.messages) {
				t.Errorf("denied: %t, for %q", denied, denial.Messages)
			}
		})
	}
}

// TestLog holds that a policy logs what its level says, and prints.
func TestLog(t *testing.T) {
	text := "package docker\ndecision := {\"allow\": true} if print(\"seen\", input.local.name)"
	for level, want := range map[string][]string{
		"": {"checking policy", "seen context", "ALLOW"}, "warning": nil, "debug": {"policy input", "seen context", "policy response"},
	} {
		p := one(text)
		p.LogLevel = level
		var got []string
		ended := 0
		ps, err := New(t.Context(), set(p), Env{}, Options{Log: func(string) (func(string), func(bool)) {
			return func(l string) { got = append(got, l) }, func(bool) { ended++ }
		}})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := ps.Check(t.Context(), source("local://context")); err != nil {
			t.Fatal(err)
		}
		all := strings.Join(got, "\n")
		for _, w := range want {
			if !strings.Contains(all, w) {
				t.Errorf("level %q says nothing of %q:\n%s", level, w, all)
			}
		}
		if len(want) == 0 && all != "" {
			t.Errorf("level %q says %s", level, all)
		}
		if ended != 1 {
			t.Errorf("the log has ended %d times", ended)
		}
	}
}

// TestConfined holds that no policy reads what is outside of the context and
// the working directory.
func TestConfined(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secret.json"), `{"a": 1}`)
	write(t, filepath.Join(dir, "ctx/x"), "")
	if err := os.Symlink("../secret.json", filepath.Join(dir, "ctx/link.json")); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"../secret.json", filepath.Join(dir, "secret.json"), "link.json", "cwd://../secret.json", "cwd://" + filepath.Join(dir, "secret.json")} {
		p := one("package docker\ndecision := {\"allow\": load_json(\"" + name + "\").a == 1}")
		p.Context = config.Context{Value: filepath.Join(dir, "ctx")}
		ps, err := New(t.Context(), set(p), Env{}, Options{})
		if err == nil {
			var d *policysession.DecisionResponse
			d, _, err = ps.Check(t.Context(), source("local://context"))
			if err == nil && d.Action == spb.PolicyAction_ALLOW {
				t.Errorf("%s has been read", name)
			}
		}
		if err != nil && strings.Contains(err.Error(), "\"a\"") {
			t.Errorf("the error says what is in %s: %v", name, err)
		}
	}
}

func TestCompile(t *testing.T) {
	for _, c := range []struct {
		name, text string
		line       int // 0 is the definition
		says       string
	}{
		{"good", "package docker\ndecision := {\"allow\": true}", 0, ""},
		{"syntax", "package docker\ndecision := {\"allow\": true\n", 3, "eof"},
		{"unknown function", "package docker\ndecision := {\"allow\": nofunc(1)}", 2, "nofunc"},
		{"not offered", "package docker\ndecision := {\"allow\": http.send({}).ok}", 2, "http.send"},
		{"package", "package other\ndecision := {\"allow\": true}", 0, "package docker"},
		{"kind", "package docker\ndecision := true", 0, "object with allow"},
		{"import", "package docker\nimport data.nowhere\ndecision := {\"allow\": nowhere.x}", 0, "nowhere"},
		{"caps", "package docker\ndecision := {\"allow\": true, \"caps\": {\"fly\": true}}", 0, "fly"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := one(c.text)
			p.Files[0].Path = filepath.Join("ctx", "p.rego")
			p.Context = config.Context{Value: t.TempDir()}
			at := hcl.Range{Filename: "build.hcl", Start: hcl.Pos{Line: 7, Column: 1}, End: hcl.Pos{Line: 7, Column: 2}}
			diags := Compile(context.Background(), set(p), Env{}, Options{}, at)
			if diags.HasErrors() != (c.says != "") {
				t.Fatal(diags)
			}
			if c.says == "" {
				return
			}
			file, line := "build.hcl", 7
			if c.line > 0 {
				file, line = "ctx/p.rego", c.line
			}
			if d := diags[0]; d.Subject.Filename != file || c.line > 0 && d.Subject.Start.Line > line || !strings.Contains(d.Detail, c.says) {
				t.Errorf("%v: %s", d.Subject, d.Detail)
			}
		})
	}
}

func TestTraits(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "plain.rego"), "package plain\nok if input.local")
	write(t, filepath.Join(dir, "curious.rego"), "package curious\nok if input.env.args.A")
	for _, c := range []struct {
		text string
		want Traits
	}{
		{"allow if input.local", Traits{}},
		{"allow if input.image.env[0] == \"A=1\"", Traits{}},
		{"allow if input.env.args.A == \"1\"", Traits{Env: true}},
		{"allow if input[\"env\"]", Traits{Env: true}},
		{"allow if input[x].args", Traits{Env: true}},
		{"x := input\nallow if x.env.target", Traits{Env: true}},
		{"allow if print(input)", Traits{Env: true}},
		{"allow if input.image.provenance.materials[0].env.depth == 1", Traits{Env: true}},
		{"allow if input.local.name == load_json(\"n.json\")[input.local.name]", Traits{Files: true}},
		{"allow if verify_git_signature(input.git.commit, \"key\")", Traits{Files: true}},
		{"import data.plain\nallow if plain.ok", Traits{Files: true}},
		{"import data.curious\nallow if curious.ok", Traits{Files: true, Env: true}},
		{"import data.nowhere\nallow if nowhere.ok", Traits{Files: true, Env: true}},
		{"import input.env\nallow if env.args", Traits{Env: true}},
		{"allow if {", Traits{Files: true, Env: true}},
		{"allow if pin_image(input.image, \"sha256:x\")", Traits{}},
		{"allow if { input.image; input.image.repo == \"x\" }", Traits{}},
		{"allow if not input.image", Traits{}},
		{"allow if input.image with input.local as input.env", Traits{Env: true}},
		{"allow if helper(input.image)\nhelper(i) if i.repo == \"x\"", Traits{Env: true}},
		{"p := input.image.labels\nallow if p.materials", Traits{Env: true}},
		{"allow if input.image.provenance[x]", Traits{Env: true}},
		{"allow if input.local.name == {k: v | some k, v in input.env}", Traits{Env: true}},
		{"allow if input.local with input.env as {}", Traits{Env: true}},
	} {
		imports, rest := "", c.text
		if strings.HasPrefix(c.text, "import ") {
			imports, rest, _ = strings.Cut(c.text, "\n")
		}
		p := one("package docker\n" + imports + "\n" + rest + "\ndecision := {\"allow\": allow}")
		p.Context = config.Context{Value: dir}
		if got := TraitsOf(set(p), Options{}); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.text, got, c.want)
		}
	}
}

func TestProxyNetwork(t *testing.T) {
	p, err := New(t.Context(), set(one("package docker\ndecision := {\"allow\": true, \"caps\": {\"exec.proxy\": input.env.args.P == \"1\"}}")),
		Env{Args: map[string]string{"P": "1"}}, Options{})
	if err != nil || !p.ProxyNetwork() {
		t.Error(err)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
