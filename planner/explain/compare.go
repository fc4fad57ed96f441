package explain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/docker/go-units"

	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/planner/facts"
)

// Compare explains the named targets of a snapshot against an earlier one, which
// may be nil. A nil known has run nothing.
func Compare(old, now *facts.Snapshot, against Against, names []string, known Known) []*Target {
	if old == nil {
		old, against = &facts.Snapshot{}, Against{Kind: "nothing"}
	}
	c := &comparing{old: old, now: now, known: known, causes: map[string][]*Cause{}}
	var out []*Target
	for _, name := range slices.Sorted(maps.Keys(now.Targets)) {
		c.of(name)
	}
	c.shared = share(c.causes)
	for _, name := range names {
		if now.Targets[name] != nil {
			t := c.explain(name)
			t.Against = against
			out = append(out, t)
		}
	}
	return out
}

type comparing struct {
	old, now *facts.Snapshot
	known    Known
	causes   map[string][]*Cause // by target
	shared   shared
}

func (c *comparing) explain(name string) *Target {
	before, after := c.old.Targets[name], c.now.Targets[name]
	t := &Target{Name: name, Change: Same, Causes: c.causes[name], Open: after.Open, After: after.Publication}
	switch {
	case before == nil:
		t.Change = New
	case before.Image != after.Image:
		t.Change = Changed
	case publishedDiffers(before, after):
		t.Change = Published
	}
	if before != nil {
		t.Before = before.Publication
	}
	for _, p := range after.Platforms {
		c.predict(t, before, after, p)
	}
	for _, s := range t.Steps {
		if s.Will == Cached {
			continue
		}
		if !slices.Contains(t.Stages, s.Stage) {
			t.Stages = append(t.Stages, s.Stage)
		}
		if s.Will == Run {
			t.Seconds += s.Seconds
		}
	}
	t.With, t.WithMore = c.shared.with(name, c.causes[name])
	t.Advice = advise(after, t)
	return t
}

// of finds the causes of a target, after the causes of the targets that it is linked
// to.
func (c *comparing) of(name string) []*Cause {
	if got, ok := c.causes[name]; ok {
		return got
	}
	c.causes[name] = nil
	before, after := c.old.Targets[name], c.now.Targets[name]
	if before == nil || after == nil {
		return nil
	}
	var out []*Cause
	if before.Image != after.Image {
		out = c.changed(before, after)
	} else if publishedDiffers(before, after) {
		out = values(Attribute, before.Published, after.Published, placesOf(before, after), "")
	}
	c.causes[name] = out
	return out
}

// publishedDiffers says whether something else is made of an image than before, as
// far as that is known of both.
func publishedDiffers(before, after *facts.Target) bool {
	return before.Linked == after.Linked && (before.Publication != after.Publication || !maps.Equal(before.Published, after.Published))
}

// changed finds by what an image differs, the nearest to a line that somebody
// has written first.
func (c *comparing) changed(before, after *facts.Target) []*Cause {
	p := c.pairs(before, after)
	var out []*Cause
	out = append(out, c.files(before, after, p)...)
	out = append(out, arguments(before, after)...)
	if before.Attributes["target"] == after.Attributes["target"] { // otherwise other stages need not be said
		out = append(out, instructions(before, after)...)
	}
	out = append(out, images(before, after)...)
	for _, name := range after.Links {
		a, b := c.old.Targets[name], c.now.Targets[name]
		if a == nil || b == nil || a.Image != b.Image {
			out = append(out, &Cause{Kind: Linked, Name: name, Causes: c.of(name)})
		}
	}
	out = append(out, attributes(before, after, p)...)
	if len(out) == 0 && c.old.Engine != c.now.Engine {
		out = append(out, &Cause{Kind: Engine, Name: "orch", Old: c.old.Engine, New: c.now.Engine})
	}
	if len(out) == 0 {
		out = append(out, operation(before, after, p))
	}
	return out
}

// pair is a step before and after; before is nil if it was not there.
type pair struct{ before, after *facts.Step }

// pairs finds for each step the one that it was before: at the same place by the
// same instruction.
func (c *comparing) pairs(before, after *facts.Target) []pair {
	var out []pair
	for i, p := range after.Platforms {
		known := map[string]*facts.Step{}
		if q := platform(before, p.ID, i); q != nil {
			count := map[string]int{}
			for n := range q.Steps {
				known[stepKey(before, &q.Steps[n], count)] = &q.Steps[n]
			}
		}
		count := map[string]int{}
		for n := range p.Steps {
			out = append(out, pair{known[stepKey(after, &p.Steps[n], count)], &p.Steps[n]})
		}
	}
	return out
}

