package imagediff

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// mostFile is how much of a file is kept to guess why it differs; mostKept is
	// how much of all files of a layer.
	mostFile, mostKept = 16 << 20, 96 << 20
	// mostStreamed is how many larger files of a layer are looked into.
	mostStreamed = 2
)

// layers are two layers that are compared: the files of their blobs.
type layers struct {
	at   Difference
	a, b string
}

// entry is an entry of a layer.
type entry struct {
	*tar.Header
	// key is its name, with a number if it is there several times.
	key string
	sum [sha256.Size]byte
}

// listing is a layer without the content of its files.
type listing struct {
	order   []*entry
	entries map[string]*entry
	sum     [sha256.Size]byte
}

// compare lists what differs in the layers.
func (l *layers) compare() ([]Difference, error) {
	a, err := list(l.a)
	if err != nil {
		return nil, err
	}
	b, err := list(l.b)
	if err != nil {
		return nil, err
	}
	if a.sum == b.sum {
		return []Difference{l.found("", Compression, Difference{Reason: compressedOtherwise(l.a, l.b), Advice: "compress with the same program and level: compression and compression-level in the output"})}, nil
	}
	var out []Difference
	var inside []string
	for _, e := range a.order {
		other := b.entries[e.key]
		if other == nil {
			out = append(out, l.found(e.Name, Missing, alone(e, onlyFirst, b, a)))
			continue
		}
		if e.Typeflag == other.Typeflag && e.sum != other.sum {
			inside = append(inside, e.key)
			out = append(out, l.found(e.Name, Content, Difference{}))
			continue
		}
		if d, ok := headers(e.Header, other.Header); ok {
			out = append(out, l.found(e.Name, d.Kind, d))
		}
	}
	for _, e := range b.order {
		if a.entries[e.key] == nil {
			out = append(out, l.found(e.Name, Missing, alone(e, onlySecond, a, b)))
		}
	}
	if len(out) == 0 {
		return []Difference{l.rearranged(a, b)}, nil
	}
	return out, l.explain(out, inside)
}

// found is a difference in the layer.
func (l *layers) found(name, kind string, d Difference) Difference {
	out := l.at
	out.Path, out.Kind = shown(name), kind
	out.Values, out.Reason, out.Advice = d.Values, d.Reason, d.Advice
	return out
}

// shown is the path of an entry in the image.
func shown(name string) string {
	if name == "" {
		return ""
	}
	return path.Join("/", name)
}

// rearranged says how layers differ that have the same entries.
func (l *layers) rearranged(a, b *listing) Difference {
	for i, e := range a.order {
		if other := b.order[i]; other.key != e.key {
			return l.found(e.Name, Order, Difference{Values: [2]string{shown(e.Name), shown(other.Name)}, Reason: "the same files, in another order"})
		}
	}
	return l.found("", Encoding, Difference{Reason: "the same files, written into the archive differently"})
}

// alone explains an entry that only one of the layers has.
func alone(e *entry, values [2]string, other, own *listing) Difference {
	d := Difference{Values: values}
	for _, o := range other.order {
		if own.entries[o.key] == nil && path.Dir(o.Name) == path.Dir(e.Name) && alike(path.Base(o.Name), path.Base(e.Name)) {
			d.Reason = fmt.Sprintf("a random name, or one with the time in it: the other build has %s", shown(o.Name))
			d.Advice = adviceRandom
			return d
		}
	}
	if g, ok := byName(e.Name); ok {
		d.Reason, d.Advice = g.reason, g.advice
	}
	return d
}

// alike says whether two names look like two values of one pattern.
func alike(a, b string) bool {
	p := 0
	for p < min(len(a), len(b)) && a[p] == b[p] {
		p++
	}
	s := 0
	for s < min(len(a), len(b))-p && a[len(a)-1-s] == b[len(b)-1-s] {
		s++
	}
	return len(a) == len(b) && (p+s >= 2 || len(a) >= 8)
}

