package lane

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	types "github.com/moby/buildkit/cache/remotecache/v1/types"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxRead is the size in bytes up to which BuildKit reads a config or a
// manifest of a cache.
const maxRead = 1 << 20

// over returns what a lane is to hold when a run of some targets has written
// ours and the lane holds old, or nil if it holds ours already. before are the
// parts that were there when the run began.
func (ours *content) over(old *content, targets []string, before map[digest.Digest]bool) (*content, error) {
	keep := []part{}
	covered := map[string]bool{}
	for _, t := range targets {
		covered[t] = true
	}
	for _, p := range old.parts() {
		if p.From == ours.from && slices.Equal(p.Targets, targets) {
			return nil, nil
		}
		stale := before[p.From] && !slices.ContainsFunc(p.Targets, func(t string) bool { return !covered[t] })
		if !stale {
			keep = append(keep, p)
		}
		for _, t := range p.Targets {
			covered[t] = true
		}
	}
	for {
		out, err := ours.with(old, targets, keep)
		if err != nil {
			return nil, err
		}
		e, err := out.encode()
		if err != nil || len(keep) == 0 || max(len(e.config), len(e.manifest)) <= maxRead {
			return out, err
		}
		keep = keep[:len(keep)-1]
	}
}

// with puts parts of an old version beside ours.
func (ours *content) with(old *content, targets []string, keep []part) (*content, error) {
	out := &content{manifest: ours.manifest}
	out.raw = maps.Clone(ours.raw)
	m := newMerger(ours.config.CacheConfig)
	out.config.Parts = []part{{Targets: targets, From: ours.from, Roots: roots(ours.config.CacheConfig)}}
	if len(keep) > 0 {
		m.from = old.config.CacheConfig
	}
	for _, p := range keep {
		at := make([]int, len(p.Roots))
		var err error
		for i, root := range p.Roots {
			if at[i], err = m.record(root); err != nil {
				return nil, err
			}
		}
		out.config.Parts = append(out.config.Parts, part{Targets: p.Targets, From: p.From, Roots: at})
	}
	out.config.CacheConfig = m.into
	if ours.raw != nil && len(keep) > 0 {
		out.layers = mergeLayers(m.into.Layers, ours.layers, old.layers)
	}
	return out, nil
}

// merger adds records of one cache config to another.
type merger struct {
	into    types.CacheConfig
	from    types.CacheConfig
	layers  map[int]int // index in from: index in into; -1 while it is being added
	records map[int]int
	byKey   map[string]int
	byLayer map[string]int
}

func newMerger(ours types.CacheConfig) *merger {
	m := &merger{
		into:   types.CacheConfig{Layers: slices.Clone(ours.Layers), Records: slices.Clone(ours.Records)},
		layers: map[int]int{}, records: map[int]int{}, byKey: map[string]int{}, byLayer: map[string]int{},
	}
	for i, l := range ours.Layers {
		m.byLayer[layerKey(l)] = i
	}
	for i, r := range ours.Records {
		m.byKey[recordKey(r)] = i
	}
	return m
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

// mergeLayers lists the layers that a config names, in the order of the
// manifests that have them, each once.
func mergeLayers(named []types.CacheLayer, lists ...[]ocispecs.Descriptor) []ocispecs.Descriptor {
	wanted := map[digest.Digest]bool{}
	for _, l := range named {
		wanted[l.Blob] = true
	}
	var out []ocispecs.Descriptor
	for _, d := range slices.Concat(lists...) {
		if wanted[d.Digest] {
			wanted[d.Digest] = false
			out = append(out, d)
		}
	}
	return out
}