func platform(t *facts.Target, id string, at int) *facts.Platform {
	for i := range t.Platforms {
		if t.Platforms[i].ID == id {
			return &t.Platforms[i]
		}
	}
	if at < len(t.Platforms) {
		return &t.Platforms[at]
	}
	return nil
}

func stepKey(t *facts.Target, s *facts.Step, count map[string]int) string {
	text := s.Text
	if s.Instruction >= 0 {
		text = t.Instructions[s.Instruction].Sum
	}
	if s.Nth == 0 {
		text += s.Source
	}
	key := s.Kind + "\x00" + s.Stage + "\x00" + text
	count[key]++
	return fmt.Sprint(key, "\x00", count[key])
}

// files names what differs of what both sides read by the same words.
func (c *comparing) files(before, after *facts.Target, pairs []pair) []*Cause {
	d := &fileDiff{seen: map[string]bool{}}
	ignored := map[string]bool{}
	for _, p := range pairs {
		if p.before == nil {
			continue
		}
		for _, r := range p.after.Reads {
			q := readingLike(p.before, r)
			if q == nil || c.old.Selections[q.Selection].Dir != c.now.Selections[r.Selection].Dir {
				continue
			}
			patterns := !slices.Equal(before.Ignores[r.Context], after.Ignores[r.Context])
			if d.compare(c.old.Selections[q.Selection], c.now.Selections[r.Selection], patterns) {
				ignored[r.Context] = true
			}
		}
	}
	var out []*Cause
	for _, name := range slices.Sorted(maps.Keys(ignored)) {
		out = append(out, ignoreCause(name, before.Ignores[name], after.Ignores[name]))
	}
	if first := d.cause(); first != nil {
		out = append(out, first)
	}
	return out
}

func readingLike(s *facts.Step, r facts.Reading) *facts.Reading {
	for i := range s.Reads {
		if s.Reads[i].Context == r.Context && s.Reads[i].Query == r.Query {
			return &s.Reads[i]
		}
	}
	return nil
}

// fileDiff collects the files that differ.
type fileDiff struct {
	seen  map[string]bool
	files []*Cause
}

// compare takes in two readings, and reports whether files came or went while
// the patterns changed that leave files out: then these are the reason.
func (d *fileDiff) compare(a, b facts.Selection, patterns bool) (ignored bool) {
	if a.Sum == b.Sum {
		return false
	}
	was := map[string]facts.File{}
	for _, f := range a.Files {
		was[f.Path] = f
	}
	is := map[string]bool{}
	for _, f := range b.Files {
		is[f.Path] = true
		old, ok := was[f.Path]
		switch {
		case !ok && patterns, !ok && f.Sum == "" && f.Path == "":
			ignored = ignored || patterns
		case !ok && strings.HasPrefix(f.Mode, "d"):
			d.add(b.Dir, f, &Cause{Stat: "new folder"})
		case !ok:
			d.add(b.Dir, f, &Cause{New: f.Sum, Stat: Stat(Unknown, f.Size)})
		case old.Sum != f.Sum:
			d.add(b.Dir, f, &Cause{Old: old.Sum, New: f.Sum, Stat: sizes(old, f), oldSum: old.Sum})
		case old.Mode != f.Mode:
			d.add(b.Dir, f, &Cause{Old: old.Mode, New: f.Mode, Stat: "mode " + old.Mode + " → " + f.Mode})
		}
	}
	for _, f := range a.Files {
		if !is[f.Path] {
			if patterns {
				ignored = true
				continue
			}
			d.add(a.Dir, f, &Cause{Old: f.Sum, Stat: Stat(f.Size, Unknown), oldSum: f.Sum})
		}
	}
	if len(d.files) == 0 {
		d.names(was, b)
	}
	if a.Files == nil && b.Files == nil {
		d.add(b.Dir, facts.File{Path: "", Mode: "d"}, &Cause{Stat: "too many files to say which"})
	}
	return ignored
}

// names takes in which names are one file now, or were: where nothing else differs,
// since older snapshots do not say it.
func (d *fileDiff) names(was map[string]facts.File, b facts.Selection) {
	for _, f := range b.Files {
		old := was[f.Path]
		switch {
		case old.Same == f.Same:
		case f.Same == "":
			d.add(b.Dir, f, &Cause{Stat: "no longer the same file as " + old.Same})
		default:
			d.add(b.Dir, f, &Cause{Stat: "the same file as " + f.Same + " (a hard link)"})
		}
	}
}