// headers says what differs in the headers of two entries, by weight.
func headers(a, b *tar.Header) (Difference, bool) {
	value := func(kind, x, y, reason, advice string) (Difference, bool) {
		return Difference{Kind: kind, Values: [2]string{short(x), short(y)}, Reason: reason, Advice: advice}, true
	}
	owner := func(h *tar.Header) string {
		return strings.TrimSuffix(fmt.Sprintf("%d:%d %s:%s", h.Uid, h.Gid, h.Uname, h.Gname), " :")
	}
	switch {
	case a.Typeflag != b.Typeflag:
		return value(Type, typeName(a.Typeflag), typeName(b.Typeflag), "", "")
	case a.Linkname != b.Linkname:
		g := guess("", []byte(a.Linkname), []byte(b.Linkname))
		return value(Link, a.Linkname, b.Linkname, g.reason, g.advice)
	case owner(a) != owner(b):
		return value(Owner, owner(a), owner(b), "another uid or gid: that of a user who was made in the build, or of whoever owns the files",
			"give users and groups fixed numbers (useradd -u), and COPY a --chown")
	case a.Mode != b.Mode:
		return value(Mode, fmt.Sprintf("%04o", a.Mode), fmt.Sprintf("%04o", b.Mode), "other permissions: those of files in a context come from the umask of a checkout",
			`context-modes = "git", or COPY --chmod`)
	case a.Devmajor != b.Devmajor || a.Devminor != b.Devminor:
		return value(Type, fmt.Sprintf("device %d,%d", a.Devmajor, a.Devminor), fmt.Sprintf("device %d,%d", b.Devmajor, b.Devminor), "", "")
	case !maps.Equal(records(a), records(b)):
		x, y := records(a), records(b)
		for _, k := range slices.Sorted(maps.Keys(union(x, y))) {
			if x[k] != y[k] {
				return value(Attributes, k, k, "", "")
			}
		}
	case !a.ModTime.Equal(b.ModTime):
		return value(Times, a.ModTime.UTC().Format(time.RFC3339Nano), b.ModTime.UTC().Format(time.RFC3339Nano), "the time at which the file was written", adviceTimes)
	}
	return Difference{}, false
}

// records are the extended attributes of an entry.
func records(h *tar.Header) map[string]string {
	out := map[string]string{}
	for k, v := range h.PAXRecords {
		if strings.HasPrefix(k, "SCHILY.xattr.") || strings.HasPrefix(k, "LIBARCHIVE.xattr.") {
			out[k] = v
		}
	}
	return out
}

func typeName(flag byte) string {
	switch flag {
	case tar.TypeReg:
		return "file"
	case tar.TypeDir:
		return "folder"
	case tar.TypeSymlink:
		return "symbolic link"
	case tar.TypeLink:
		return "hard link"
	}
	return "device or pipe"
}

// explain looks into the files that differ.
func (l *layers) explain(found []Difference, inside []string) error {
	if len(inside) == 0 {
		return nil
	}
	a, err := collect(l.a, inside)
	if err != nil {
		return err
	}
	b, err := collect(l.b, inside)
	if err != nil {
		return err
	}
	next, streamed := 0, 0
	for i := range found {
		d := &found[i]
		if d.Kind != Content {
			continue
		}
		key := inside[next]
		next++
		x, y := a[key], b[key]
		switch {
		case x.whole && y.whole:
			d.Bytes = rangeOf(x.data, y.data)
		case streamed < mostStreamed:
			streamed++
			if d.Bytes, err = l.stream(key); err != nil {
				return err
			}
		}
		g := guess(d.Path, x.data, y.data)
		d.Reason, d.Advice, d.Values = g.reason, g.advice, g.values
	}
	return nil
}

// kept is what is kept of a file, or its beginning.
type kept struct {
	data  []byte
	whole bool
}

// collect reads files of a layer.
func collect(blob string, keys []string) (map[string]kept, error) {
	wanted := map[string]bool{}
	for _, k := range keys {
		wanted[k] = true
	}
	out, room := map[string]kept{}, int64(mostKept)
	return out, entries(blob, nil, func(key string, h *tar.Header, r io.Reader) error {
		if !wanted[key] {
			return nil
		}
		data, err := io.ReadAll(io.LimitReader(r, min(mostFile, room)))
		room -= int64(len(data))
		out[key] = kept{data, int64(len(data)) == h.Size}
		return err
	})
}

