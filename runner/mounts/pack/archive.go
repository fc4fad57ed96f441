//go:build linux

package pack

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// frameSize is about how much of an archive is compressed at once, and maxPackers is
// by how many at most: both bound the memory that it takes.
const (
	frameSize  = 4 << 20
	maxPackers = 8
)

// archiver writes the archive of a tree in frames: a lister says what is in which,
// packers read, sum and compress, and a writer takes what they have made in its
// order. Frames one after the other are an archive as any other, and where they end
// depends on the tree alone: how many packers there are is not seen in it.
type archiver struct {
	tree *tree
	zip  *zstd.Encoder
	// free are the frames with nothing in them.
	free, todo, order chan *frame
}

// frame is a part of an archive. What of it is in plain from the beginning is a part
// of a large file; the packer adds the entries, and the end.
type frame struct {
	plain   []byte
	entries []*entry
	last    bool
	packed  []byte
	done    chan struct{}
}

// archive writes all entries, and sums their contents.
func (t *tree) archive(out io.Writer, status *Status) error {
	packers := min(runtime.GOMAXPROCS(0), maxPackers)
	zip, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false),
		zstd.WithEncoderConcurrency(packers), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return err
	}
	defer zip.Close()
	frames := packers + 2 // one to be listed, one to be written
	a := &archiver{tree: t, zip: zip, free: make(chan *frame, frames), todo: make(chan *frame, frames), order: make(chan *frame, frames)}
	for range frames {
		a.free <- &frame{plain: make([]byte, 0, frameSize+64<<10)}
	}
	t.findNames()
	group, ctx := errgroup.WithContext(context.Background())
	group.Go(func() error {
		defer close(a.order)
		defer close(a.todo)
		return a.list(ctx)
	})
	for range packers {
		group.Go(a.packAll)
	}
	group.Go(func() error { return a.write(ctx, out, status) })
	if err := group.Wait(); err != nil {
		return err
	}
	for _, e := range t.entries {
		if e.same != nil {
			e.sum = e.same.sum
		}
	}
	return nil
}

// findNames finds the further names of files.
func (t *tree) findNames() {
	first := map[node]*entry{}
	for _, e := range t.entries {
		if e.links < 2 || !e.mode.IsRegular() {
			continue
		}
		if e.same = first[e.node]; e.same == nil {
			first[e.node] = e
		}
	}
}

// list divides the entries among frames.
func (a *archiver) list(ctx context.Context) error {
	f, err := a.take(ctx)
	if err != nil {
		return err
	}
	size := int64(0)
	for _, e := range a.tree.entries {
		more := e.content() + int64(len(e.name)+len(e.link)) + 2<<10 // with headers
		if size > 0 && size+more > frameSize {
			if f, err = a.next(ctx, f); err != nil {
				return err
			}
			size = 0
		}
		if more <= frameSize {
			f.entries = append(f.entries, e)
			size += more
			continue
		}
		if f, err = a.large(ctx, f, e); err != nil {
			return err
		}
		size = frameSize
	}
	f.last = true
	a.send(f)
	return nil
}

// content is how many bytes of an entry are in the archive behind its header.
func (e *entry) content() int64 {
	if e.same != nil {
		return 0
	}
	return e.size
}

// take waits for a free frame.
func (a *archiver) take(ctx context.Context) (*frame, error) {
	select {
	case f := <-a.free:
		*f = frame{plain: f.plain[:0], entries: f.entries[:0], packed: f.packed[:0], done: make(chan struct{})}
		return f, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// send hands on a frame. There are no more frames than have room.
func (a *archiver) send(f *frame) {
	a.order <- f
	a.todo <- f
}

func (a *archiver) next(ctx context.Context, f *frame) (*frame, error) {
	a.send(f)
	return a.take(ctx)
}

// large reads a file that is larger than a frame, and hands on all frames of it but
// the last.
func (a *archiver) large(ctx context.Context, f *frame, e *entry) (*frame, error) {
	file, err := a.tree.open(e)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if f.plain, err = e.header(f.plain); err != nil {
		return nil, err
	}
	sum := sha256.New()
	for left := e.size; ; {
		n := min(left, frameSize)
		if f.plain, err = e.read(file, f.plain, n, sum); err != nil {
			return nil, err
		}
		if left -= n; left == 0 {
			break
		}
		if f, err = a.next(ctx, f); err != nil {
			return nil, err
		}
	}
	f.plain = e.pad(f.plain)
	e.sum = sum.Sum(nil)
	return f, nil
}

func (a *archiver) packAll() error {
	for f := range a.todo {
		if err := a.pack(f); err != nil {
			return err
		}
		close(f.done)
	}
	return nil
}

func (a *archiver) pack(f *frame) error {
	for _, e := range f.entries {
		if err := a.add(f, e); err != nil {
			return err
		}
	}
	if f.last {
		f.plain = append(f.plain, make([]byte, 2*tarBlock)...)
	}
	f.packed = a.zip.EncodeAll(f.plain, f.packed)
	return nil
}

// add puts an entry into a frame, with the content of a file.
func (a *archiver) add(f *frame, e *entry) (err error) {
	if f.plain, err = e.header(f.plain); err != nil || !e.mode.IsRegular() || e.same != nil {
		return err
	}
	file, err := a.tree.open(e)
	if err != nil {
		return err
	}
	defer file.Close()
	sum := sha256.New()
	if f.plain, err = e.read(file, f.plain, e.size, sum); err != nil {
		return err
	}
	f.plain = e.pad(f.plain)
	e.sum = sum.Sum(nil)
	return nil
}

// read appends the next n bytes of a file to what is there. One that has fewer than
// when it was listed is being written.
func (e *entry) read(file io.Reader, to []byte, n int64, sum hash.Hash) ([]byte, error) {
	at := len(to)
	to = slices.Grow(to, int(n))[:at+int(n)]
	_, err := io.ReadFull(file, to[at:])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errBusy
	}
	if err != nil {
		return nil, fmt.Errorf("packing %s: %w", e.name, err)
	}
	sum.Write(to[at:])
	return to, nil
}

// tarBlock is what headers and contents are filled up to.
const tarBlock = 512

// pad fills up the last block of a content.
func (e *entry) pad(to []byte) []byte {
	if part := e.size % tarBlock; part > 0 {
		to = append(to, make([]byte, tarBlock-part)...)
	}
	return to
}

// appender is a slice that is written to.
type appender []byte

func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}

// header appends the header of an entry.
func (e *entry) header(to []byte) ([]byte, error) {
	h := &tar.Header{
		Name: e.name, Mode: int64(tarMode(e.mode)), Uid: e.uid, Gid: e.gid,
		ModTime: time.Unix(0, e.mtime), Format: tar.FormatPAX,
	}
	if e.used > 0 {
		h.AccessTime = time.Unix(0, e.used)
	}
	switch {
	case e.mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, e.name+"/"
	case e.mode&fs.ModeSymlink != 0:
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
	case e.same != nil:
		h.Typeflag, h.Linkname = tar.TypeLink, e.same.name
	default:
		h.Typeflag, h.Size = tar.TypeReg, e.size
	}
	out := appender(to)
	err := tar.NewWriter(&out).WriteHeader(h)
	return out, err
}

// write writes the frames in their order.
func (a *archiver) write(ctx context.Context, out io.Writer, status *Status) error {
	sum := sha256.New()
	for f := range a.order {
		select {
		case <-f.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		n, err := out.Write(f.packed)
		if err != nil {
			return err
		}
		sum.Write(f.packed)
		status.Size += int64(n)
		a.free <- f
	}
	status.Digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	return nil
}