func (d *fileDiff) add(dir string, f facts.File, c *Cause) {
	c.Kind, c.Name = File, strings.TrimPrefix(dir+"/"+f.Path, "./")
	if strings.HasPrefix(f.Mode, "d") {
		c.Name = strings.TrimSuffix(c.Name, "/") + "/"
	}
	if !d.seen[c.Name] {
		d.seen[c.Name] = true
		d.files = append(d.files, c)
	}
}

// cause is the first file, with the names of the others. A folder that came or
// went with its files need not be said again.
func (d *fileDiff) cause() *Cause {
	d.files = slices.DeleteFunc(d.files, func(c *Cause) bool {
		return strings.HasSuffix(c.Name, "/") && slices.ContainsFunc(d.files, func(o *Cause) bool { return o != c && strings.HasPrefix(o.Name, c.Name) })
	})
	if len(d.files) == 0 {
		return nil
	}
	slices.SortFunc(d.files, func(a, b *Cause) int { return strings.Compare(a.Name, b.Name) })
	first := d.files[0]
	for _, o := range d.files[1:] {
		first.More = append(first.More, o.Name)
	}
	return first
}

// Unknown stands for the size of a file that is not there.
const Unknown = -1

// Stat says how long a file was and is, in bytes.
func Stat(was, is int64) string {
	size := func(n int64) string { return units.HumanSizeWithPrecision(float64(n), 3) }
	switch {
	case was == Unknown:
		return "new, " + size(is)
	case is == Unknown:
		return "removed"
	case was == is:
		return size(is) + ", as long as before"
	}
	return size(was) + " → " + size(is)
}

func sizes(a, b facts.File) string {
	if strings.HasPrefix(a.Sum, "-> ") || strings.HasPrefix(b.Sum, "-> ") {
		return strings.TrimPrefix(a.Sum, "-> ") + " → " + strings.TrimPrefix(b.Sum, "-> ")
	}
	return Stat(a.Size, b.Size)
}

func ignoreCause(context string, a, b []string) *Cause {
	c := &Cause{Kind: Ignore, Name: "the ignore file"}
	if context != "" {
		c.Name += " of context " + context
	}
	gone := slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
	come := slices.DeleteFunc(slices.Clone(b), func(s string) bool { return slices.Contains(a, s) })
	c.Old, c.New = strings.Join(gone, ", "), strings.Join(come, ", ")
	return c
}

