package rights

import (
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/config"
)

// definition makes a definition of vertices, each built on the one before.
func definition(t *testing.T, ops ...*pb.Op) *pb.Definition {
	t.Helper()
	def := &pb.Definition{Metadata: map[string]*pb.OpMetadata{}, Source: &pb.Source{Locations: map[string]*pb.Locations{}}}
	var last digest.Digest
	for _, op := range append(ops, &pb.Op{}) {
		if last != "" {
			op.Inputs = []*pb.Input{{Digest: string(last)}}
		}
		data, err := op.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		last = digest.FromBytes(data)
		def.Def = append(def.Def, data)
		def.Metadata[string(last)] = &pb.OpMetadata{Description: map[string]string{"n": op.GetSource().GetIdentifier()}}
		def.Source.Locations[string(last)] = &pb.Locations{}
	}
	return def
}

func exec(e *pb.ExecOp) *pb.Op {
	e.Meta = &pb.Meta{Args: []string{"sh"}}
	return &pb.Op{Op: &pb.Op_Exec{Exec: e}}
}

func source(id string, attrs map[string]string) *pb.Op {
	return &pb.Op{Op: &pb.Op_Source{Source: &pb.SourceOp{Identifier: id, Attrs: attrs}}}
}

func secretMount(id string, optional bool) *pb.Mount {
	return &pb.Mount{MountType: pb.MountType_SECRET, SecretOpt: &pb.SecretOpt{ID: id, Optional: optional}}
}

