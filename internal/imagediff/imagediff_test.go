package imagediff

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// file is an entry of a layer in a test.
type file struct {
	tar.Header
	data string
}

func reg(name, data string) file {
	return file{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, ModTime: time.Unix(1e9, 0)}, data}
}

func with(f file, change func(h *tar.Header)) file {
	change(&f.Header)
	return f
}

// archiveOf writes entries as an archive.
func archiveOf(t *testing.T, files []file) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		f.Size = int64(len(f.data))
		if err := w.WriteHeader(&f.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipWith(data []byte, change func(*gzip.Writer)) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if change != nil {
		change(w)
	}
	_, _ = w.Write(data)
	_ = w.Close()
	return out.Bytes()
}

// layoutOf writes an image of those layers, as they are in a registry.
func layoutOf(t *testing.T, change func(*ocispecs.Image, *ocispecs.Manifest), blobs ...[]byte) string {
	t.Helper()
	dir := t.TempDir()
	put := func(data []byte, kind string) ocispecs.Descriptor {
		d := ocispecs.Descriptor{MediaType: kind, Digest: digest.FromBytes(data), Size: int64(len(data))}
		name := filepath.Join(dir, "blobs", "sha256", d.Digest.Encoded())
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return d
	}
	document := func(v any, kind string) ocispecs.Descriptor {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return put(data, kind)
	}
	c := ocispecs.Image{Platform: ocispecs.Platform{OS: "linux", Architecture: "amd64"}}
	m := ocispecs.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest}
	for i, b := range blobs {
		m.Layers = append(m.Layers, put(b, ocispecs.MediaTypeImageLayerGzip))
		c.History = append(c.History, ocispecs.History{CreatedBy: fmt.Sprintf("RUN /bin/sh -c make %d # buildkit", i+1)})
	}
	if change != nil {
		change(&c, &m)
	}
	m.Config = document(c, ocispecs.MediaTypeImageConfig)
	root := document(m, ocispecs.MediaTypeImageManifest)
	index, err := json.Marshal(ocispecs.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []ocispecs.Descriptor{root}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index.json"), index, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// differ compares images of one layer with those files.
func differ(t *testing.T, a, b []file) *Result {
	t.Helper()
	r, err := Compare(layoutOf(t, nil, zipWith(archiveOf(t, a), nil)), layoutOf(t, nil, zipWith(archiveOf(t, b), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func arOf(when string, owner string) string {
	return "!<arch>\n" + fmt.Sprintf("%-16s%-12s%-6s%-6s%-8s%-10d`\n", "a.o/", when, owner, owner, "100644", 4) + "code"
}

func zipOf(t *testing.T, when time.Time, data string) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	f, err := w.CreateHeader(&zip.FileHeader{Name: "A.class", Modified: when})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write([]byte(data))
	_ = w.Close()
	return out.String()
}

func pycOf(when uint32, code string) string {
	head := make([]byte, 16)
	copy(head, "\xcb\x0d\x0d\x0a")
	binary.LittleEndian.PutUint32(head[8:], when)
	return string(head) + code
}

// TestReasons makes each kind of difference, and expects its guess.
func TestReasons(t *testing.T) {
	now := uint32(1796000000)
	le := func(v uint32) string {
		return string(binary.LittleEndian.AppendUint32([]byte("\x00\x01\x02head"), v)) + "tail\x00"
	}
	later := func(h *tar.Header) { h.ModTime = h.ModTime.Add(time.Minute) }
	for _, c := range []struct {
		name         string
		a, b         file
		kind, reason string
		bytes        string
	}{
		{"time of a file", reg("f", "x"), with(reg("f", "x"), later), Times, "the time at which", ""},
		{"owner", reg("f", "x"), with(reg("f", "x"), func(h *tar.Header) { h.Uid = 1001 }), Owner, "another uid", ""},
		{"mode", reg("f", "x"), with(reg("f", "x"), func(h *tar.Header) { h.Mode = 0o664 }), Mode, "umask", ""},
		{"link", with(reg("l", ""), func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "a" }),
			with(reg("l", ""), func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "b" }), Link, "", ""},
		{"type", reg("f", ""), with(reg("f", ""), func(h *tar.Header) { h.Typeflag = tar.TypeDir }), Type, "", ""},
		{"attribute", with(reg("f", "x"), func(h *tar.Header) { h.PAXRecords = map[string]string{"SCHILY.xattr.user.a": "1"} }), reg("f", "x"), Attributes, "", ""},
		{"date", reg("f", "built Sun Nov 29 07:40:08 UTC 2026\n"), reg("f", "built Sun Nov 29 07:40:10 UTC 2026\n"), Content, "the time of the build", "bytes 23-24 of 35"},
		{"iso date", reg("f", `{"at":"2026-11-29T07:40:08Z"}`), reg("f", `{"at":"2026-11-29T07:40:09Z"}`), Content, "the time of the build", "byte 25 of 29"},
		{"seconds", reg("f", "t=1796000000\n"), reg("f", "t=1796000007\n"), Content, "seconds since 1970", "byte 11 of 13"},
		{"seconds in binary", reg("f", le(now)), reg("f", le(now+3)), Content, "seconds since 1970", "byte 7 of 16"},
		{"pyc", reg("m.pyc", pycOf(now, "code")), reg("m.pyc", pycOf(now+1, "code")), Content, "holds the time of its source", "byte 8 of 20"},
		{"pyc, code", reg("m.pyc", pycOf(now, "code")), reg("m.pyc", pycOf(now, "edoc")), Content, "another order", ""},
		{"ar, time", reg("l.a", arOf("1796000000", "0")), reg("l.a", arOf("1796000009", "0")), Content, "times of its members", ""},
		{"ar, owner", reg("l.a", arOf("0", "0")), reg("l.a", arOf("0", "1000")), Content, "owners of its members", ""},
		{"gzip header", reg("f.gz", string(zipWith([]byte("x"), func(w *gzip.Writer) { w.ModTime = time.Unix(1796000000, 0) }))),
			reg("f.gz", string(zipWith([]byte("x"), func(w *gzip.Writer) { w.ModTime = time.Unix(1796000001, 0) }))), Content, "the gzip header holds a time", "byte 4 of 26"},
		{"gzip name", reg("f.gz", string(zipWith([]byte("x"), func(w *gzip.Writer) { w.Name = "aa" }))),
			reg("f.gz", string(zipWith([]byte("x"), func(w *gzip.Writer) { w.Name = "ab" }))), Content, "the name of the file", ""},
		{"zip, time", reg("a.jar", zipOf(t, time.Unix(1796000000, 0), "x")), reg("a.jar", zipOf(t, time.Unix(1796009000, 0), "x")), Content, "times of its entries", ""},
		{"zip, content", reg("a.jar", zipOf(t, time.Unix(1796000000, 0), "x")), reg("a.jar", zipOf(t, time.Unix(1796000000, 0), "y")), Content, "A.class differs", ""},
		{"tar, time", reg("a.tar", string(archiveOf(t, []file{reg("x", "1")}))), reg("a.tar", string(archiveOf(t, []file{with(reg("x", "1"), later)}))), Content, "tar archive in which times", ""},
		{"tar, order", reg("a.tar", string(archiveOf(t, []file{reg("x", "1"), reg("y", "1")}))), reg("a.tar", string(archiveOf(t, []file{reg("y", "1"), reg("x", "1")}))), Content, "entries come in another order", ""},
		{"lines", reg("f", "one\ntwo\nthree\n"), reg("f", "two\none\nthree\n"), Content, "another order", ""},
		{"words", reg("f", `{"a":1,"b":2}`), reg("f", `{"b":2,"a":1}`), Content, "another order", ""},
		{"path", reg("f", "source=/tmp/tmp.Ab3dEf/main.c\n"), reg("f", "source=/tmp/tmp.Zz9yXx/main.c\n"), Content, "a path of the build", ""},
		{"go's folder", reg("f", "\x00\x01\x02\x03\x04\x05/tmp/go-build123456/b001"), reg("f", "\x00\x01\x02\x03\x04\x05/tmp/go-build654321/b001"), Content, "a path of the build", ""},
		{"uuid", reg("f", "id: 6f1c2d3e-0000-4000-8000-000000000001\n"), reg("f", "id: 7f1c2d3e-0000-4000-8000-000000000002\n"), Content, "UUID", ""},
		{"random", reg("f", "id: 0f9a8b7c6d5e4f3a2b1c\n"), reg("f", "id: 1f9a8b7c6d5e4f3a2b1c\n"), Content, "a random value", ""},
		{"log", reg("var/log/dpkg.log", "2026-11-29 07:40:08 x"), reg("var/log/dpkg.log", "2026-11-29 07:40:09 x"), Content, "a log", ""},
		{"machine id", reg("etc/machine-id", "a1"), reg("etc/machine-id", "b2"), Content, "at random", ""},
		{"unknown", reg("f", "left"), reg("f", "right"), Content, "", "bytes 0-4, of 4 and 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := differ(t, []file{reg("same", "same"), c.a}, []file{reg("same", "same"), c.b})
			if r.Equal || len(r.Differences) != 1 {
				t.Fatalf("%+v", r)
			}
			d := r.Differences[0]
			if d.Level != Layer || d.Layer != 1 || d.Step != "RUN make 1" || d.Path != "/"+c.a.Name || d.Kind != c.kind {
				t.Errorf("%+v", d)
			}
			if !strings.Contains(d.Reason, c.reason) || (c.reason == "") != (d.Reason == "") {
				t.Errorf("reason %q, and not %q", d.Reason, c.reason)
			}
			if c.bytes != "" && d.Bytes.String() != c.bytes {
				t.Errorf("%s, and not %s", d.Bytes, c.bytes)
			}
			if d.What() == "" || d.Place() != "layer 1 of 1 for linux/amd64" {
				t.Errorf("%q in %q", d.What(), d.Place())
			}
		})
	}
}

// TestEntries compares layers with other entries, or with the same in another order.
func TestEntries(t *testing.T) {
	a, b := reg("a", "1"), reg("b", "2")
	one := func(r *Result) Difference {
		t.Helper()
		if len(r.Differences) != 1 {
			t.Fatalf("%+v", r)
		}
		return r.Differences[0]
	}
	if d := one(differ(t, []file{a, b}, []file{b, a})); d.Kind != Order || d.Values != [2]string{"/a", "/b"} {
		t.Errorf("order: %+v", d)
	}
	if d := one(differ(t, []file{a, b}, []file{a})); d.Kind != Missing || d.What() != "/b is only in the first build" {
		t.Errorf("missing: %+v %s", d, d.What())
	}
	if d := one(differ(t, []file{a}, []file{a, b})); d.What() != "/b is only in the second build" {
		t.Errorf("missing: %+v %s", d, d.What())
	}
	r := differ(t, []file{reg("tmp/x.Ab12", "")}, []file{reg("tmp/x.Cd34", "")})
	if !strings.Contains(r.Differences[0].Reason, "a random name") {
		t.Errorf("random name: %+v", r)
	}
	if d := one(differ(t, []file{a, a}, []file{a, reg("a", "3")})); d.Kind != Content {
		t.Errorf("one name twice: %+v", d)
	}
	// The same entries in the other form of archives.
	pax := with(a, func(h *tar.Header) { h.Format = tar.FormatGNU })
	if d := one(differ(t, []file{a}, []file{pax})); d.Kind != Encoding {
		t.Errorf("encoding: %+v", d)
	}
}

// TestEqual says that the same images are equal, also from two folders.
func TestEqual(t *testing.T) {
	if r := differ(t, []file{reg("a", "1")}, []file{reg("a", "1")}); !r.Equal || len(r.Differences) != 0 || r.Digests[0] != r.Digests[1] {
		t.Errorf("%+v", r)
	}
}

// TestCompression compares one layer that is compressed in several ways.
func TestCompression(t *testing.T) {
	plain := archiveOf(t, []file{reg("a", "1")})
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	zipped := zipWith(plain, nil)
	for reason, other := range map[string][]byte{
		"another gzip header": zipWith(plain, func(w *gzip.Writer) { w.ModTime = time.Unix(1e9, 0) }),
		"in another format":   enc.EncodeAll(plain, nil),
	} {
		r, err := Compare(layoutOf(t, nil, zipped), layoutOf(t, nil, other))
		if err != nil {
			t.Fatal(err)
		}
		if d := r.Differences[0]; d.Kind != Compression || !strings.Contains(d.Reason, reason) {
			t.Errorf("%s: %+v", reason, d)
		}
	}
}

// TestDocuments compares configurations and manifests whose layers are the same.
func TestDocuments(t *testing.T) {
	layer := zipWith(archiveOf(t, []file{reg("a", "1")}), nil)
	when := time.Unix(1796000000, 0).UTC()
	base := layoutOf(t, nil, layer)
	for want, change := range map[string]func(c *ocispecs.Image, m *ocispecs.Manifest){
		"configuration for linux/amd64|created, its time: nothing → 2026-11-30T00:53:20Z|the time of the build": func(c *ocispecs.Image, _ *ocispecs.Manifest) { c.Created = &when },
		"configuration for linux/amd64|config.Labels.a: nothing → b|":                                           func(c *ocispecs.Image, _ *ocispecs.Manifest) { c.Config.Labels = map[string]string{"a": "b"} },
		"manifest for linux/amd64|annotations.a: nothing → b|":                                                  func(_ *ocispecs.Image, m *ocispecs.Manifest) { m.Annotations = map[string]string{"a": "b"} },
	} {
		r, err := Compare(base, layoutOf(t, change, layer))
		if err != nil {
			t.Fatal(err)
		}
		d := r.Differences[0]
		got := d.Place() + "|" + strings.Replace(d.What(), " is only in the second build", "", 1) + "|" + d.Reason
		if got != want {
			t.Errorf("%s\nand not\n%s", got, want)
		}
	}
	r, err := Compare(base, layoutOf(t, nil, layer, layer))
	if err != nil {
		t.Fatal(err)
	}
	if text := r.Differences[len(r.Differences)-1].What(); text != "layers: 1 layer → 2 layers" {
		t.Errorf("layers: %s", text)
	}
}

// TestGroups puts alike differences together, and keeps the rest apart.
func TestGroups(t *testing.T) {
	var a, b []file
	for i := range 300 {
		f := reg(fmt.Sprintf("f%03d", i), "x")
		a, b = append(a, f), append(b, with(f, func(h *tar.Header) { h.ModTime = h.ModTime.Add(time.Second) }))
	}
	a, b = append(a, reg("g", "1")), append(b, reg("g", "2"))
	r := differ(t, a, b)
	if len(r.Differences) != most || r.More != 101 {
		t.Errorf("%d differences and %d more", len(r.Differences), r.More)
	}
	if g := r.Groups(); len(g) != 1 || g[0].Also != most-1 || g[0].First.Path != "/f000" {
		t.Errorf("%+v", g)
	}
}

// TestLarge compares files that are not kept in memory.
func TestLarge(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", (mostFile+1<<20)/16)
	r := differ(t, []file{reg("big", big+"A")}, []file{reg("big", big+"B")})
	d := r.Differences[0]
	if d.Bytes == nil || d.Bytes.First != int64(len(big)) || d.Bytes.Last != int64(len(big)) {
		t.Errorf("%+v %v", d, d.Bytes)
	}
}

// TestBroken says what is wrong with a layout.
func TestBroken(t *testing.T) {
	good := layoutOf(t, nil, zipWith(archiveOf(t, []file{reg("a", "1")}), nil))
	other := layoutOf(t, nil, []byte("no archive at all, but some text"))
	if _, err := Compare(good, other); err == nil || !strings.Contains(err.Error(), "layer 1 for linux/amd64") {
		t.Errorf("a layer that is not an archive: %v", err)
	}
	if _, err := Compare(good, t.TempDir()); err == nil {
		t.Error("an empty folder is compared")
	}
}
