// Package framed sums lists of strings up so that no two lists have the same
// sum: each string goes in with its length. It does not know what the strings
// mean.
package framed

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
)

// Digest sums strings up so that no two lists of strings have the same sum:
// each goes in with its length. The zero value is empty and ready.
type Digest struct {
	// buf holds what was added and not yet summed up: most digests are made of
	// few bytes, for which this is all that they need.
	buf []byte
	h   hash.Hash // nil until there was more than flushAt
}

const flushAt = 4096

// Empty says whether nothing was added, not even a list without fields.
func (d *Digest) Empty() bool { return d.buf == nil && d.h == nil }

// Add adds strings, each by itself.
func (d *Digest) Add(fields ...string) {
	if d.buf == nil {
		d.buf = make([]byte, 0, 256)
	}
	for _, f := range fields {
		d.buf = appendField(d.buf, f)
	}
	if len(d.buf) > flushAt {
		d.flush()
	}
}

func appendField(b []byte, f string) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(len(f)))
	return append(b, f...)
}

func (d *Digest) flush() {
	if d.h == nil {
		d.h = sha256.New()
	}
	d.h.Write(d.buf)
	d.buf = d.buf[:0]
}

// Reset makes the digest empty, and keeps its memory for the next one.
func (d *Digest) Reset() { *d = Digest{buf: d.buf[:0]} }

// AddMap adds the keys of a map with their values, in order.
func (d *Digest) AddMap(m map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		d.Add(k, m[k])
	}
	d.Add("")
}

// sum returns the sum of what was added so far.
func (d *Digest) sum() (out [sha256.Size]byte) {
	if d.h == nil {
		return sha256.Sum256(d.buf)
	}
	d.flush()
	d.h.Sum(out[:0])
	return out
}

// Hex is the sum in hexadecimal digits.
func (d *Digest) Hex() string {
	sum := d.sum()
	return hex.EncodeToString(sum[:])
}

const idPrefix = "sha256:"

// ID is the sum as the ID of a vertex.
func (d *Digest) ID() string { return idOf(d.sum()) }

func idOf(sum [sha256.Size]byte) string {
	var out [len(idPrefix) + 2*sha256.Size]byte
	copy(out[:], idPrefix)
	hex.Encode(out[len(idPrefix):], sum[:])
	return string(out[:])
}

// Sum is the ID of a vertex that these fields define.
func Sum(fields ...string) string {
	var buf [512]byte // on the stack, where that of a digest cannot be
	b := buf[:0]
	for _, f := range fields {
		b = appendField(b, f)
	}
	return idOf(sha256.Sum256(b))
}
