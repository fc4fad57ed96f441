package runs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner/record"
)

// Logs are what steps and tests of a run printed.
type Logs struct {
	Run   string  `json:"run"`
	Parts []*Part `json:"parts"`
}

// Part is one step or test with its output.
type Part struct {
	// Number is the step's on the screen; a test has none.
	Number  int      `json:"number,omitempty"`
	Label   string   `json:"label,omitempty"` // such as "build 2/3"
	Name    string   `json:"name"`
	Targets []string `json:"targets,omitempty"`
	State   string   `json:"state"` // done, cached, running or failed
	Seconds float64  `json:"seconds"`
	Lines   []string `json:"lines"`
	// Left is true if what is kept has more lines than these.
	Left bool `json:"left,omitempty"`
}

// Choice says which of the logs of a run are wanted.
type Choice struct {
	// Part is a target, a stage, a step such as "build 2/3" or "#12", or
	// TARGET@STAGE; "" is all.
	Part string
	// Failed leaves only what failed.
	Failed bool
	// Tail is how many lines of each part are wanted; 0 is all of them.
	Tail int
}

// mostLog is how much of the output of one step is read.
const mostLog = 32 << 20

// LogsOf reads the logs of a run.
func LogsOf(k record.Kept, c Choice) (*Logs, error) {
	rec, err := k.Record()
	if err != nil {
		return nil, err
	}
	chosen, err := choose(rec, c.Part)
	if err != nil {
		return nil, err
	}
	out := &Logs{Run: k.ID, Parts: []*Part{}}
	for _, s := range chosen.steps {
		p := &Part{Number: s.Number, Label: s.Label, Name: s.Name, Targets: s.Targets, State: stateOf(s), Seconds: s.Seconds}
		if c.Failed && !s.Failed {
			continue
		}
		if err := p.read(k, rec, s); err != nil {
			return nil, err
		}
		out.add(p, c.Tail)
	}
	for _, t := range chosen.tests {
		for _, test := range t.Tests {
			if c.Failed && test.Failure == "" {
				continue
			}
			p := &Part{Label: "test " + test.Name, Name: cmp.Or(test.Failure, "passed"), Targets: []string{t.Name}, State: "done", Seconds: test.Seconds}
			if test.Failure != "" {
				p.State = "failed"
			}
			p.Lines = slices.Clone(test.Output)
			out.add(p, c.Tail)
		}
	}
	return out, nil
}

// add adds a part that has something to say.
func (l *Logs) add(p *Part, tail int) {
	if len(p.Lines) == 0 && p.State != "failed" {
		return
	}
	if tail > 0 && len(p.Lines) > tail {
		p.Lines, p.Left = p.Lines[len(p.Lines)-tail:], true
	}
	if p.Lines == nil {
		p.Lines = []string{}
	}
	l.Parts = append(l.Parts, p)
}

// read reads the output of a step. Of one that failed, the record has the end
// even if the file is not there.
func (p *Part) read(k record.Kept, rec *record.Record, s *record.Step) error {
	text, whole, err := k.Log(s.Log, mostLog)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if s.Failed {
			p.Lines = slices.Clone(logOfFailure(rec, s))
		}
		return nil
	case err != nil:
		return fmt.Errorf("reading the output of %s: %w", p.Title(), err)
	}
	p.Lines, p.Left = record.Lines(text), !whole
	return nil
}

// logOfFailure is the end of the output of a failed step.
func logOfFailure(rec *record.Record, s *record.Step) []string {
	for _, t := range rec.Targets {
		if t.Failure != nil && strings.HasSuffix(t.Failure.Step, s.Name) && slices.Contains(s.Targets, t.Name) {
			return t.Failure.Log
		}
	}
	return nil
}

func stateOf(s *record.Step) string {
	switch {
	case s.Failed:
		return "failed"
	case s.Cached:
		return "cached"
	case s.Running:
		return "running"
	}
	return "done"
}

// chosen are the steps, and the targets whose tests, are wanted.
type chosen struct {
	steps []*record.Step
	tests []*record.Target
}