// argumentName is what an ARG declares.
var argumentName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*`)

// declared are the arguments that the instructions declare.
func declared(list []facts.Instruction) map[string]bool {
	out := map[string]bool{"BUILDKIT_SYNTAX": true, "SOURCE_DATE_EPOCH": true}
	for _, in := range list {
		rest, ok := strings.CutPrefix(in.Text, "ARG ")
		if !ok {
			continue
		}
		for _, word := range strings.Fields(rest) {
			if name := argumentName.FindString(word); name != "" {
				out[name] = true
			}
		}
	}
	return out
}

// arguments are those that some stage declares, or the builder itself.
func arguments(before, after *facts.Target) []*Cause {
	known := declared(after.Instructions)
	used := func(list map[string]facts.Value) map[string]facts.Value {
		out := maps.Clone(list)
		maps.DeleteFunc(out, func(name string, _ facts.Value) bool {
			return !known[name] && !strings.HasPrefix(name, "BUILDKIT_") && after.Instructions != nil
		})
		return out
	}
	return values(Argument, used(before.Args), used(after.Args), placesOf(before, after), "args.")
}

// placesOf says where something is written, or was.
func placesOf(before, after *facts.Target) func(string) string {
	return func(name string) string { return cmp.Or(after.Places[name], before.Places[name]) }
}

// values are the entries by which two maps differ.
func values(kind string, a, b map[string]facts.Value, places func(string) string, prefix string) []*Cause {
	names := slices.Collect(maps.Keys(b))
	for name := range a {
		if _, ok := b[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out []*Cause
	for _, name := range names {
		was, had := a[name]
		is, has := b[name]
		if had == has && was == is {
			continue
		}
		c := &Cause{Kind: kind, Name: name, Place: places(prefix + name), Old: "unset", New: "unset"}
		if had {
			c.Old = was.String()
		}
		if has {
			c.New = is.String()
		}
		out = append(out, c)
	}
	return out
}

// instructions are those by which two lists differ, each with what was in its
// place.
func instructions(before, after *facts.Target) []*Cause {
	var out []*Cause
	for _, h := range hunks(before.Instructions, after.Instructions) {
		for i := range max(len(h.gone), len(h.come)) {
			c := &Cause{Kind: Instruction, Name: after.Dockerfile}
			if i < len(h.gone) {
				c.Old = h.gone[i].Text
				c.Place = fmt.Sprintf("%s:%d", before.Dockerfile, h.gone[i].Line)
			}
			if i < len(h.come) {
				c.New = h.come[i].Text
				c.Place = fmt.Sprintf("%s:%d", after.Dockerfile, h.come[i].Line)
				c.lines = h.come[i].End - h.come[i].Line
			}
			out = append(out, c)
		}
	}
	return out
}

type hunk struct{ gone, come []facts.Instruction }

// hunks are the places at which two lists differ, by their longest common part.
func hunks(a, b []facts.Instruction) []hunk {
	const most = 4_000_000
	for len(a) > 0 && len(b) > 0 && a[0].Sum == b[0].Sum {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1].Sum == b[len(b)-1].Sum {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a)+len(b) == 0 {
		return nil
	}
	if len(a)*len(b) > most {
		return []hunk{{a[:min(1, len(a))], b[:min(1, len(b))]}}
	}
	length := make([][]int, len(a)+1)
	for i := range length {
		length[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i].Sum == b[j].Sum {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	var out []hunk
	var h hunk
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i].Sum == b[j].Sum:
			if len(h.gone)+len(h.come) > 0 {
				out, h = append(out, h), hunk{}
			}
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && length[i+1][j] >= length[i][j+1]:
			h.gone = append(h.gone, a[i])
			i++
		default:
			h.come = append(h.come, b[j])
			j++
		}
	}
	if len(h.gone)+len(h.come) > 0 {
		out = append(out, h)
	}
	return out
}

// images are those whose name means something else now.
func images(before, after *facts.Target) []*Cause {
	var out []*Cause
	for _, ref := range slices.Sorted(maps.Keys(after.Images)) {
		a, ok := before.Images[ref]
		b := after.Images[ref]
		if ok && a.Digest != b.Digest && a.Digest != "" && b.Digest != "" {
			out = append(out, &Cause{Kind: Image, Name: ref, Old: dated(a), New: dated(b)})
		}
	}
	return out
}

func dated(i facts.Image) string {
	if i.Created.IsZero() || i.Created.Unix() <= 0 {
		return i.Digest
	}
	return i.Digest + " of " + i.Created.UTC().Format("2006-01-02 15:04")
}

// ofRuns are the attributes that count only where something is run.
var ofRuns = []string{"network", "shm-size", "ulimits", "extra-hosts", "memory", "memory-swap", "cpuset-cpus", "cpuset-mems", "cpu-shares", "cpu-period", "cpu-quota"}

// attributes are those by which the targets differ, but for those that count
// only in steps which have not changed.
func attributes(before, after *facts.Target, pairs []pair) []*Cause {
	runs := slices.ContainsFunc(pairs, func(p pair) bool {
		return p.after.Kind == "run" && (p.before == nil || p.before.Own != p.after.Own)
	})
	a, b := maps.Clone(before.Attributes), maps.Clone(after.Attributes)
	for _, list := range []map[string]facts.Value{a, b} {
		maps.DeleteFunc(list, func(name string, _ facts.Value) bool { return !runs && slices.Contains(ofRuns, name) })
	}
	return values(Attribute, a, b, placesOf(before, after), "")
}

// operation names the first operation that was not there before.
func operation(before, after *facts.Target, pairs []pair) *Cause {
	for _, p := range pairs {
		if p.before == nil || p.before.Own != p.after.Own {
			c := &Cause{Kind: Operation, Name: cmp.Or(p.after.Text, p.after.Source, p.after.Kind)}
			if p.after.Instruction >= 0 {
				c.Place = fmt.Sprintf("%s:%d", after.Dockerfile, after.Instructions[p.after.Instruction].Line)
			}
			return c
		}
	}
	return &Cause{Kind: Operation, Name: "the configuration of the image"}
}

// Differs has a target say of itself by what it differs what another explanation
// of it says. Its steps stay as they are.
func (t *Target) Differs(as *Target) {
	t.Against, t.Change, t.Causes, t.With, t.WithMore = as.Against, as.Change, as.Causes, as.With, as.WithMore
	t.Before, t.After = as.Before, as.After
}

// Names are the names of the targets that are explained.
func (x *Explanation) Names() []string {
	var out []string
	for _, t := range x.Targets {
		out = append(out, t.Name)
	}
	return out
}
