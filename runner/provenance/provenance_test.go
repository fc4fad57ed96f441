package provenance

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
)

// TestPredicate reads a definition with a source of each kind.
func TestPredicate(t *testing.T) {
	const sum = "sha256:0bb079e4ead4b14bbf1136114395c515549b85f67b39ff7be3e8f45786790613"
	st := llb.Image("docker.io/library/alpine:3@"+sum).Run(
		llb.Args([]string{"true"}),
		llb.AddMount("/git", llb.Git("https://me:password@example.test/a.git", "main")),
		llb.AddMount("/local", llb.Local("ctx")),
		llb.AddMount("/http", llb.HTTP("https://example.test/f", llb.Checksum(sum))),
		llb.AddSecret("/s", llb.SecretID("token-1")),
	).Root()
	def, err := st.Marshal(context.Background(), llb.LinuxAmd64)
	if err != nil {
		t.Fatal(err)
	}
	b := Build{
		Request:    Request{Frontend: "dockerfile.v0", Args: map[string]string{"build-arg:A": "1", "filename": "D", "platform": "linux/amd64", "vcs:revision": "abc"}},
		Definition: def.ToPB(), Platform: "linux/amd64", DockerfileVersion: "1.2.3",
		Images:    []Image{{Ref: "docker.io/library/alpine:3", Digest: digest.Digest(sum)}},
		Frontends: []Image{{Ref: "docker.io/acme/front:1@" + sum, Digest: digest.Digest(sum)}},
		Secret:    func(id string) string { return strings.TrimSuffix(id, "-1") },
		Pin:       func(context.Context, *pb.SourceOp) (string, error) { return strings.Repeat("c", 40), nil },
	}
	text := func(max bool) string {
		b.Max = max
		pred, err := Predicate(context.Background(), b)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(pred)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	min, max := text(false), text(true)
	for _, want := range []string{
		`"entryPoint":"D"`, `"build-arg:A":"1"`, `"dockerfileVersion":"1.2.3"`, `"id":"token"`, `{"name":"ctx"}`,
		`"uri":"pkg:docker/alpine@3`, `"uri":"pkg:docker/acme/front@1?digest=` + sum, `"uri":"https://xxxxx:xxxxx@example.test/a.git#main","digest":{"sha1":"cccc`, `"uri":"https://example.test/f"`,
	} {
		if !strings.Contains(min, want) || !strings.Contains(max, want) {
			t.Errorf("no %s in\n%s\n%s", want, min, max)
		}
	}
	for _, want := range []string{`"llbDefinition"`, `"revision":"abc"`, `"materials":false`} {
		if strings.Contains(min, want) || !strings.Contains(max, want) {
			t.Errorf("%s in\n%s\nor not in\n%s", want, min, max)
		}
	}
	if strings.Contains(min, "password") || strings.Contains(min, `"platform":"linux/amd64","vcs`) {
		t.Errorf("too much in %s", min)
	}
}
