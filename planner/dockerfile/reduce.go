package dockerfile

import (
	"bytes"
	"slices"
	"strconv"
)

// Reduced is the part of a Dockerfile that one build needs. A frontend that
// converts it does work for the stages that the build reaches, however many
// others the file has, and comes to the same result.
type Reduced struct {
	Data []byte
	// Lines holds, for each line of Data, the number of that line in the
	// whole file. Both count from 1, so that Lines[0] belongs to line 1.
	Lines []int
	// Filled is true if lines stand for stages that nobody needs.
	Filled bool
}

// Line is the line of the whole file that a line of Data comes from; n itself
// if Data has no such line.
func (r *Reduced) Line(n int) int {
	if n < 1 || n > len(r.Lines) {
		return n
	}
	return r.Lines[n-1]
}

// Part is what one build reaches of a Dockerfile.
type Part struct {
	*File
	// Needs are the numbers of the stages that the build reaches, in order, and
	// Bodies those whose instructions it needs too: a named context stands for
	// each of the others everywhere.
	Needs, Bodies []int
}

// Reduce returns what the build needs of the bytes of the file.
func (p *Part) Reduce(data []byte) *Reduced {
	needs, bodies := p.Needs, p.Bodies
	r := &reducer{data: data, starts: p.starts}
	stages := p.Stages
	r.take(1, stages[0].First-1)
	counted := p.countsStages(needs)
	last := slices.Max(needs)
	// BuildKit leaves a stage's name out of the names of its steps where the
	// file has no other stage.
	alone := len(needs) == 1 && len(stages) > 1 && (last == 0 || !counted)
	if alone && !counted {
		r.placeholder(1)
	}
	for _, st := range stages[:last+1] {
		switch {
		case slices.Contains(bodies, st.Index):
			r.take(st.comments, st.Last)
		case slices.Contains(needs, st.Index):
			// A named context stands for the stage; the frontend would look for
			// the images that its instructions name.
			r.take(st.comments, st.FromEnd)
		case counted:
			r.placeholder(st.First)
		}
	}
	if alone && counted {
		r.placeholder(stages[last].Last)
	}
	return &r.out
}

// countsStages says whether a stage that a build needs goes by its number:
// others must stay where they are then.
func (p *File) countsStages(needs []int) bool {
	for _, i := range needs {
		st := p.Stages[i]
		if st.Name == "" || slices.ContainsFunc(st.Cmds, countsStages) {
			return true
		}
	}
	return false
}

func countsStages(k *Cmd) bool {
	for _, f := range k.Froms {
		if _, err := strconv.Atoi(f.Name); err == nil {
			return true
		}
	}
	return slices.ContainsFunc(k.Onbuild, countsStages)
}

// reducer collects lines.
type reducer struct {
	data   []byte
	starts []int // where each line begins
	out    Reduced
}

// take takes the lines from first to last.
func (r *reducer) take(first, last int) {
	last = min(last, len(r.starts))
	if last < first {
		return
	}
	end := len(r.data)
	if last < len(r.starts) {
		end = r.starts[last]
	}
	r.out.Data = append(r.out.Data, r.data[r.starts[first-1]:end]...)
	if !bytes.HasSuffix(r.out.Data, []byte("\n")) {
		r.out.Data = append(r.out.Data, '\n')
	}
	for n := first; n <= last; n++ {
		r.out.Lines = append(r.out.Lines, n)
	}
}

// placeholder is where a stage was that nobody needs.
func (r *reducer) placeholder(line int) {
	r.out.Data = append(r.out.Data, "FROM scratch\n"...)
	r.out.Lines = append(r.out.Lines, line)
	r.out.Filled = true
}

// lineStarts returns where each line of a text begins.
func lineStarts(data []byte) []int {
	starts := make([]int, 1, 1+bytes.Count(data, []byte("\n")))
	for i, c := range data {
		if c == '\n' && i+1 < len(data) {
			starts = append(starts, i+1)
		}
	}
	return starts
}
