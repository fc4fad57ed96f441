// Package imagediff compares two images that lie in OCI layouts: the index, the
// manifests, the configurations and the layers, down to the bytes of the files in
// them. It says where they differ, and guesses why: times, owners, the order of
// entries, Python's bytecode, archives, compressed files, paths and random names of
// a build. It reads layouts and layers, and nothing else: it knows neither registries nor
// builders, and not how the images came about. A guess is a guess.
package imagediff

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/termtext"
)

// Level is the part of an image that differs.
type Level string

// The levels, from the outside to the inside.
const (
	Index    Level = "index"
	Platform Level = "platforms"
	Manifest Level = "manifest"
	Config   Level = "config"
	Layer    Level = "layer"
)

// The kinds of difference.
const (
	Content     = "content"     // a file has other bytes
	Missing     = "missing"     // a file, a layer or a platform is in one of the images only
	Times       = "times"       // only a time differs
	Owner       = "owner"       // uid, gid or their names
	Mode        = "mode"        // permissions
	Type        = "type"        // a folder here, a file there
	Link        = "link"        // a link leads elsewhere
	Attributes  = "attributes"  // extended attributes
	Order       = "order"       // the same entries, in another order
	Encoding    = "encoding"    // the same entries, written differently
	Compression = "compression" // the same layer, compressed differently
	Field       = "field"       // of a configuration, a manifest or an index
)

// Difference is one thing in which two images differ.
type Difference struct {
	Level    Level  `json:"level"`
	Platform string `json:"platform,omitempty"`
	// Layer counts from 1; Layers is how many there are. Step made it.
	Layer  int    `json:"layer,omitempty"`
	Layers int    `json:"layers,omitempty"`
	Step   string `json:"step,omitempty"`
	// Path is the file in the layer, or the field in a document.
	Path string `json:"path,omitempty"`
	Kind string `json:"kind"`
	// Bytes is the part of the file that differs.
	Bytes *Range `json:"bytes,omitempty"`
	// Values are what the two images have there, if that is short.
	Values [2]string `json:"values,omitzero"`
	// Reason is a guess at why; Advice says what helps.
	Reason string `json:"reason,omitempty"`
	Advice string `json:"advice,omitempty"`
}

// Range is the part of two files that differs: from the first byte that does up to
// the last one, in the longer of them.
type Range struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	// Sizes are those of the two files.
	Sizes [2]int64 `json:"sizes"`
}

func (r *Range) String() string {
	text := fmt.Sprintf("bytes %d-%d", r.First, r.Last)
	if r.First == r.Last {
		text = fmt.Sprintf("byte %d", r.First)
	}
	if r.Sizes[0] == r.Sizes[1] {
		return fmt.Sprintf("%s of %d", text, r.Sizes[0])
	}
	return fmt.Sprintf("%s, of %d and %d", text, r.Sizes[0], r.Sizes[1])
}

// Result is what a comparison has found.
type Result struct {
	Equal bool `json:"equal"`
	// Digests are those of the two images.
	Digests [2]string `json:"digests"`
	// Differences begin with the first layer that differs.
	Differences []Difference `json:"differences,omitempty"`
	// More counts differences that are not listed.
	More int `json:"more,omitempty"`
}

// most is how many differences are listed.
const most = 200