func TestUses(t *testing.T) {
	for _, test := range []struct {
		name string
		op   *pb.Op
		want []string
	}{
		{"nothing", exec(&pb.ExecOp{Mounts: []*pb.Mount{{Dest: "/"}}}), nil},
		{"secret file", exec(&pb.ExecOp{Mounts: []*pb.Mount{secretMount("s", true)}}), []string{`the secret "s"`}},
		{"required", exec(&pb.ExecOp{Mounts: []*pb.Mount{secretMount("s", false)}}), []string{`the secret "s" required`}},
		{"secret variable", exec(&pb.ExecOp{Secretenv: []*pb.SecretEnv{{ID: "v", Name: "V", Optional: true}}}), []string{`the secret "v"`}},
		{"agent", exec(&pb.ExecOp{Mounts: []*pb.Mount{{MountType: pb.MountType_SSH, SSHOpt: &pb.SSHOpt{Optional: true}}}}), []string{`the ssh agent "default"`}},
		{"privileges", exec(&pb.ExecOp{Network: pb.NetMode_HOST, Security: pb.SecurityMode_INSECURE}), []string{"network.host required", "security.insecure required"}},
		{"devices", exec(&pb.ExecOp{CdiDevices: []*pb.CDIDevice{{Name: "v/c=d", Optional: true}}}), []string{"devices"}},
		{"git", source("git://github.com/a/b.git", map[string]string{
			pb.AttrFullRemoteURL: "https://example.com/a/b.git", pb.AttrAuthTokenSecret: "GIT_AUTH_TOKEN", pb.AttrMountSSHSock: "default",
		}), []string{`the secret "GIT_AUTH_TOKEN" and GIT_AUTH_TOKEN.example.com`, `the ssh agent "default"`}},
		{"http", source("https://example.com/x", nil), []string{`the secret "HTTP_AUTH_HEADER_example.com"`, `the secret "HTTP_AUTH_TOKEN_example.com"`}},
		{"http with a header", source("https://example.com/x", map[string]string{pb.AttrHTTPAuthHeaderSecret: "h"}), []string{`the secret "h" required`}},
		{"image", source("docker-image://docker.io/library/alpine", nil), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			uses, err := NewReader().Uses(definition(t, test.op), nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, u := range uses {
				text := u.Right.String()
				if u.Required {
					text += " required"
				}
				if len(u.Also) > 0 {
					text += " and " + strings.Join(u.Also, ", ")
				}
				got = append(got, text)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// TestTwins holds what the builder takes for the same: what a step starts from
// may have the same content, and it looks at nothing but what is done.
func TestTwins(t *testing.T) {
	step := func(from string, change func(*pb.ExecOp)) digest.Digest {
		e := &pb.ExecOp{Mounts: []*pb.Mount{secretMount("s", true)}}
		op := exec(e)
		if change != nil {
			change(e)
		}
		uses, err := NewReader().Uses(definition(t, source(from, nil), op), nil)
		if err != nil || len(uses) != 1 {
			t.Fatal(uses, err)
		}
		return uses[0].Twins
	}
	first := step("local://a", nil)
	if step("local://b", nil) != first {
		t.Error("the same step on another folder is another one")
	}
	if step("local://a", func(e *pb.ExecOp) { e.Meta.ProxyEnv = &pb.ProxyEnv{HttpProxy: "x"} }) != first {
		t.Error("the same step behind another proxy is another one")
	}
	if step("local://a", func(e *pb.ExecOp) { e.Meta.Env = []string{"T=1"} }) == first {
		t.Error("another step is the same")
	}
}

func TestRename(t *testing.T) {
	git := source("git://example.com/a.git", map[string]string{pb.AttrAuthTokenSecret: "GIT_AUTH_TOKEN"})
	kept := exec(&pb.ExecOp{Mounts: []*pb.Mount{secretMount("s", true)}, Secretenv: []*pb.SecretEnv{{ID: "v"}}})
	last := exec(&pb.ExecOp{
		Mounts:    []*pb.Mount{secretMount("s", true), {MountType: pb.MountType_SSH, SSHOpt: &pb.SSHOpt{}}},
		Secretenv: []*pb.SecretEnv{{ID: "s"}},
	})
	last.Platform = &pb.Platform{OS: "linux", Architecture: "amd64"}
	def := definition(t, source("local://x", nil), kept, git, last)
	ids := func(def *pb.Definition) []digest.Digest {
		var out []digest.Digest
		for _, data := range def.Def {
			out = append(out, digest.FromBytes(data))
		}
		return out
	}
	old := ids(def)
	renamed, err := Rename(def, map[digest.Digest]map[Right]string{
		old[2]: {Right{Secret, "GIT_AUTH_TOKEN"}: "GIT_AUTH_TOKEN@none"},
		old[3]: {Right{Secret, "s"}: "s@none", SSHAgent(""): "default@none"},
	})
	if err != nil {
		t.Fatal(err)
	}
	now := ids(renamed)
	if len(now) != len(old) || now[0] != old[0] || now[1] != old[1] || now[2] == old[2] || now[3] == old[3] || now[4] == old[4] {
		t.Fatalf("%v became %v", old, now)
	}
	for i, id := range now {
		// The builder writes each vertex anew before it takes the digest that it names
		// it by.
		var op pb.Op
		if err := op.Unmarshal(renamed.Def[i]); err != nil {
			t.Fatal(err)
		}
		if data, err := op.Marshal(); err != nil || digest.FromBytes(data) != id {
			t.Errorf("to the builder %s has another digest (%v)", &op, err)
		}
		if renamed.Metadata[string(id)] == nil || renamed.Source.Locations[string(id)] == nil {
			t.Errorf("nothing is known of %s", id)
		}
	}
	uses, err := NewReader().Uses(renamed, map[digest.Digest]bool{now[1]: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range uses {
		got = append(got, u.Right.ID)
	}
	if want := []string{"GIT_AUTH_TOKEN@none", "s@none", "default@none", "s@none"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestHeld(t *testing.T) {
	target := &config.Target{
		Secrets: []config.Secret{{ID: "a", Env: "A"}, {ID: "f", Src: "x"}, {ID: "u", Env: "U", Unset: true}},
		SSH:     []config.SSH{{ID: "", Paths: []string{"key"}}},
		Network: "host", Entitlements: []string{"device=b", "device=a", "device=b"},
	}
	held := Of(target)
	for right, want := range map[Right]string{
		{Secret, "a"}:       "env A",
		{Secret, "f"}:       "src x",
		{Secret, "u"}:       "",
		{SSH, "default"}:    "ssh key",
		{Kind: HostNetwork}: "network.host",
		{Kind: Insecure}:    "",
		{Kind: Device}:      "device=a\x00device=b",
	} {
		if held[right] != want {
			t.Errorf("%s: %q, want %q", right, held[right], want)
		}
	}
	git := Use{Right: Right{Secret, "GIT_AUTH_TOKEN"}, Also: []string{"GIT_AUTH_TOKEN.example.com"}}
	if got := held.Meaning(git); got != "" {
		t.Errorf("nothing means %q", got)
	}
	held[Right{Secret, "GIT_AUTH_TOKEN.example.com"}] = "env T"
	if held.Meaning(git) == "" {
		t.Error("the credentials of the server are nothing")
	}
}

// TestAlias holds names that caches are found by: they must not change.
func TestAlias(t *testing.T) {
	if got := Alias("s", ""); got != "s@none" {
		t.Error(got)
	}
	if got := Alias("s", "env TOKEN"); got != "s@"+digest.FromString("env TOKEN").Encoded()[:12] {
		t.Error(got)
	}
}
