package facts

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
	"strings"
	"time"
)

// Sum tells apart snapshots that say different things; when and at which commit they
// were taken does not count. It costs a fraction of writing one down. What is summed up
// must not change any more.
func (s *Snapshot) Sum() string {
	if s.sum == "" {
		s.sum = s.sumUp()
	}
	return s.sum
}

func (s *Snapshot) sumUp() string {
	w := &summing{h: sha256.New()}
	w.number(Version)
	w.texts(s.Engine, s.Platform)
	each(w, s.Targets, w.target)
	w.number(len(s.Selections))
	for i := range s.Selections {
		sel := &s.Selections[i]
		w.texts(sel.Sum, sel.Dir)
		w.number(len(sel.Files))
		for _, f := range sel.Files {
			w.texts(f.Path, f.Sum, f.Mode, f.Same)
			w.number(int(f.Size))
		}
	}
	w.flush()
	return hex.EncodeToString(w.h.Sum(nil))
}

// summing sums up numbers and texts, each with its length.
type summing struct {
	h   hash.Hash
	buf []byte
}

func (w *summing) flush() {
	w.h.Write(w.buf)
	w.buf = w.buf[:0]
}

func (w *summing) number(n int) {
	w.buf = binary.AppendVarint(w.buf, int64(n))
	if len(w.buf) > 1<<15 {
		w.flush()
	}
}

func (w *summing) texts(all ...string) {
	for _, s := range all {
		w.number(len(s))
		w.buf = append(w.buf, s...)
	}
}

func (w *summing) list(all []string) {
	w.number(len(all))
	w.texts(all...)
}

func (w *summing) flags(all ...bool) {
	for _, b := range all {
		n := 0
		if b {
			n = 1
		}
		w.number(n)
	}
}

// each sums up a map in the order of its keys.
func each[V any](w *summing, m map[string]V, add func(V)) {
	w.number(len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		w.texts(k)
		add(m[k])
	}
}

func (w *summing) values(m map[string]Value) {
	each(w, m, func(v Value) { w.texts(v.Text, v.Sealed) })
}

func (w *summing) target(t *Target) {
	w.texts(t.Image, t.Publication, t.Dockerfile)
	w.flags(t.Linked)
	w.list(t.Open)
	w.list(t.Links)
	for _, m := range []map[string]Value{t.Attributes, t.Published, t.Args} {
		w.values(m)
	}
	each(w, t.Places, func(s string) { w.texts(s) })
	each(w, t.Images, func(i Image) { w.texts(i.Digest, i.Created.Format(time.RFC3339Nano)) })
	each(w, t.Ignores, w.list)
	w.number(len(t.Instructions))
	for _, in := range t.Instructions {
		w.number(in.Line)
		w.number(in.End)
		w.texts(in.Text, in.Sum)
	}
	w.number(len(t.Platforms))
	for _, p := range t.Platforms {
		w.texts(p.ID)
		w.number(len(p.Steps))
		for i := range p.Steps {
			w.step(&p.Steps[i])
		}
	}
}

func (w *summing) step(s *Step) {
	w.texts(s.Kind, s.Text, s.Source, s.Stage, s.Vertex, s.Own, s.Key, s.Class)
	for _, n := range []int{s.Nth, s.Of, s.Instruction, len(s.Inputs), len(s.Reads)} {
		w.number(n)
	}
	for _, in := range s.Inputs {
		w.number(in.Step)
		w.flags(in.Content)
	}
	for _, r := range s.Reads {
		w.texts(r.Context, r.Query)
		w.number(r.Selection)
	}
	w.list(s.Env)
	w.flags(s.NoCache, s.Anew, s.Loose)
}

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])[:16]
}

// short is a text that fits on a line.
func short(text string) string {
	const most = 300
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
