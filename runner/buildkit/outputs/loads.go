package outputs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images/archive"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Loads collects the images of a run that Docker engines are to have, in a folder
// where what they share is kept once, and writes one archive for each engine.
type Loads struct {
	store content.Store

	mu     sync.Mutex
	images []loadImage
}

// loadImage is an image of a target, for one of the engines.
type loadImage struct {
	engine string
	target string
	desc   ocispecs.Descriptor
	names  []string
}

// NewLoads collects images in a folder.
func NewLoads(dir string) (*Loads, error) {
	store, err := contentlocal.NewStore(dir)
	if err != nil {
		return nil, fmt.Errorf("preparing to load images: %w", err)
	}
	return &Loads{store: store}, nil
}

// Collects says whether what is exported into a store is collected here.
func (l *Loads) Collects(store content.Store) bool {
	return l != nil && store == l.store
}

// Take enters the image of a target for an engine, as the exporter has described
// it. One that was built again takes the place of the first.
func (l *Loads) Take(target, engine string, response map[string]string) error {
	data, err := base64.StdEncoding.DecodeString(response[exptypes.ExporterImageDescriptorKey])
	if err != nil {
		return fmt.Errorf("reading what the builder says of the image: %w", err)
	}
	image := loadImage{engine: engine, target: target}
	if err := json.Unmarshal(data, &image.desc); err != nil {
		return fmt.Errorf("reading what the builder says of the image: %w", err)
	}
	if names := response[exptypes.ExporterImageNameKey]; names != "" {
		image.names = strings.Split(names, ",")
	}
	l.enter(image)
	return nil
}

// enter takes an image in, in place of an earlier one that it replaces.
func (l *Loads) enter(image loadImage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	same := func(have loadImage) bool {
		return have.target == image.target && have.engine == image.engine && slices.Equal(have.names, image.names)
	}
	l.images = append(slices.DeleteFunc(l.images, same), image)
}

// Engines are the engines that images of the chosen targets are for, in order.
func (l *Loads) Engines(chosen func(target string) bool) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, image := range l.images {
		if chosen(image.target) {
			out = append(out, image.engine)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Write writes the archive of the chosen targets' images for an engine.
func (l *Loads) Write(ctx context.Context, w io.Writer, engine string, chosen func(target string) bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.SortStableFunc(l.images, func(a, b loadImage) int { return strings.Compare(a.target, b.target) })
	var opts []archive.ExportOpt
	for _, image := range l.images {
		if image.engine == engine && chosen(image.target) {
			opts = append(opts, archive.WithManifest(image.desc, image.names...))
		}
	}
	return archive.Export(ctx, l.store, w, opts...)
}

// Store is where the images are put.
func (l *Loads) Store() content.Store { return l.store }
