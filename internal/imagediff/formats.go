package imagediff

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// bytecode explains Python's compiled files: the header has the time of the source.
func bytecode(name string, a, b []byte) (guessed, bool) {
	const header = 16
	if path.Ext(name) != ".pyc" || len(a) < header || len(b) < header {
		return guessed{}, false
	}
	hashed := binary.LittleEndian.Uint32(a[4:])&1 == 1
	if at := differing(a, b).first; !hashed && at >= 8 && at < 12 {
		x, y, _ := epochs(binary.LittleEndian.Uint32(a[8:]), binary.LittleEndian.Uint32(b[8:]))
		return guessed{"Python's bytecode (pyc) holds the time of its source",
			"PYTHONDONTWRITEBYTECODE=1, or compile with --invalidation-mode unchecked-hash", [2]string{x, y}}, true
	}
	return guessed{reason: "Python's bytecode (pyc): sets and references come in another order",
		advice: "PYTHONHASHSEED=0 for the step that compiles, or PYTHONDONTWRITEBYTECODE=1"}, true
}

// archive explains static libraries: each member has a time and an owner.
func archive(_ string, a, b []byte) (guessed, bool) {
	const magic, header = "!<arch>\n", 60
	if !bytes.HasPrefix(a, []byte(magic)) || !bytes.HasPrefix(b, []byte(magic)) {
		return guessed{}, false
	}
	const advice = "make it with ar D (ARFLAGS=crD) and ranlib -D"
	for at := len(magic); at+header <= min(len(a), len(b)); {
		x, y := a[at:at+header], b[at:at+header]
		field := func(from, to int) ([2]string, bool) {
			v := [2]string{strings.TrimSpace(string(x[from:to])), strings.TrimSpace(string(y[from:to]))}
			return v, v[0] != v[1]
		}
		if v, ok := field(0, 16); ok {
			return guessed{"an archive (ar) whose members come in another order, or have other names", "sort the objects that go into it", v}, true
		}
		if v, ok := field(16, 28); ok {
			return guessed{"an archive (ar) holds the times of its members", advice, v}, true
		}
		if v, ok := field(28, 40); ok {
			return guessed{"an archive (ar) holds the owners of its members", advice, v}, true
		}
		size := 0
		for _, c := range bytes.TrimSpace(x[48:58]) {
			if c < '0' || c > '9' || size > 1<<30 {
				return guessed{}, false
			}
			size = size*10 + int(c-'0')
		}
		end := min(at+header+size, len(a), len(b))
		if !bytes.Equal(a[at+header:end], b[at+header:end]) {
			return guessed{reason: "a member of an archive (ar) differs: " + strings.TrimRight(string(bytes.TrimSpace(x[:16])), "/")}, true
		}
		at += header + size + size%2
	}
	return guessed{}, false
}

// gzipped explains compressed files: the header has a time and a name.
func gzipped(_ string, a, b []byte) (guessed, bool) {
	const header = 10
	if len(a) < header || len(b) < header || !bytes.HasPrefix(a, []byte{0x1f, 0x8b}) || !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		return guessed{}, false
	}
	at := differing(a, b).first
	if at >= 4 && at < 8 {
		when := func(data []byte) string {
			return time.Unix(int64(binary.LittleEndian.Uint32(data[4:])), 0).UTC().Format(time.RFC3339)
		}
		return guessed{"the gzip header holds a time", "gzip -n", [2]string{when(a), when(b)}}, true
	}
	if named := a[3]&8 != 0 && at >= header && at < header+bytes.IndexByte(a[header:], 0)+1; named {
		return guessed{reason: "the gzip header holds the name of the file", advice: "gzip -n"}, true
	}
	return guessed{reason: "what is compressed in it differs (gzip)"}, true
}

