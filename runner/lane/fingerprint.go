package lane

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	types "github.com/moby/buildkit/cache/remotecache/v1/types"
	digest "github.com/opencontainers/go-digest"
)

// fingerprint is equal for configs that say the same. BuildKit puts records
// that differ only in what they link to in any order, and with their times.
func fingerprint(c types.CacheConfig) (digest.Digest, error) {
	f := &fingerprinter{config: c, records: make([]string, len(c.Records)), layers: make([]string, len(c.Layers))}
	for i := range c.Records {
		if _, err := f.record(i); err != nil {
			return "", err
		}
	}
	all := slices.Clone(f.records)
	slices.Sort(all)
	return digest.FromString(strings.Join(all, "\n")), nil
}

type fingerprinter struct {
	config  types.CacheConfig
	records []string // by index; underway while one is being computed
	layers  []string // the same
}

// underway stands for a record whose inputs are being looked at.
const underway = "?"

// record is the fingerprint of a record with all that leads to it.
func (f *fingerprinter) record(i int) (string, error) {
	if i < 0 || i >= len(f.records) {
		return "", errors.New("a record is not there")
	}
	switch f.records[i] {
	case underway:
		return "", errors.New("a record is its own input")
	case "":
	default:
		return f.records[i], nil
	}
	f.records[i] = underway
	r := f.config.Records[i]
	said := [][]string{{r.Digest.String()}}
	for _, inputs := range r.Inputs {
		var links []string
		for _, in := range inputs {
			from, err := f.record(in.LinkIndex)
			if err != nil {
				return "", err
			}
			links = append(links, in.Selector+" "+from)
		}
		slices.Sort(links)
		said = append(said, links)
	}
	results, err := f.results(r)
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(append(said, results))
	f.records[i] = digest.FromBytes(data).String()
	return f.records[i], err
}

// layer is the fingerprint of a layer with those below it.
func (f *fingerprinter) layer(i int) (string, error) {
	if i < 0 || i >= len(f.layers) || f.layers[i] == underway {
		return "", errors.New("a layer is not there, or its own parent")
	}
	if f.layers[i] == "" {
		l, below := f.config.Layers[i], ""
		f.layers[i] = underway
		if l.ParentIndex != -1 {
			var err error
			if below, err = f.layer(l.ParentIndex); err != nil {
				return "", err
			}
		}
		f.layers[i] = digest.FromString(below + " " + l.Blob.String()).String()
	}
	return f.layers[i], nil
}

// results are a record's results, each as one text.
func (f *fingerprinter) results(r types.CacheRecord) ([]string, error) {
	out := []string{}
	for _, res := range r.Results {
		top, err := f.layer(res.LayerIndex)
		if err != nil {
			return nil, err
		}
		out = append(out, top)
	}
	for _, res := range r.ChainedResults {
		chain := "chain"
		for _, l := range res.LayerIndexes {
			if l < 0 || l >= len(f.layers) {
				return nil, errors.New("a layer is not there")
			}
			chain += " " + f.config.Layers[l].Blob.String()
		}
		out = append(out, chain)
	}
	slices.Sort(out)
	return out, nil
}
