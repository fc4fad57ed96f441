package imagediff

import (
	"archive/tar"
	"bytes"
	"testing"
	"time"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

func folder(name string) file {
	return with(reg(name+"/", ""), func(h *tar.Header) { h.Typeflag, h.Mode = tar.TypeDir, 0o755 })
}

// TestSameFiles compares the files of images, however their layers divide them.
func TestSameFiles(t *testing.T) {
	lower := []file{folder("o"), reg("o/h", "h"), reg("o/i", "i")}
	hard := func(name, to string) file {
		return with(reg(name, ""), func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeLink, to })
	}
	for _, tt := range []struct {
		name         string
		upper, other []file
		want         string
	}{
		{"a file that is there already", nil, []file{folder("o"), reg("o/h", "h")}, ""},
		{"a time", nil, []file{with(reg("o/h", "h"), func(h *tar.Header) { h.ModTime = time.Unix(1, 0) })}, ""},
		{"content", nil, []file{folder("o"), reg("o/h", "x")}, "/o/h is another one"},
		{"mode", nil, []file{with(reg("o/h", "h"), func(h *tar.Header) { h.Mode = 0o755 })}, "/o/h is another one"},
		{"mode of a folder", nil, []file{with(folder("o"), func(h *tar.Header) { h.Mode = 0o700 })}, "/o is another one"},
		{"owner", nil, []file{with(reg("o/h", "h"), func(h *tar.Header) { h.Uid = 1 })}, "/o/h is another one"},
		{"attribute", nil, []file{with(reg("o/h", "h"), func(h *tar.Header) { h.PAXRecords = map[string]string{"SCHILY.xattr.user.a": "b"} })}, "/o/h is another one"},
		{"type", nil, []file{with(reg("o/h", ""), func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "h" })}, "/o/h is another one"},
		{"target of a link", []file{with(reg("l", ""), func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "a" })},
			[]file{with(reg("l", ""), func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "b" })}, "/l is another one"},
		{"one file under two names", []file{reg("o/j", "h")}, []file{hard("o/j", "o/h")}, "/o/j is a hard link in one of them only, or to another file"},
		{"a file", nil, []file{reg("o/j", "j")}, "/o/j is in one of them only"},
		{"a file of two names that is held again", []file{hard("o/j", "o/h")}, []file{hard("o/j", "o/h"), reg("o/h", "h")}, ""},
		{"a file that is removed", nil, []file{reg("o/.wh.h", "")}, "/o/h is in one of them only"},
		{"a folder that is removed", nil, []file{reg(".wh.o", "")}, "/o is in one of them only"},
		{"a folder that is emptied", []file{reg("o/.wh.h", ""), reg("o/.wh.i", "")}, []file{folder("o"), reg("o/.wh..wh..opq", "")}, ""},
		{"a folder that is replaced", []file{reg("o/.wh.i", "")}, []file{folder("o"), reg("o/h", "h"), reg("o/.wh..wh..opq", "")}, ""},
		{"a folder that becomes a file", []file{reg(".wh.o", ""), reg("p", "")}, []file{reg("o", ""), reg("p", "")}, "/o is in one of them only"},
	} {
		layout := func(upper []file) string {
			return layoutOf(t, nil, zipWith(archiveOf(t, lower), nil), archiveOf(t, upper))
		}
		for _, pair := range [][2][]file{{tt.upper, tt.other}, {tt.other, tt.upper}} {
			got, err := SameFiles(layout(pair[0]), layout(pair[1]))
			want := tt.want
			if want != "" {
				want += " for linux/amd64"
			}
			if err != nil || got != want {
				t.Errorf("%s: %q, %v; want %q", tt.name, got, err, want)
			}
		}
	}
}

// TestSameConfiguration compares configurations: times and history may differ.
func TestSameConfiguration(t *testing.T) {
	layer := archiveOf(t, []file{reg("a", "a")})
	layout := func(change func(*ocispecs.Image)) string {
		return layoutOf(t, func(c *ocispecs.Image, _ *ocispecs.Manifest) { change(c) }, layer)
	}
	plain := layout(func(*ocispecs.Image) {})
	for want, change := range map[string]func(*ocispecs.Image){
		"": func(c *ocispecs.Image) {
			now := time.Unix(1, 0)
			c.Created, c.History[0].CreatedBy = &now, "RUN other"
		},
		"config.User of the configuration for linux/amd64 is another one": func(c *ocispecs.Image) { c.Config.User = "1" },
		"linux/amd64 is in one of them only":                              func(c *ocispecs.Image) { c.Architecture = "arm64" },
	} {
		if got, err := SameFiles(plain, layout(change)); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}

// TestBrokenLayer applies what is no layer.
func TestBrokenLayer(t *testing.T) {
	whole := zipWith(archiveOf(t, []file{reg("a", "content")}), nil)
	for name, data := range map[string][]byte{
		"cut short":      whole[:len(whole)-9],
		"no archive":     bytes.Repeat([]byte("x"), 1024),
		"a link to none": archiveOf(t, []file{with(reg("b", ""), func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeLink, "a" })}),
	} {
		if err := new(Files).Apply(bytes.NewReader(data)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