// zipped explains zip files, and what is one: jar, whl, apk.
func zipped(_ string, a, b []byte) (guessed, bool) {
	if !bytes.HasPrefix(a, []byte("PK\x03\x04")) || !bytes.HasPrefix(b, []byte("PK\x03\x04")) {
		return guessed{}, false
	}
	x, errX := zip.NewReader(bytes.NewReader(a), int64(len(a)))
	y, errY := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if errX != nil || errY != nil {
		return guessed{reason: "a zip file (or jar, whl) differs"}, true
	}
	names := func(r *zip.Reader) []string {
		var out []string
		for _, f := range r.File {
			out = append(out, f.Name)
		}
		return out
	}
	p, q := names(x), names(y)
	if !slices.Equal(p, q) {
		slices.Sort(p)
		slices.Sort(q)
		if slices.Equal(p, q) {
			return guessed{reason: "a zip file (or jar, whl) whose entries come in another order", advice: "sort them: zip -X from a sorted list"}, true
		}
		return guessed{reason: "a zip file (or jar, whl) that holds other files"}, true
	}
	for i, f := range x.File {
		if o := y.File[i]; f.CRC32 != o.CRC32 || f.UncompressedSize64 != o.UncompressedSize64 {
			return guessed{reason: "in a zip file (or jar, whl) " + short(f.Name) + " differs"}, true
		}
	}
	return guessed{reason: "a zip file (or jar, whl) holds the times of its entries",
		advice: "SOURCE_DATE_EPOCH for tools that read it, zip -X with touched files, or strip-nondeterminism"}, true
}

// tarball explains archives of tar.
func tarball(_ string, a, b []byte) (guessed, bool) {
	if len(a) < 512 || len(b) < 512 || !bytes.HasPrefix(a[257:], []byte("ustar")) || !bytes.HasPrefix(b[257:], []byte("ustar")) {
		return guessed{}, false
	}
	const advice = "tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner"
	x, y := headersOf(a), headersOf(b)
	for i := range min(len(x), len(y)) {
		if x[i].Name != y[i].Name {
			p, q := namesOf(x), namesOf(y)
			if maps.Equal(p, q) {
				return guessed{reason: "a tar archive whose entries come in another order", advice: advice}, true
			}
			return guessed{reason: "a tar archive that holds other files"}, true
		}
		if d, ok := headers(x[i], y[i]); ok {
			return guessed{"a tar archive in which " + d.Kind + " differ: " + short(x[i].Name), advice, d.Values}, true
		}
	}
	return guessed{reason: "what is in a tar archive differs"}, true
}

// headersOf reads the headers of an archive as far as they go.
func headersOf(data []byte) []*tar.Header {
	var out []*tar.Header
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if err != nil {
			return out
		}
		out = append(out, h)
		if _, err := io.Copy(io.Discard, r); err != nil {
			return out
		}
	}
}

func namesOf(list []*tar.Header) map[string]bool {
	out := map[string]bool{}
	for _, h := range list {
		out[h.Name] = true
	}
	return out
}

// executable explains programs and libraries by the section that differs first.
func executable(_ string, a, b []byte) (guessed, bool) {
	if !bytes.HasPrefix(a, []byte(elf.ELFMAG)) || !bytes.HasPrefix(b, []byte(elf.ELFMAG)) {
		return guessed{}, false
	}
	at := differing(a, b)
	if g, ok := inText(at); ok && !strings.HasPrefix(g.reason, "a random") {
		return g, true
	}
	f, err := elf.NewFile(bytes.NewReader(a))
	if err != nil {
		return guessed{}, false
	}
	for _, s := range f.Sections {
		if s.Type == elf.SHT_NOBITS || uint64(at.first) < s.Offset || uint64(at.first) >= s.Offset+s.FileSize {
			continue
		}
		switch {
		case s.Name == ".note.gnu.build-id" || s.Name == ".note.go.buildid":
			return guessed{reason: "the id of a program (" + s.Name + "), which follows from all that went into it", advice: advicePath}, true
		case strings.HasPrefix(s.Name, ".debug") || strings.HasPrefix(s.Name, ".zdebug"):
			return guessed{reason: "what is for debuggers (" + s.Name + "), such as paths of the build", advice: advicePath}, true
		}
		return guessed{reason: "a program differs in its section " + short(s.Name)}, true
	}
	return guessed{reason: "a program differs"}, true
}