// rangeOf is the part in which two files differ.
func rangeOf(a, b []byte) *Range {
	r := &Range{Sizes: [2]int64{int64(len(a)), int64(len(b))}}
	n := min(len(a), len(b))
	for r.First < int64(n) && a[r.First] == b[r.First] {
		r.First++
	}
	if r.Last = int64(max(len(a), len(b)) - 1); len(a) == len(b) {
		for r.Last > r.First && a[r.Last] == b[r.Last] {
			r.Last--
		}
	}
	return r
}

// errFound ends a walk through a layer.
var errFound = errors.New("found")

// stream compares a file that is too large to be kept.
func (l *layers) stream(key string) (*Range, error) {
	var out *Range
	err := entries(l.a, nil, func(k string, h *tar.Header, a io.Reader) error {
		if k != key {
			return nil
		}
		err := entries(l.b, nil, func(k string, o *tar.Header, b io.Reader) (err error) {
			if k != key {
				return nil
			}
			if out, err = rangeOfStreams(a, b, h.Size, o.Size); err != nil {
				return err
			}
			return errFound
		})
		return cmpFound(err)
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return out, err
}

// cmpFound hands on that a walk has found what it looked for.
func cmpFound(err error) error {
	if err == nil {
		return errFound // there is nothing else to look for
	}
	return err
}

// rangeOfStreams is rangeOf for files of any size.
func rangeOfStreams(a, b io.Reader, sizeA, sizeB int64) (*Range, error) {
	r := &Range{First: -1, Sizes: [2]int64{sizeA, sizeB}}
	x, y := make([]byte, 256<<10), make([]byte, 256<<10)
	for at := int64(0); at < min(sizeA, sizeB); {
		n := min(int64(len(x)), min(sizeA, sizeB)-at)
		if _, err := io.ReadFull(a, x[:n]); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(b, y[:n]); err != nil {
			return nil, err
		}
		if !bytes.Equal(x[:n], y[:n]) {
			part := rangeOf(x[:n], y[:n])
			if r.First < 0 {
				r.First = at + part.First
			}
			r.Last = at + part.Last
		}
		at += n
	}
	if sizeA != sizeB {
		if r.First < 0 {
			r.First = min(sizeA, sizeB)
		}
		r.Last = max(sizeA, sizeB) - 1
	}
	return r, nil
}

// list reads the entries of a layer.
func list(blob string) (*listing, error) {
	l := &listing{entries: map[string]*entry{}}
	sum := sha256.New()
	err := entries(blob, sum, func(key string, h *tar.Header, r io.Reader) error {
		e := &entry{Header: h, key: key}
		content := sha256.New()
		if _, err := io.Copy(content, r); err != nil {
			return err
		}
		content.Sum(e.sum[:0])
		l.order, l.entries[key] = append(l.order, e), e
		return nil
	})
	sum.Sum(l.sum[:0])
	return l, err
}

// entries walks through a layer; sum gets all of it if there is one.
func entries(blob string, sum hash.Hash, visit func(key string, h *tar.Header, r io.Reader) error) error {
	f, err := os.Open(blob)
	if err != nil {
		return err
	}
	defer f.Close()
	plain, err := decompress(f)
	if err != nil {
		return err
	}
	defer plain.Close()
	var in io.Reader = plain
	if sum != nil {
		in = io.TeeReader(plain, sum)
	}
	times := map[string]int{}
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		key := path.Clean(h.Name)
		if times[key]++; times[key] > 1 {
			key = fmt.Sprintf("%s\x00%d", key, times[key])
		}
		if err := visit(key, h, r); err != nil {
			return err
		}
	}
	_, err = io.Copy(io.Discard, in) // what comes behind the archive
	return err
}

// decompress reads a layer, however it is compressed.
func decompress(r io.Reader) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	magic, _ := in.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(in)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(in)
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return io.NopCloser(in), nil
}

// compressedOtherwise says how the compression of two layers differs.
func compressedOtherwise(a, b string) string {
	x, y := beginning(a), beginning(b)
	switch {
	case len(x) < 10 || len(y) < 10:
	case !bytes.Equal(x[:3], y[:3]):
		return "the same layer, compressed in another format"
	case x[0] == 0x1f && !bytes.Equal(x[3:10], y[3:10]):
		return "the same layer, with another gzip header: a time, a name or a level in it"
	}
	return "the same layer, compressed by another program or at another level"
}

func beginning(name string) []byte {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	out := make([]byte, 16)
	n, _ := io.ReadFull(f, out)
	return out[:n]
}
