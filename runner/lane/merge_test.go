package lane

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"

	types "github.com/moby/buildkit/cache/remotecache/v1/types"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

func dgst(text string) digest.Digest { return digest.FromString(text) }

// chain is a config of one chain of steps, each with a layer.
func chain(steps ...string) types.CacheConfig {
	var c types.CacheConfig
	for i, s := range steps {
		c.Layers = append(c.Layers, types.CacheLayer{Blob: dgst("layer " + s), ParentIndex: i - 1})
		r := types.CacheRecord{Digest: dgst(s), Results: []types.CacheResult{{LayerIndex: i}}}
		if i > 0 {
			r.Inputs = [][]types.CacheInput{{{LinkIndex: i - 1}}}
		}
		c.Records = append(c.Records, r)
	}
	return c
}

// paths lists, for each record, the steps that lead to it and its layers.
func paths(t *testing.T, c types.CacheConfig, names map[digest.Digest]string) []string {
	t.Helper()
	var path func(i int) string
	path = func(i int) string {
		r := c.Records[i]
		text := names[r.Digest]
		if len(r.Inputs) > 0 {
			text = path(r.Inputs[0][0].LinkIndex) + ">" + text
		}
		return text
	}
	var out []string
	for i, r := range c.Records {
		text := path(i) + ":"
		for _, res := range r.Results {
			for l := res.LayerIndex; l >= 0; l = c.Layers[l].ParentIndex {
				text += " " + names[c.Layers[l].Blob]
			}
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return out
}

// holding is a cache as a builder writes it.
func holding(t *testing.T, c types.CacheConfig) *content {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out := &content{manifest: manifest{raw: map[string]json.RawMessage{}}}
	for _, l := range c.Layers {
		out.layers = append(out.layers, ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayerGzip, Digest: l.Blob, Size: 1})
	}
	if err := out.readConfig(data); err != nil {
		t.Fatal(err)
	}
	return out
}

// known are the parts of a lane for a run that begins now.
func known(c *content) map[digest.Digest]bool {
	out := map[digest.Digest]bool{}
	for _, p := range c.parts() {
		out[p.From] = true
	}
	return out
}

// put has a run that began when before was known write to a lane.
func put(t *testing.T, lane *content, before map[digest.Digest]bool, c types.CacheConfig, targets ...string) *content {
	t.Helper()
	next, err := holding(t, c).over(lane, targets, before)
	if err != nil {
		t.Fatal(err)
	}
	if next == nil {
		return lane
	}
	if len(next.layers) != len(next.config.Layers) {
		t.Errorf("%d layers in the manifest, %d in the config", len(next.layers), len(next.config.Layers))
	}
	return next
}

// names are those of the steps in the tests.
var names = map[digest.Digest]string{}

func init() {
	for _, s := range []string{"base", "one", "two", "three", "new"} {
		names[dgst(s)], names[dgst("layer "+s)] = s, "L"+s
	}
}

func holds(t *testing.T, lane *content, want ...string) {
	t.Helper()
	if p := paths(t, lane.config.CacheConfig, names); !slices.Equal(p, want) {
		t.Errorf("it holds %q\nwant %q", p, want)
	}
}

// What runs of other targets have written stays, and shares what is equal; what
// a run has of its own targets takes the place of what was there.
func TestOver(t *testing.T) {
	one := put(t, nil, nil, chain("base", "one"), "a")
	holds(t, one, "base: Lbase", "base>one: Lone Lbase")
	both := put(t, one, known(one), chain("base", "two", "three"), "b")
	holds(t, both, "base: Lbase", "base>one: Lone Lbase", "base>two: Ltwo Lbase", "base>two>three: Lthree Ltwo Lbase")
	if again := put(t, both, known(both), chain("base", "one"), "a"); again != both {
		t.Error("what is there already was put there again")
	}
	holds(t, put(t, both, known(both), chain("base", "new"), "b"), "base: Lbase", "base>new: Lnew Lbase", "base>one: Lone Lbase")
	holds(t, put(t, both, known(both), chain("new"), "a", "b"), "new: Lnew")
}

// Parts that are covered by newer ones go, however runs were cut.
func TestCovered(t *testing.T) {
	lane := put(t, nil, nil, chain("base", "one"), "a", "b")
	for _, target := range []string{"a", "b"} {
		lane = put(t, lane, known(lane), chain("base", "new"), target)
	}
	if n := len(lane.parts()); n != 2 {
		t.Errorf("%d parts: %v", n, lane.parts())
	}
	lane = put(t, lane, known(lane), chain("two"), "a")
	if n := len(lane.parts()); n != 2 {
		t.Errorf("%d parts: %v", n, lane.parts())
	}
	holds(t, lane, "base: Lbase", "base>new: Lnew Lbase", "two: Ltwo")
}

// A part that came while a run was going on stays, even of its own targets.
func TestMeanwhile(t *testing.T) {
	lane := put(t, nil, nil, chain("base"), "a")
	before := known(lane)
	lane = put(t, lane, before, chain("one"), "a")
	lane = put(t, lane, before, chain("two"), "a")
	holds(t, lane, "one: Lone", "two: Ltwo")
	holds(t, put(t, lane, known(lane), chain("three"), "a"), "three: Lthree")
}

// A cache that BuildKit would not read is of no use; the oldest parts go.
func TestTooLarge(t *testing.T) {
	many := func(prefix string) types.CacheConfig {
		var steps []string
		for i := range 1000 {
			steps = append(steps, prefix+strconv.Itoa(i))
		}
		return chain(steps...)
	}
	var lane *content
	for _, target := range []string{"a", "b", "c", "d", "e"} {
		lane = put(t, lane, known(lane), many(target), target)
	}
	e, err := lane.encode()
	if err != nil || len(e.config) > maxRead || len(e.manifest) > maxRead {
		t.Fatalf("%d and %d bytes, %v", len(e.config), len(e.manifest), err)
	}
	if p := lane.parts(); len(p) < 2 || p[0].Targets[0] != "e" || p[1].Targets[0] != "d" {
		t.Errorf("parts %v", len(p))
	}
}

// What another run has written is not to be trusted to be well formed.
func TestMergeBroken(t *testing.T) {
	outside := chain("base", "one")
	outside.Records[1].Results[0].LayerIndex = 7
	loop := chain("base", "one")
	loop.Records[0].Inputs = [][]types.CacheInput{{{LinkIndex: 1}}}
	parents := chain("base", "one")
	parents.Layers[0].ParentIndex = 1
	link := chain("base", "one")
	link.Records[1].Inputs[0][0].LinkIndex = -3
	for name, c := range map[string]types.CacheConfig{"layer": outside, "loop": loop, "parents": parents, "link": link} {
		old := &content{config: config{CacheConfig: c, Parts: []part{{Targets: []string{"x"}, Roots: []int{1}}}}}
		if _, err := holding(t, chain("base")).over(old, []string{"a"}, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := fingerprint(c); err == nil {
			t.Errorf("%s: it has a fingerprint", name)
		}
	}
}
