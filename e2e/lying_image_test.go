//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// lyingLayer is a layer that unpacks to something else than its image says.
type lyingLayer struct {
	v1.Layer
	claimed v1.Hash
}

func (l lyingLayer) DiffID() (v1.Hash, error) { return l.claimed, nil }

// TestLyingImage builds from an image whose configuration claims the layer of
// another image. Whatever the builder keeps of it must not be taken for the
// other image, whose digest is pinned here.
func TestLyingImage(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"liar", "honest"} {
		t.Run(first+" first", func(t *testing.T) {
			state := t.TempDir()
			t.Cleanup(func() { stopBuilder(state) })
			tag := first + "-first"
			honest := markedLayer(t, "honest "+tag+"\n")
			claimed, err := honest.DiffID()
			if err != nil {
				t.Fatal(err)
			}
			pinned := pushLayer(t, "lying/honest:"+tag, honest)
			liar := pushLayer(t, "lying/liar:"+tag, lyingLayer{markedLayer(t, "LIAR "+tag+"\n"), claimed})
			dir := project(t, map[string]string{"build.hcl": lyingDefinition(pinned, liar)})
			run := func(target string) (string, error) {
				cmd := runOrch(dir, "bake", "--progress", "plain", target)
				cmd.Env = append(cmd.Env, "ORCH_STATE_DIR="+state)
				out, err := cmd.CombinedOutput()
				return string(out), err
			}
			if first == "honest" {
				if out, err := run("honest"); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			// Where the layer that it claims is known, it gets that one.
			out, err := run("liar")
			if first == "liar" && (err == nil || !strings.Contains(out, "failed to verify layer")) {
				t.Errorf("the image that lies was built from: %v\n%s", err, out)
			}
			if out, err := run("honest"); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, file := range []string{"marker", "copied"} {
				if got := readText(t, filepath.Join(dir, "out", file)); got != "honest "+tag+"\n" {
					t.Errorf("%s is %q", file, got)
				}
			}
		})
	}
}

func lyingDefinition(honest, liar string) string {
	return fmt.Sprintf(`target "honest" {
  dockerfile-inline = "FROM %[1]s\nCOPY --from=%[1]s /marker /copied\n"
  output            = ["out"]
}
target "liar" {
  dockerfile-inline = "FROM %[2]s\nCOPY --from=%[2]s /marker /copied\n"
  output            = ["lied"]
}
`, honest, liar)
}

// markedLayer is a layer with one file, marker.
func markedLayer(t *testing.T, text string) v1.Layer {
	t.Helper()
	data := archive(t, map[string]string{"marker": text})
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
	if err != nil {
		t.Fatal(err)
	}
	return layer
}

// pushLayer pushes an image of one layer and returns its name with the digest.
func pushLayer(t *testing.T, image string, layer v1.Layer) string {
	t.Helper()
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	claimed, err := layer.DiffID()
	if err != nil {
		t.Fatal(err)
	}
	config := &v1.ConfigFile{OS: "linux", Architecture: "amd64", RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{claimed}}}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	ref, err := name.NewTag(shared.registry+"/"+image, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return ref.Repository.Digest(digest.String()).String()
}
