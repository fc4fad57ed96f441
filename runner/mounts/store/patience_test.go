package store

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/registry/registrytest"
)

// A registry that takes no more of a mount, or gives none, is given up, and not asked
// again; the next run keeps the mount.
func TestQuiet(t *testing.T) {
	archive := bytes.Repeat([]byte("x"), 1<<20)
	e := &Entry{ID: "go", Platform: "linux/amd64", Layer: ocispecs.Descriptor{
		MediaType: ocispecs.MediaTypeImageLayerZstd, Digest: digest.FromBytes(archive), Size: int64(len(archive)),
	}}
	for _, silent := range []struct {
		name string
		at   func(*http.Request) bool
		call func(Store) error
	}{
		{"upload", func(r *http.Request) bool { return r.Method == http.MethodPut }, func(s Store) error {
			return s.Save(t.Context(), e, bytes.NewReader(archive))
		}},
		{"entry", func(r *http.Request) bool { return r.Method == http.MethodGet }, func(s Store) error {
			_, err := s.Load(t.Context())
			return err
		}},
		{"download", func(r *http.Request) bool { return r.Method == http.MethodGet }, func(s Store) error {
			_, err := s.Open(t.Context(), e)
			return err
		}},
	} {
		t.Run(silent.name, func(t *testing.T) {
			server, over := registrytest.New(t), make(chan struct{})
			end := sync.OnceFunc(func() { close(over) })
			t.Cleanup(end) // before the server ends
			open := func() Store {
				s, err := Registry(registry.New(registry.Options{}), registry.Name{Text: server.Host + "/cache:tag"})
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			if silent.name == "download" {
				if err := open().Save(t.Context(), e, bytes.NewReader(archive)); err != nil {
					t.Fatal(err)
				}
			}
			server.Before(func(w http.ResponseWriter, r *http.Request) bool {
				if silent.at(r) {
					<-over
				}
				return false
			})
			p := &Patience{Quiet: 200 * time.Millisecond}
			var quiet *QuietError
			if err := silent.call(p.With(open())); !errors.As(err, &quiet) {
				t.Errorf("silent: %v", err)
			}
			server.Asked()
			err := silent.call(p.With(open()))
			if asked := server.Asked(); !errors.As(err, &quiet) || len(asked) > 0 {
				t.Errorf("once more: %v, asked %q", err, asked)
			}
			end()
			if err := silent.call((&Patience{Quiet: time.Minute}).With(open())); err != nil {
				t.Errorf("the next run: %v", err)
			}
		})
	}
}

// What is read slowly is not given up, for the registry does not wait.
func TestSlowReader(t *testing.T) {
	archive := []byte("archive")
	e := &Entry{ID: "go", Layer: ocispecs.Descriptor{Digest: digest.FromBytes(archive), Size: int64(len(archive))}}
	s := Folder(t.TempDir(), "tag")
	if err := s.Save(t.Context(), e, bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	p := &Patience{Quiet: time.Minute}
	body, err := p.With(s).Open(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if body.(*watchedBody).w.timer.Stop() {
		t.Error("the time runs while nobody reads")
	}
	if data, err := io.ReadAll(body); err != nil || string(data) != "archive" {
		t.Errorf("%q, %v", data, err)
	}
}
