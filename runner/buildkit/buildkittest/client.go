package buildkittest

import (
	"archive/tar"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Client is a connection to the daemon. The zero value is a daemon in which
// every step goes well.
type Client struct {
	// Fails are the errors of steps and of tests, by their commands, such as
	// "RUN make".
	Fails map[string]error
	// Instead is what the daemon answers with in place of the error of a step.
	Instead error
	// Prints are the outputs of steps and of tests, by their commands.
	Prints map[string]string
	// Cached are the commands of steps that have their results already.
	Cached []string
	// Labels are those of its worker.
	Labels map[string]string
	// Images are the configurations of base images, by their references.
	Images map[string]ocispecs.Image
	// ExportErr is the error of every export, and CacheErr that of every export
	// of a cache.
	ExportErr, CacheErr error
	// Usage are the daemon's cache records.
	Usage []*controlapi.UsageRecord

	mu     sync.Mutex
	builds []client.SolveOpt
	seen   map[digest.Digest]bool // vertices that have been run
	steps  []string
	closed bool
}

// Builds are the requests so far, in the order of their start.
func (c *Client) Builds() []client.SolveOpt {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.builds)
}

// Steps are the names of the steps that were run, in their order.
func (c *Client) Steps() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.steps)
}

// Closed reports whether the connection was closed.
func (c *Client) Closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Build calls build with a gateway, and exports what it returns.
func (c *Client) Build(ctx context.Context, opt client.SolveOpt, _ string, build gateway.BuildFunc, status chan *client.SolveStatus) (*client.SolveResponse, error) {
	defer close(status)
	c.mu.Lock()
	c.builds = append(c.builds, opt)
	c.mu.Unlock()
	gw := &gatewayClient{client: c, status: status, id: "session"}
	if opt.SharedSession != nil {
		gw.id = opt.SharedSession.ID()
	}
	res, err := build(ctx, gw)
	gw.reports.Wait()
	if err != nil {
		return nil, err
	}
	if err := c.evaluate(ctx, res); err != nil {
		return nil, err
	}
	response := &client.SolveResponse{ExporterResponse: map[string]string{}}
	for _, e := range opt.Exports {
		if c.ExportErr != nil {
			return nil, c.ExportErr
		}
		if err := c.export(ctx, e, response.ExporterResponse); err != nil {
			return nil, err
		}
	}
	if len(opt.CacheExports) > 0 && c.CacheErr != nil {
		return nil, c.CacheErr
	}
	return response, nil
}

// evaluate evaluates what is exported.
func (c *Client) evaluate(ctx context.Context, res *gateway.Result) error {
	if res == nil {
		return nil
	}
	return res.EachRef(func(ref gateway.Reference) error {
		if ref == nil {
			return nil
		}
		return ref.Evaluate(ctx)
	})
}

// manifest is every image's.
var manifest = []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[]}`)

// export writes an output.
func (c *Client) export(ctx context.Context, e client.ExportEntry, response map[string]string) error {
	dgst := digest.FromBytes(manifest)
	switch {
	case e.OutputDir != "":
		return os.WriteFile(filepath.Join(e.OutputDir, "file"), []byte("content\n"), 0o644)
	case e.OutputStore != nil:
		err := content.WriteBlob(ctx, e.OutputStore, dgst.String(), newReader(manifest), ocispecs.Descriptor{Digest: dgst, Size: int64(len(manifest))})
		if err != nil {
			return err
		}
	case e.Output != nil:
		w, err := e.Output(nil)
		if err != nil {
			return err
		}
		if err := errors.Join(writeTar(w), w.Close()); err != nil {
			return err
		}
	}
	if e.Type != client.ExporterTar {
		response[exptypes.ExporterImageDigestKey] = dgst.String()
		response[exptypes.ExporterImageNameKey] = e.Attrs["name"]
		desc, err := json.Marshal(ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageManifest, Digest: dgst, Size: int64(len(manifest))})
		if err != nil {
			return err
		}
		response[exptypes.ExporterImageDescriptorKey] = base64.StdEncoding.EncodeToString(desc)
	}
	return nil
}

func writeTar(w io.Writer) error {
	t := tar.NewWriter(w)
	if err := t.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: 0}); err != nil {
		return err
	}
	return t.Close()
}

// ListWorkers has one worker of this module's BuildKit, for linux/amd64.
func (c *Client) ListWorkers(context.Context, ...client.ListWorkersOption) ([]*client.WorkerInfo, error) {
	if c.Closed() {
		return nil, errors.New("the connection is closed")
	}
	return []*client.WorkerInfo{{
		ID: "worker", Labels: c.Labels, Platforms: []ocispecs.Platform{{OS: "linux", Architecture: "amd64"}},
		BuildkitVersion: client.BuildkitVersion{Package: "github.com/moby/buildkit", Version: "v0.0.0-test"},
	}}, nil
}

// DiskUsage are the daemon's cache records.
func (c *Client) DiskUsage(context.Context) ([]*controlapi.UsageRecord, bool, error) {
	return c.Usage, true, nil
}

// ContentStore is empty.
func (c *Client) ContentStore() content.Store { return nil }

// Close closes the connection.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return fmt.Errorf("closed twice")
	}
	c.closed = true
	return nil
}
