// Package same says whether two images of a repository have the same content: the
// same manifest for each platform, and attestations that say the same but for the
// times and ids that each build has of its own. It reads small documents of a
// registry, and knows nothing of builds.
package same

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/registry"
)

// Source reads what a repository has.
type Source interface {
	Manifest(ctx context.Context, ref registry.Ref) (*registry.Manifest, error)
	Blob(ctx context.Context, repo registry.Repo, d digest.Digest) ([]byte, error)
}

const (
	referenceType   = "vnd.docker.reference.type"
	referenceDigest = "vnd.docker.reference.digest"
	predicateType   = "in-toto.io/predicate-type"
	provenance      = "slsa.dev/provenance"
)

// Content says whether two digests of a repository name the same content.
func Content(ctx context.Context, src Source, repo registry.Repo, a, b string) (bool, error) {
	if a == b {
		return true, nil
	}
	x, err := read(ctx, src, repo, a)
	if err != nil {
		return false, err
	}
	y, err := read(ctx, src, repo, b)
	if err != nil {
		return false, err
	}
	return x != nil && y != nil && reflect.DeepEqual(x, y), nil
}

// content is what counts of an index.
type content struct {
	MediaType   string
	Annotations map[string]string
	// Images are the manifests with their platforms and annotations; Statements are
	// those of their attestations.
	Images     []string
	Statements []string
}

// read reads an index; nil is an image without one, which is the same as no other.
func read(ctx context.Context, src Source, repo registry.Repo, d string) (*content, error) {
	m, err := src.Manifest(ctx, registry.Ref{Repo: repo, Tag: d})
	if err != nil {
		return nil, fmt.Errorf("reading the index %s: %w", d, err)
	}
	var index ocispecs.Index
	if err := json.Unmarshal(m.Data, &index); err != nil {
		return nil, fmt.Errorf("reading the index %s: %w", d, err)
	}
	if len(index.Manifests) == 0 {
		return nil, nil
	}
	out := &content{MediaType: m.MediaType, Annotations: index.Annotations}
	for _, child := range index.Manifests {
		if child.Annotations[referenceType] == "" {
			text, err := json.Marshal(child)
			if err != nil {
				return nil, err
			}
			out.Images = append(out.Images, string(text))
			continue
		}
		list, err := statements(ctx, src, repo, child)
		if err != nil {
			return nil, err
		}
		out.Statements = append(out.Statements, list...)
	}
	slices.Sort(out.Images)
	slices.Sort(out.Statements)
	return out, nil
}

// statements are the attestations of a manifest, without what is of one build alone.
func statements(ctx context.Context, src Source, repo registry.Repo, d ocispecs.Descriptor) ([]string, error) {
	m, err := src.Manifest(ctx, registry.Ref{Repo: repo, Tag: d.Digest.String()})
	if err != nil {
		return nil, fmt.Errorf("reading attestations: %w", err)
	}
	var manifest ocispecs.Manifest
	if err := json.Unmarshal(m.Data, &manifest); err != nil {
		return nil, fmt.Errorf("reading attestations: %w", err)
	}
	var out []string
	for _, layer := range manifest.Layers {
		kind := layer.Annotations[predicateType]
		text := d.Annotations[referenceDigest] + " " + kind
		if strings.Contains(kind, provenance) {
			data, err := src.Blob(ctx, repo, layer.Digest)
			if err != nil {
				return nil, fmt.Errorf("reading provenance: %w", err)
			}
			var v any
			if err := json.Unmarshal(data, &v); err != nil {
				return nil, fmt.Errorf("reading provenance: %w", err)
			}
			lasting, err := json.Marshal(withoutBuild(v))
			if err != nil {
				return nil, err
			}
			text += " " + string(lasting)
		}
		out = append(out, text)
	}
	return out, nil
}

// ofOneBuild are fields of provenance that each build has its own values of.
var ofOneBuild = map[string]bool{
	"invocationid": true, "buildinvocationid": true, "startedon": true, "finishedon": true, "buildstartedon": true, "buildfinishedon": true,
	// Of mode=max: steps by digests that hold the session, and layers as they were
	// before their times were rewritten.
	"digestmapping": true, "layers": true,
	// That nothing came from a cache.
	"no-cache": true,
}

// withoutBuild is a document without the fields that are of one build alone.
func withoutBuild(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, k := range slices.Collect(maps.Keys(v)) {
			if !ofOneBuild[strings.ToLower(k)] {
				out[k] = withoutBuild(v[k])
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = withoutBuild(v[i])
		}
		return out
	}
	return v
}