// Compare compares the images in two layouts. Each holds one.
func Compare(first, second string) (*Result, error) {
	a, err := open(first)
	if err != nil {
		return nil, err
	}
	b, err := open(second)
	if err != nil {
		return nil, err
	}
	r := &Result{Digests: [2]string{a.root.Digest.String(), b.root.Digest.String()}}
	if r.Equal = a.root.Digest == b.root.Digest; r.Equal {
		return r, nil
	}
	c := &comparison{a: a, b: b}
	if err := c.images(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(c.found, func(x, y Difference) int { return cmp.Compare(depth(x.Level), depth(y.Level)) })
	if r.Differences = c.found; len(c.found) > most {
		r.Differences, r.More = c.found[:most], len(c.found)-most
	}
	if len(r.Differences) == 0 {
		r.Differences = []Difference{{Level: Index, Kind: Encoding, Reason: "the same content, written differently"}}
	}
	return r, nil
}

// depth puts what is inside first: what is around it differs because of it.
func depth(l Level) int {
	return slices.Index([]Level{Platform, Layer, Config, Manifest, Index}, l)
}

// comparison is one comparison, with what it has found.
type comparison struct {
	a, b  *image
	found []Difference
}

// images compares the images for each platform, and the indexes around them.
func (c *comparison) images() error {
	for _, name := range slices.Sorted(maps.Keys(union(c.a.platforms, c.b.platforms))) {
		a, b := c.a.platforms[name], c.b.platforms[name]
		if a == nil || b == nil {
			values := onlyFirst
			if a == nil {
				values = onlySecond
			}
			c.found = append(c.found, Difference{Level: Platform, Platform: name, Kind: Missing, Values: values})
			continue
		}
		if a.desc.Digest == b.desc.Digest {
			continue
		}
		if err := c.manifests(name, a, b); err != nil {
			return err
		}
	}
	c.fields(Index, "", c.a.around, c.b.around)
	return nil
}

// manifests compares the images for one platform.
func (c *comparison) manifests(name string, a, b *manifest) error {
	if len(a.Layers) != len(b.Layers) {
		c.found = append(c.found, Difference{Level: Manifest, Platform: name, Kind: Missing, Path: "layers",
			Values: [2]string{termtext.Count(len(a.Layers), "layer"), termtext.Count(len(b.Layers), "layer")}})
	}
	steps := a.steps()
	for i := range min(len(a.Layers), len(b.Layers)) {
		if a.Layers[i].Digest == b.Layers[i].Digest {
			continue
		}
		at := Difference{Level: Layer, Platform: name, Layer: i + 1, Layers: len(a.Layers)}
		if i < len(steps) {
			at.Step = steps[i]
		}
		l := layers{at: at, a: c.a.blob(a.Layers[i].Digest), b: c.b.blob(b.Layers[i].Digest)}
		found, err := l.compare()
		if err != nil {
			return fmt.Errorf("comparing layer %d for %s: %w", i+1, name, err)
		}
		c.found = append(c.found, found...)
	}
	c.fields(Config, name, a.config, b.config)
	c.fields(Manifest, name, a.around, b.around)
	return nil
}

// fields compares two documents by their fields. A digest follows from what is
// inside, and is not mentioned.
func (c *comparison) fields(level Level, platform string, a, b map[string]string) {
	for _, path := range slices.Sorted(maps.Keys(union(a, b))) {
		was, had := a[path]
		is, has := b[path]
		if had && has && was == is {
			continue
		}
		d := Difference{Level: level, Platform: platform, Path: path, Kind: Field, Values: [2]string{short(was), short(is)}}
		switch {
		case path == "created" || strings.HasSuffix(path, ".created"):
			d.Kind, d.Reason, d.Advice = Times, "the time of the build", adviceTime
		case had != has:
			d.Kind = Missing
		default:
			g := guess("", []byte(was), []byte(is))
			d.Reason, d.Advice = g.reason, g.advice
		}
		c.found = append(c.found, d)
	}
}

// short is a value that is not too long to be shown.
func short(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// onlyFirst and onlySecond are the values where only one of the images has something.
var onlyFirst, onlySecond = [2]string{"there", "not there"}, [2]string{"not there", "there"}

func union[V any](a, b map[string]V) map[string]V {
	out := make(map[string]V, len(a))
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}

// flatten writes a JSON document as its values by their paths.
func flatten(data []byte, skip func(path string) bool) (map[string]string, error) {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	out := map[string]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		if skip(path) {
			return
		}
		switch v := v.(type) {
		case map[string]any:
			for k, child := range v {
				walk(strings.TrimPrefix(path+"."+k, "."), child)
			}
		case []any:
			for i, child := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), child)
			}
		case string:
			out[path] = v
		default:
			text, _ := json.Marshal(v) // it was JSON
			out[path] = string(text)
		}
	}
	walk("", v)
	return out, nil
}

// platformOf is the name of a platform, as reports have it.
func platformOf(p *ocispecs.Platform) string { return platforms.FormatAll(platforms.Normalize(*p)) }
