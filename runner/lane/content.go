package lane

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	types "github.com/moby/buildkit/cache/remotecache/v1/types"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// content is one version of a cache.
type content struct {
	// id is equal for equal versions in one place.
	id string
	manifest
	config config
	// from is the fingerprint of the config.
	from digest.Digest
}

// config is BuildKit's description of a cache, with what the cache of a lane
// holds beside it.
type config struct {
	types.CacheConfig
	// Parts come newest first.
	Parts []part `json:"orch,omitempty"`
}

// part is what one run has put into the cache of a lane.
type part struct {
	Targets []string `json:"targets,omitempty"`
	// From is the fingerprint of the config that the builder wrote.
	From digest.Digest `json:"from"`
	// Roots are the records that no other record of the part needs.
	Roots []int `json:"roots"`
}

// parts returns the parts of a cache. One that a builder has written without orch is
// a single part, whose targets are not known.
func (c *content) parts() []part {
	if c == nil || len(c.config.Records) == 0 {
		return nil
	}
	if len(c.config.Parts) > 0 {
		return c.config.Parts
	}
	return []part{{From: c.from, Roots: roots(c.config.CacheConfig)}}
}

// roots are the records that no other one has as an input.
func roots(c types.CacheConfig) []int {
	needed := map[int]bool{}
	for _, r := range c.Records {
		for _, inputs := range r.Inputs {
			for _, in := range inputs {
				needed[in.LinkIndex] = true
			}
		}
	}
	var out []int
	for i := range c.Records {
		if !needed[i] {
			out = append(out, i)
		}
	}
	return out
}

// mostConfig bounds the config of a cache, in bytes: far above what BuildKit reads,
// and far below what would make looking through it endless.
const mostConfig = 16 << 20

// readConfig enters the config of a cache.
func (c *content) readConfig(data []byte) error {
	if len(data) > mostConfig {
		return fmt.Errorf("the cache config is larger than %d bytes: %w", mostConfig, errDamaged)
	}
	err := json.Unmarshal(data, &c.config)
	if err == nil {
		c.from, err = fingerprint(c.config.CacheConfig)
	}
	if err != nil {
		return fmt.Errorf("reading the cache config %s: %w", digest.FromBytes(data), err)
	}
	return nil
}

// manifest is that of a cache in either of BuildKit's forms: an image manifest
// with the config as its config, or an index with the config as its last entry.
// GitHub's cache has none.
type manifest struct {
	raw     map[string]json.RawMessage
	layers  []ocispecs.Descriptor
	place   ocispecs.Descriptor // of the config
	isIndex bool
}

func readManifest(data []byte) (manifest, error) {
	m := manifest{}
	if err := json.Unmarshal(data, &m.raw); err != nil {
		return m, err
	}
	list := m.raw["layers"]
	if _, m.isIndex = m.raw["manifests"]; m.isIndex {
		list = m.raw["manifests"]
	} else if err := json.Unmarshal(m.raw["config"], &m.place); err != nil {
		return m, err
	}
	if err := json.Unmarshal(list, &m.layers); err != nil {
		return m, err
	}
	if m.isIndex {
		i := slices.IndexFunc(m.layers, func(d ocispecs.Descriptor) bool { return d.MediaType == types.CacheConfigMediaTypeV0 })
		if i < 0 {
			return m, fmt.Errorf("it has no cache config: %w", errDamaged)
		}
		m.place = m.layers[i]
		m.layers = slices.Delete(m.layers, i, i+1)
	}
	if m.place.MediaType != types.CacheConfigMediaTypeV0 {
		return m, fmt.Errorf("its config is of the type %q: %w", m.place.MediaType, errDamaged)
	}
	return m, nil
}

// encoded is a version of a cache as it is stored.
type encoded struct {
	config    []byte
	manifest  []byte // nil where there is none
	mediaType string // of the manifest
}

// encode writes a version out.
func (c *content) encode() (*encoded, error) {
	out := &encoded{}
	var err error
	if out.config, err = json.Marshal(c.config); err != nil || c.raw == nil {
		return out, err
	}
	place := ocispecs.Descriptor{MediaType: types.CacheConfigMediaTypeV0, Digest: digest.FromBytes(out.config), Size: int64(len(out.config))}
	set := func(key string, value any) error {
		data, err := json.Marshal(value)
		c.raw[key] = data
		return err
	}
	if c.isIndex {
		err = set("manifests", append(slices.Clone(c.layers), place))
	} else {
		err = errors.Join(set("layers", c.layers), set("config", place))
	}
	if err != nil {
		return nil, err
	}
	if out.manifest, err = json.Marshal(c.raw); err != nil {
		return nil, err
	}
	var head struct{ MediaType string }
	err = json.Unmarshal(out.manifest, &head)
	out.mediaType = head.MediaType
	return out, err
}
