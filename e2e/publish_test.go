//go:build linux

package e2e

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/runner/publish"
)

// push stores an image of its own under a tag.
func push(t *testing.T, ref string) string {
	t.Helper()
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(direct(t, ref), img); err != nil {
		t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func direct(t *testing.T, ref string) name.Tag {
	t.Helper()
	tag, err := name.NewTag(shared.registry+"/"+ref, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

// digestOf is what a tag points to, or "".
func digestOf(t *testing.T, ref string) string {
	t.Helper()
	desc, err := remote.Head(direct(t, ref))
	var e *transport.Error
	if errors.As(err, &e) && e.StatusCode == http.StatusNotFound {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return desc.Digest.String()
}

// TestPublishReal moves tags in the real registry, one of which is not there at
// first, and puts them back; what happens when requests fail is tested in
// package publish.
func TestPublishReal(t *testing.T) {
	t.Parallel()
	refs := []string{"publish/a:v1", "publish/b:v1", "publish/b:fresh"}
	var moves []publish.Move
	var old, want []string
	for i, ref := range refs {
		d := push(t, ref)
		before := push(t, ref)
		if i == 2 {
			if err := remote.Delete(direct(t, ref)); err != nil {
				t.Fatal(err)
			}
			before = ""
		}
		moves = append(moves, publish.Move{Ref: publish.Ref{Name: shared.registry + "/" + ref}, New: d})
		old, want = append(old, before), append(want, d)
	}
	now := func() (out []string) {
		for _, ref := range refs {
			out = append(out, digestOf(t, ref))
		}
		return out
	}
	p := &publish.Publisher{Dir: t.TempDir(), Registry: publish.Remote{Client: registry.New(registry.Options{})}, Budget: time.Second}
	// What no registry has cannot be pointed to: the others are put back.
	bad := append(slices.Clone(moves), publish.Move{Ref: publish.Ref{Name: shared.registry + "/publish/b:bad"}, New: "sha256:" + "0000000000000000000000000000000000000000000000000000000000000000"})
	var back *publish.PutBackError
	if err := p.Publish(t.Context(), bad); !errors.As(err, &back) || !slices.Equal(now(), old) {
		t.Errorf("an image that is not there: %v, the tags are %v, want %v", err, now(), old)
	}
	if _, err := p.Forget(t.Context()); err != nil {
		t.Error(err)
	}
	if err := p.Publish(t.Context(), moves); err != nil || !slices.Equal(now(), want) {
		t.Errorf("%v, the tags are %v, want %v", err, now(), want)
	}
	if pending, err := p.Pending(t.Context()); err != nil || len(pending) != 0 {
		t.Errorf("%+v, %v", pending, err)
	}
}