// choose finds what a part means: a target, a stage, a step, or a stage or step of
// a target.
func choose(rec *record.Record, part string) (chosen, error) {
	if part == "" {
		return chosen{rec.Steps, rec.Targets}, nil
	}
	if t := rec.Target(part); t != nil {
		return chosen{stepsOf(rec, func(s *record.Step) bool { return slices.Contains(s.Targets, part) }), []*record.Target{t}}, nil
	}
	target, inner, two := strings.Cut(part, "@")
	if !two {
		target, inner = "", part
	} else if rec.Target(target) == nil {
		return chosen{}, unknown(rec, part, target)
	}
	steps := stepsOf(rec, func(s *record.Step) bool {
		return (!two || slices.Contains(s.Targets, target)) && isPart(s, inner)
	})
	if len(steps) == 0 {
		return chosen{}, unknown(rec, part, inner)
	}
	return chosen{steps: steps}, nil
}

func stepsOf(rec *record.Record, want func(*record.Step) bool) []*record.Step {
	var out []*record.Step
	for _, s := range rec.Steps {
		if want(s) {
			out = append(out, s)
		}
	}
	return out
}

// isPart says whether a step is the one of that name, or of the stage.
func isPart(s *record.Step, name string) bool {
	if number, ok := strings.CutPrefix(name, "#"); ok {
		n, err := strconv.Atoi(number)
		return err == nil && n > 0 && n == s.Number
	}
	return name == s.Label || name == s.Stage && name != "" || name == s.Name
}

// unknown says that a run has no such part, and what it has.
func unknown(rec *record.Record, part, name string) error {
	var names []string
	for _, t := range rec.Targets {
		names = append(names, t.Name)
	}
	for _, s := range rec.Steps {
		names = append(names, s.Stage, s.Label)
	}
	text := fmt.Sprintf("the run %s has no target, stage or step %q", rec.ID, part)
	if like := suggest.Name(name, names); like != "" {
		return fmt.Errorf("%s. Did you mean %q?", text, like)
	}
	return errors.New(text)
}

// Nothing says that a run has no such output.
func (c Choice) Nothing(run string) string {
	switch {
	case c.Failed && c.Part != "":
		return fmt.Sprintf("Nothing of %s failed in the run %s.", c.Part, run)
	case c.Failed:
		return fmt.Sprintf("No step and no test failed in the run %s.", run)
	case c.Part != "":
		return fmt.Sprintf("There is no output of %s in the run %s: a step that is cached prints nothing.", c.Part, run)
	}
	return fmt.Sprintf("No step of the run %s printed anything.", run)
}

// IDs are the names of the runs of a store, for completion.
func IDs(store record.Store) []string {
	var out []string
	for _, r := range List(store, 0) {
		out = append(out, r.ID+"\t"+termtext.Line(r.result()))
	}
	return out
}

// Parts are the names of what a run has logs of, for completion.
func Parts(k record.Kept) []string {
	rec, err := k.Record()
	if err != nil {
		return nil
	}
	var out []string
	for _, t := range rec.Targets {
		out = append(out, t.Name+"\ttarget, "+t.State.String())
	}
	seen := map[string]bool{}
	for _, s := range rec.Steps {
		if s.Label != "" && s.Log != "" && !seen[s.Label] {
			seen[s.Label] = true
			out = append(out, s.Label+"\t"+termtext.Clip(termtext.Line(s.Name), 60))
		}
	}
	return out
}

// Title names a part.
func (p *Part) Title() string {
	if p.Label == "" {
		return p.Name
	}
	return fmt.Sprintf("[%s] %s", p.Label, p.Name)
}

// Print prints logs. Of a single part only its output is printed.
func (l *Logs) Print(w io.Writer, alone bool) error {
	var b bytes.Buffer
	for i, p := range l.Parts {
		if !alone || len(l.Parts) > 1 {
			if i > 0 {
				b.WriteByte('\n')
			}
			number := ""
			if p.Number > 0 {
				number = fmt.Sprintf("#%d ", p.Number)
			}
			fmt.Fprintf(&b, "── %s%s: %s, %s", number, termtext.Line(p.Title()), p.State, seconds(p.Seconds))
			if len(p.Targets) > 0 {
				fmt.Fprintf(&b, " (%s)", termtext.Line(some(p.Targets, 3)))
			}
			b.WriteByte('\n')
		}
		for _, line := range p.Lines {
			b.WriteString(line + "\n")
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}
