package lane

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
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

func TestMergeConfigs(t *testing.T) {
	names := map[digest.Digest]string{}
	for _, s := range []string{"base", "one", "two", "three"} {
		names[dgst(s)], names[dgst("layer "+s)] = s, "L"+s
	}
	got, err := mergeConfigs(chain("base", "one"), chain("base", "two", "three"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"base: Lbase", "base>one: Lone Lbase",
		"base>two: Ltwo Lbase", "base>two>three: Lthree Ltwo Lbase",
	}
	if p := paths(t, got, names); !slices.Equal(p, want) {
		t.Errorf("got %q\nwant %q", p, want)
	}
	if len(got.Layers) != 4 {
		t.Errorf("%d layers, want 4", len(got.Layers))
	}
	again, err := mergeConfigs(got, chain("base", "one"))
	if err != nil || len(again.Records) != len(got.Records) || len(again.Layers) != len(got.Layers) {
		t.Errorf("what is there already was added again: %d records, %v", len(again.Records), err)
	}
}

// What the other run has written is not to be trusted to be well formed.
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
		if _, err := mergeConfigs(chain("base"), c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// write puts a cache into a folder, as BuildKit does.
func write(t *testing.T, f folder, c types.CacheConfig) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(f.dir, "blobs/sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	m := ocispecs.Manifest{MediaType: ocispecs.MediaTypeImageManifest, Config: ocispecs.Descriptor{
		MediaType: types.CacheConfigMediaTypeV0, Digest: digest.FromBytes(config), Size: int64(len(config)),
	}}
	for _, l := range c.Layers {
		m.Layers = append(m.Layers, ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayerGzip, Digest: l.Blob, Size: 1})
	}
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.addBlob(context.Background(), config); err != nil {
		t.Fatal(err)
	}
	if err := f.point(context.Background(), data, ocispecs.MediaTypeImageManifest); err != nil {
		t.Fatal(err)
	}
	return digest.FromBytes(data).String()
}

// TestWrite lets another run write between the beginning of a run and its end.
func TestWrite(t *testing.T) {
	f := folder{t.TempDir(), "main"}
	ctx := context.Background()
	records := func() int {
		d, err := f.head(ctx)
		if err != nil {
			t.Fatal(err)
		}
		_, c, err := (&Watch{store: f}).read(ctx, d)
		if err != nil {
			t.Fatal(err)
		}
		return len(c.Records)
	}
	write(t, f, chain("base"))

	w := WatchFolder(ctx, f.dir, f.tag)
	w.found.Wait()
	if err := w.Write(ctx, func() (string, error) { return write(t, f, chain("base", "one")), nil }); err != nil || records() != 2 {
		t.Errorf("alone: %d records, %v; what was there before is not kept", records(), err)
	}

	w = WatchFolder(ctx, f.dir, f.tag)
	w.found.Wait()
	write(t, f, chain("base", "two", "three"))
	if err := w.Write(ctx, func() (string, error) { return write(t, f, chain("base", "one", "four")), nil }); err != nil || records() != 5 {
		t.Errorf("with another: %d records, want 5; %v", records(), err)
	}
	if err := w.Write(ctx, func() (string, error) { return "", nil }); err != nil {
		t.Errorf("nothing to write: %v", err)
	}
}
