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

// manifest is that of a cache in either of BuildKit's forms: an image manifest
// with the config as its config, or an index with the config as its last entry.
type manifest struct {
	raw     map[string]json.RawMessage
	layers  []ocispecs.Descriptor
	config  ocispecs.Descriptor
	isIndex bool
}

func readManifest(data []byte) (*manifest, error) {
	m := &manifest{}
	if err := json.Unmarshal(data, &m.raw); err != nil {
		return nil, err
	}
	list := m.raw["layers"]
	if _, m.isIndex = m.raw["manifests"]; m.isIndex {
		list = m.raw["manifests"]
	} else if err := json.Unmarshal(m.raw["config"], &m.config); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(list, &m.layers); err != nil {
		return nil, err
	}
	if m.isIndex {
		i := slices.IndexFunc(m.layers, func(d ocispecs.Descriptor) bool { return d.MediaType == types.CacheConfigMediaTypeV0 })
		if i < 0 {
			return nil, errors.New("it has no cache config")
		}
		m.config = m.layers[i]
		m.layers = slices.Delete(m.layers, i, i+1)
	}
	if m.config.MediaType != types.CacheConfigMediaTypeV0 {
		return nil, fmt.Errorf("its config is of the type %q", m.config.MediaType)
	}
	return m, nil
}

// encode writes the manifest with other layers and another config.
func (m *manifest) encode(layers []ocispecs.Descriptor, config ocispecs.Descriptor) ([]byte, error) {
	set := func(key string, value any) error {
		data, err := json.Marshal(value)
		m.raw[key] = data
		return err
	}
	if m.isIndex {
		return encodeWith(m.raw, set("manifests", append(slices.Clone(layers), config)))
	}
	return encodeWith(m.raw, errors.Join(set("layers", layers), set("config", config)))
}

func encodeWith(raw map[string]json.RawMessage, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(raw)
}

// merger adds the records of one cache config to another.
type merger struct {
	into    types.CacheConfig
	from    types.CacheConfig
	layers  map[int]int // index in from: index in into
	records map[int]int // -1 while it is being added
	byKey   map[string]int
	byLayer map[string]int
}

// mergeConfigs returns a config with the records and layers of both.
func mergeConfigs(ours, theirs types.CacheConfig) (types.CacheConfig, error) {
	m := &merger{
		into: ours, from: theirs, layers: map[int]int{}, records: map[int]int{},
		byKey: map[string]int{}, byLayer: map[string]int{},
	}
	for i, l := range ours.Layers {
		m.byLayer[layerKey(l)] = i
	}
	for i, r := range ours.Records {
		m.byKey[recordKey(r)] = i
	}
	for i := range theirs.Records {
		if _, err := m.record(i); err != nil {
			return ours, err
		}
	}
	return m.into, nil
}

// layerKey is the same for equal layers on the same parent.
func layerKey(l types.CacheLayer) string { return fmt.Sprintf("%d %s", l.ParentIndex, l.Blob) }

// recordKey is the same for records of one vertex with the same inputs.
func recordKey(r types.CacheRecord) string {
	data, err := json.Marshal(r.Inputs)
	if err != nil {
		return ""
	}
	return string(r.Digest) + string(data)
}

// layer adds a layer with its parents.
func (m *merger) layer(i int) (int, error) {
	if at, ok := m.layers[i]; ok {
		if at < 0 {
			return 0, errors.New("a layer is its own parent")
		}
		return at, nil
	}
	if i < 0 || i >= len(m.from.Layers) {
		return 0, fmt.Errorf("there is no layer %d", i)
	}
	m.layers[i] = -1
	l := m.from.Layers[i]
	if l.ParentIndex >= 0 {
		parent, err := m.layer(l.ParentIndex)
		if err != nil {
			return 0, err
		}
		l.ParentIndex = parent
	}
	at, ok := m.byLayer[layerKey(l)]
	if !ok {
		at = len(m.into.Layers)
		m.into.Layers = append(m.into.Layers, l)
		m.byLayer[layerKey(l)] = at
	}
	m.layers[i] = at
	return at, nil
}

// record adds a record with those that it links to.
func (m *merger) record(i int) (int, error) {
	if at, ok := m.records[i]; ok {
		if at < 0 {
			return 0, errors.New("a record is its own input")
		}
		return at, nil
	}
	if i < 0 || i >= len(m.from.Records) {
		return 0, fmt.Errorf("there is no record %d", i)
	}
	m.records[i] = -1
	r, err := m.translate(m.from.Records[i])
	if err != nil {
		return 0, err
	}
	at, ok := m.byKey[recordKey(r)]
	switch {
	case !ok:
		at = len(m.into.Records)
		m.into.Records = append(m.into.Records, r)
		m.byKey[recordKey(r)] = at
	case len(m.into.Records[at].Results)+len(m.into.Records[at].ChainedResults) == 0:
		m.into.Records[at].Results, m.into.Records[at].ChainedResults = r.Results, r.ChainedResults
	}
	m.records[i] = at
	return at, nil
}

// translate is a record with the indexes that its layers and inputs have here.
func (m *merger) translate(r types.CacheRecord) (types.CacheRecord, error) {
	out := types.CacheRecord{Digest: r.Digest}
	for _, inputs := range r.Inputs {
		links := slices.Clone(inputs)
		for j := range links {
			at, err := m.record(links[j].LinkIndex)
			if err != nil {
				return out, err
			}
			links[j].LinkIndex = at
		}
		out.Inputs = append(out.Inputs, links)
	}
	for _, res := range r.Results {
		at, err := m.layer(res.LayerIndex)
		if err != nil {
			return out, err
		}
		res.LayerIndex = at
		out.Results = append(out.Results, res)
	}
	for _, res := range r.ChainedResults {
		res.LayerIndexes = slices.Clone(res.LayerIndexes)
		for j, l := range res.LayerIndexes {
			at, err := m.layer(l)
			if err != nil {
				return out, err
			}
			res.LayerIndexes[j] = at
		}
		out.ChainedResults = append(out.ChainedResults, res)
	}
	return out, nil
}

// mergeLayers lists the layers of both manifests, each once.
func mergeLayers(ours, theirs []ocispecs.Descriptor) []ocispecs.Descriptor {
	seen := map[digest.Digest]bool{}
	var out []ocispecs.Descriptor
	for _, d := range append(slices.Clone(ours), theirs...) {
		if !seen[d.Digest] {
			seen[d.Digest] = true
			out = append(out, d)
		}
	}
	return out
}
