//go:build unix

package digest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	godigest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config"
)

// triggering is a registry of one image that has a trigger.
type triggering struct{ trigger string }

func (r triggering) config() []byte {
	return fmt.Appendf(nil, `{"os":"linux","architecture":"amd64","config":{"OnBuild":[%q]},"rootfs":{"type":"layers","diff_ids":["sha256:00"]}}`, r.trigger)
}

func (r triggering) Image(context.Context, string, ocispecs.Platform) (Image, error) {
	return Image{Digest: "sha256:" + strings.Repeat("1", 64), Config: r.config()}, nil
}

// layout writes the image into the OCI layout folder "layout" of a project.
func (r triggering) layout(t *testing.T, p *onDisk) {
	t.Helper()
	put := func(data []byte) (string, int) {
		d := godigest.FromBytes(data)
		p.write(t, "layout/blobs/sha256/"+d.Encoded(), string(data))
		return d.String(), len(data)
	}
	config, n := put(r.config())
	manifest, m := put(fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[]}`, config, n))
	p.write(t, "layout/index.json", fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":%q,"size":%d}]}`, manifest, m))
}

// TestNothingSlides changes where something is, or its form: what a sum over words
// and files alone would not see.
func TestNothingSlides(t *testing.T) {
	dockerfile := func(text string) func(*testing.T, *onDisk) {
		return func(t *testing.T, p *onDisk) { p.write(t, "Dockerfile", text) }
	}
	write := func(name, text string) func(*testing.T, *onDisk) {
		return func(t *testing.T, p *onDisk) { p.write(t, name, text) }
	}
	base := func(trigger string) func(*testing.T, *onDisk) {
		return func(_ *testing.T, p *onDisk) { p.opt.Images = triggering{trigger} }
	}
	for _, c := range []struct{ name, before, after string }{
		{"a bind mount moves to another step", "FROM scratch\nRUN --mount=target=/m x\nRUN y\n", "FROM scratch\nRUN x\nRUN --mount=target=/m y\n"},
		{"a cache mount moves", "FROM scratch\nRUN --mount=type=cache,target=/m x\nRUN y\n", "FROM scratch\nRUN x\nRUN --mount=type=cache,target=/m y\n"},
		{"a tmpfs mount moves", "FROM scratch\nRUN --mount=type=tmpfs,target=/m x\nRUN y\n", "FROM scratch\nRUN x\nRUN --mount=type=tmpfs,target=/m y\n"},
		{"a secret moves", "FROM scratch\nRUN --mount=type=secret,id=s x\nRUN y\n", "FROM scratch\nRUN x\nRUN --mount=type=secret,id=s y\n"},
		{"an SSH agent moves", "FROM scratch\nRUN --mount=type=ssh x\nRUN y\n", "FROM scratch\nRUN x\nRUN --mount=type=ssh y\n"},
		{"two mounts are swapped", "FROM scratch\nRUN --mount=source=a,target=/m x\nRUN --mount=source=b,target=/m y\n", "FROM scratch\nRUN --mount=source=b,target=/m x\nRUN --mount=source=a,target=/m y\n"},
		{"the default of an argument moves over a step", "FROM scratch\nARG A\nRUN x\nARG A=1\n", "FROM scratch\nARG A=1\nRUN x\nARG A\n"},
		{"a global argument is the epoch", "ARG SOURCE_DATE_EPOCH=1\nFROM scratch\nCOPY a /\n", "ARG SOURCE_DATE_EPOCH=2\nFROM scratch\nCOPY a /\n"},
		{"a global argument is taken in", "ARG G=1\nFROM scratch\nARG G\nRUN x\n", "ARG G=2\nFROM scratch\nARG G\nRUN x\n"},
		{"the form of a trigger: CMD", "FROM scratch\nONBUILD CMD [\"a\"]\n", "FROM scratch\nONBUILD CMD a\n"},
		{"the form of a trigger: RUN", "FROM scratch\nONBUILD RUN [\"a\"]\n", "FROM scratch\nONBUILD RUN a\n"},
		{"the form of a trigger: COPY", "FROM scratch\nONBUILD COPY [\"a\", \"/\"]\n", "FROM scratch\nONBUILD COPY a /\n"},
		{"the form of a trigger: ENTRYPOINT", "FROM scratch\nONBUILD ENTRYPOINT [\"a\"]\n", "FROM scratch\nONBUILD ENTRYPOINT a\n"},
		{"the form of a trigger: VOLUME", "FROM scratch\nONBUILD VOLUME [\"/a\"]\n", "FROM scratch\nONBUILD VOLUME /a\n"},
		{"the spaces of a trigger", "FROM scratch\nONBUILD COPY a /\n", "FROM scratch\nONBUILD COPY  a  /\n"},
		{"two instructions have the words of one: CMD", "FROM scratch\nCMD [\"x\"]\nENTRYPOINT [\"y\"]\n", "FROM scratch\nCMD [\"x\", \"entrypoint\", \"true\", \"\", \"y\"]\n"},
		{"two instructions have the words of one: RUN", "FROM scratch\nRUN [\"x\"]\nRUN [\"y\"]\n", "FROM scratch\nRUN [\"x\", \"run\", \"true\", \"\", \"y\"]\n"},
		{"a heredoc is quoted", "FROM scratch\nARG A=1\nCOPY <<E /f\n$A\nE\n", "FROM scratch\nARG A=1\nCOPY <<\"E\" /f\n$A\nE\n"},
		{"a heredoc gets a mode", "FROM scratch\nCOPY <<E /f\nx\nE\n", "FROM scratch\nCOPY --chmod=755 <<E /f\nx\nE\n"},
		{"a shell moves over a step", "FROM scratch\nSHELL [\"/sh\"]\nRUN x\n", "FROM scratch\nRUN x\nSHELL [\"/sh\"]\n"},
		{"a checksum", "FROM scratch\nADD --checksum=sha256:" + strings.Repeat("a", 64) + " https://example.com/x /\n", "FROM scratch\nADD --checksum=sha256:" + strings.Repeat("b", 64) + " https://example.com/x /\n"},
		{"the history of a repository is kept", "FROM scratch\nADD https://example.com/r.git#" + strings.Repeat("a", 40) + " /r\n", "FROM scratch\nADD --keep-git-dir=true https://example.com/r.git#" + strings.Repeat("a", 40) + " /r\n"},
		{"an archive is unpacked", "FROM scratch\nADD --unpack=false a /\n", "FROM scratch\nADD --unpack=true a /\n"},
	} {
		t.Run(c.name, func(t *testing.T) { slides(t, c.before, nil, dockerfile(c.after)) })
	}
	for _, c := range []struct {
		name, text    string
		before, after func(*testing.T, *onDisk)
	}{
		{"a base of a registry has a trigger that reads a file", "FROM base@sha256:" + strings.Repeat("1", 64) + "\n", base("COPY a /"), write("ctx/a", "other")},
		{"a base of a registry has a trigger that takes an argument", "FROM base@sha256:" + strings.Repeat("1", 64) + "\nRUN x\n", base("ARG X"), func(_ *testing.T, p *onDisk) { p.target.Args = map[string]string{"X": "2"} }},
		{"a base of a registry has another trigger", "FROM base\n", base("RUN x"), base("RUN [\"x\"]")},
		{"a base in an OCI layout has a trigger that reads a file", "FROM layout\n", layoutOf("COPY a /"), write("ctx/a", "other")},
		{"a base in an OCI layout has another trigger", "FROM layout\n", layoutOf("RUN x"), layoutOf("RUN y")},
		{"a source policy of the environment", "FROM scratch\nCOPY a /\n", nil, func(_ *testing.T, p *onDisk) {
			policy, _ := json.Marshal(map[string]any{"rules": []any{map[string]string{"action": "DENY"}}})
			p.opt.SourcePolicy = policy
		}},
		{"a name that is not UTF-8", "FROM scratch\nCOPY . /\n", write("ctx/\xff", "x"), func(t *testing.T, p *onDisk) { must(t, os.Rename(p.path("ctx/\xff"), p.path("ctx/\xfe"))) }},
		{"the case of a name", "FROM scratch\nCOPY . /\n", nil, func(t *testing.T, p *onDisk) { must(t, os.Rename(p.path("ctx/a"), p.path("ctx/A"))) }},
		{"an ignore file of the Dockerfile takes the place of the other", "FROM scratch\nCOPY . /\n", write("ctx/.dockerignore", "b\n.dockerignore\n"), write("Dockerfile.dockerignore", "a\n.dockerignore\n")},
	} {
		t.Run(c.name, func(t *testing.T) { slides(t, c.text, c.before, c.after) })
	}
}

// layoutOf has a context be an OCI layout whose image has a trigger.
func layoutOf(trigger string) func(*testing.T, *onDisk) {
	return func(t *testing.T, p *onDisk) {
		triggering{trigger}.layout(t, p)
		p.target.Contexts["layout"] = config.Context{Kind: config.OCILayout, Value: p.path("layout")}
	}
}

// slides wants a change to be seen.
func slides(t *testing.T, dockerfile string, before, after func(*testing.T, *onDisk)) {
	t.Helper()
	p := newOnDisk(t, dockerfile, map[string]string{"a": "a", "b": "b"})
	p.write(t, "named/f", "f")
	p.target.Contexts = map[string]config.Context{"named": {Value: "named"}}
	if before != nil {
		before(t, p)
	}
	first := p.compute(t)
	after(t, p)
	if second := p.compute(t); second.Image == first.Image {
		t.Errorf("equal digests, open: %v", second.Open)
	}
}
