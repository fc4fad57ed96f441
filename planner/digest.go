package planner

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
)

// digest sums strings up so that no two lists of strings have the same sum:
// each goes in with its length. The zero value is empty and ready.
type digest struct{ h hash.Hash }

func (d *digest) add(fields ...string) {
	if d.h == nil {
		d.h = sha256.New()
	}
	for _, f := range fields {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(f)))
		d.h.Write(n[:])
		d.h.Write([]byte(f))
	}
}

func (d *digest) addMap(m map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		d.add(k, m[k])
	}
	d.add("")
}

// hex returns the sum of what was added so far.
func (d *digest) hex() string {
	d.add()
	return hex.EncodeToString(d.h.Sum(nil))
}

// sum is the ID of a vertex that these fields define.
func sum(fields ...string) string {
	var d digest
	d.add(fields...)
	return d.id()
}

func (d *digest) id() string { return "sha256:" + d.hex() }
