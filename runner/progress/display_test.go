package progress

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// TestDisplays plays the events of each file in testdata, in virtual time, and
// compares what every display shows of them. A line of the events is one of
//
//	targets NAME...            the targets of the run, in front of all else
//	start ID TITLE             a step begins; "internal" in front of its ID for
//	                           one of the builder's own
//	print ID TEXT              as in Go, without the quotes
//	sent ID BYTES              it was sent so much
//	done|cached ID TOOK        it ends
//	failed ID TOOK ERROR
//	ends TARGET ID...          the steps that a target ends in
//	state TARGET STATE [TOOK] [CAUSE]
//	again TARGET REASON        it is tried again
//	warn FILE LINE TEXT        FILE is - if it is not known
//	raw JSON                   a message of the builder
//	wait TIME
func TestDisplays(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no files: ", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			events := ""
			for i, f := range archive.Files {
				if f.Name == "events" {
					events = string(f.Data)
					continue
				}
				got := show(t, f.Name, events)
				if *update {
					archive.Files[i].Data = []byte(got)
				} else if got != string(f.Data) {
					t.Errorf("%s:\n%s\nwant\n%s", f.Name, got, f.Data)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// displays are the options of the displays, by their names in testdata.
var displays = map[string]Options{
	"plain":   {Mode: "auto"},
	"github":  {Mode: "plain", Groups: GitHub},
	"gitlab":  {Mode: "plain", Groups: GitLab},
	"rawjson": {Mode: "rawjson"},
	"quiet":   {Mode: "quiet"},
	"tty":     {Mode: "auto", Terminal: &Terminal{Size: func() (int, int) { return 60, 10 }}},
	"color":   {Mode: "tty", Terminal: &Terminal{Size: func() (int, int) { return 60, 10 }, Color: true}},
}

// show is what a display shows of events. An escape is
// written as ␛, a return as ␍, and an end within a line as ␄.
func show(t *testing.T, display, events string) string {
	t.Helper()
	opt, ok := displays[display]
	if !ok {
		t.Fatalf("there is no display %q", display)
	}
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		first, rest, _ := strings.Cut(events, "\n")
		names := strings.Fields(first)[1:]
		opt.Out, opt.Several = &out, len(names) > 1
		opt.Mask = func(s string) string { return strings.ReplaceAll(s, "s3cret", "***") }
		d, err := New(opt)
		if err != nil {
			t.Fatal(err)
		}
		p := newScript(d, names)
		for i, line := range strings.Split(strings.TrimSpace(rest), "\n") {
			if err := p.play(line); err != nil {
				t.Fatalf("line %d, %q: %v", i+2, line, err)
			}
		}
		synctest.Wait()
		d.Close()
	})
	text := strings.NewReplacer("\x1b", "␛", "\r", "␍").Replace(out.String())
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "␄\n"
	}
	return text
}

// script sends the events of a file.
type script struct {
	display *Display
	report  *runner.Report
	steps   map[string]*runner.Step
}

func newScript(d *Display, targets []string) *script {
	s := &script{display: d, report: &runner.Report{Started: time.Now()}, steps: map[string]*runner.Step{}}
	for _, name := range targets {
		name, inputs, _ := strings.Cut(name, ":")
		b := &planner.Build{Target: &config.Target{Name: name}}
		for _, t := range s.report.Targets {
			if slices.Contains(strings.Split(inputs, ","), t.Name()) {
				b.Inputs = append(b.Inputs, t.Build)
			}
		}
		s.report.Targets = append(s.report.Targets, &runner.TargetReport{Build: b})
	}
	return s
}

// change returns the step as it is from now on.
func (s *script) change(id string) *runner.Step {
	step := runner.Step{ID: id, Number: len(s.steps) + 1}
	if known := s.steps[id]; known != nil {
		step = *known
	}
	s.steps[id] = &step
	return &step
}

func (s *script) target(name string) (*runner.TargetReport, error) {
	for _, t := range s.report.Targets {
		if t.Name() == name {
			return t, nil
		}
	}
	return nil, fmt.Errorf("there is no target %q", name)
}

func (s *script) play(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "start", "print", "sent", "done", "cached", "failed":
		return s.step(word, rest)
	case "state", "again":
		return s.state(word, rest)
	case "ends":
		words := strings.Fields(rest)
		s.display.Event(runner.TargetSteps{Target: words[0], Steps: words[1:]})
	case "warn":
		words := strings.SplitN(rest, " ", 3)
		n, err := strconv.Atoi(words[1])
		s.display.Event(runner.Warning{File: strings.Trim(words[0], "-"), Line: n, Text: words[2]})
		return err
	case "raw":
		s.display.Event(runner.Raw{Record: json.RawMessage(rest)})
	case "wait":
		d, err := time.ParseDuration(rest)
		time.Sleep(d)
		return err
	case "#", "":
	default:
		return errors.New("unknown word")
	}
	return nil
}

func (s *script) step(word, rest string) error {
	rest, internal := strings.CutPrefix(rest, "internal ")
	id, rest, _ := strings.Cut(rest, " ")
	step := s.change(id)
	switch word {
	case "start":
		step.Title, step.Internal, step.Began, step.Started = rest, internal, time.Now(), time.Now()
		if inside, text, ok := strings.Cut(strings.TrimPrefix(rest, "["), "] "); ok {
			names, label, _ := strings.Cut(inside, ": ")
			step.Targets, step.Label, step.Text = strings.Split(names, "+"), label, text
		}
		s.display.Event(runner.StepStarted{Step: step})
	case "print":
		text, err := strconv.Unquote(`"` + rest + `"`)
		s.display.Event(runner.StepOutput{ID: id, Data: []byte(text)})
		return err
	case "sent":
		n, err := strconv.ParseInt(rest, 10, 64)
		step.Transfer.Sent = n
		s.display.Event(runner.StepChanged{Step: step})
		return err
	default:
		took, failed, _ := strings.Cut(rest, " ")
		d, err := time.ParseDuration(took)
		step.Took, step.Done, step.Cached, step.Error = d, true, word == "cached", failed
		s.display.Event(runner.StepFinished{Step: step})
		return err
	}
	return nil
}

// state changes the state of a target.
func (s *script) state(word, rest string) error {
	name, rest, _ := strings.Cut(rest, " ")
	t, err := s.target(name)
	if err != nil {
		return err
	}
	if word == "again" {
		t.State = runner.Waiting
		t.Attempts = []runner.Attempt{{Err: &runner.Failure{Reason: rest}}}
		s.display.Changed(s.report, t)
		return nil
	}
	words := strings.Fields(rest)
	if err := t.State.UnmarshalText([]byte(words[0])); err != nil {
		return err
	}
	switch {
	case t.State == runner.Blocked:
		t.Cause = words[1]
	case t.State == runner.Failed:
		t.Err = &runner.Failure{File: "Dockerfile", Line: 18, Log: []string{"cc x.c", "x.c:42: error"}, Err: errors.New("exit code: 2")}
	case len(words) > 1:
		if t.Took, err = time.ParseDuration(words[1]); err != nil {
			return err
		}
	}
	s.display.Changed(s.report, t)
	return nil
}

// TestNewErrors refuses what is not a mode, and a terminal where there is none.
func TestNewErrors(t *testing.T) {
	for _, mode := range []string{"tty", "loud"} {
		if _, err := New(Options{Mode: mode, Out: &bytes.Buffer{}}); err == nil {
			t.Errorf("the mode %q was accepted", mode)
		}
	}
}

// TestClosed drops what comes when the display is closed.
func TestClosed(t *testing.T) {
	var out bytes.Buffer
	d, err := New(Options{Mode: "plain", Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	for range 2 * cap(d.in) {
		d.Event(runner.StepStarted{Step: &runner.Step{ID: "1", Title: "late"}})
	}
	d.Close()
	if out.Len() > 0 {
		t.Errorf("shown: %s", out.String())
	}
}

// TestWhyFailed holds that the terminal says at once why a target failed.
func TestWhyFailed(t *testing.T) {
	place := runner.Failure{File: "Dockerfile", Line: 18, Reason: "the step ended with exit code 2", Err: errors.New("exit code: 2")}
	output := place
	output.Log = []string{"cc x.c", "x.c:42: error"}
	coded := output
	coded.ExitCode, coded.Log = 2, append(coded.Log, "", " ")
	for want, err := range map[string]error{
		"  Dockerfile:18  x.c:42: error":                   &output,
		"  Dockerfile:18  the step ended with exit code 2": &place,
		" failed  exit code: 2":                            &runner.Failure{ExitCode: -1, Err: errors.New("exit code: 2")},
		" failed":                                          errors.New("something"),
		"  Dockerfile:18  exit 2: x.c:42: error":           &coded,
	} {
		if got := whyFailed(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestNarrowLines holds that what a line has no room for is left out whole, and that what
// a step prints is worth more than the name of its stage.
func TestNarrowLines(t *testing.T) {
	b := newBoard()
	b.counts[runner.Done], b.counts[runner.Running] = 16, 284
	b.stages = 301
	for width, want := range map[int]string{
		80: "[+] 20.8s  16/300 targets, 0/301 stages",
		34: "[+] 20.8s  16/300 targets",
	} {
		if got := b.status(20800*time.Millisecond, 0, width); got != want {
			t.Errorf("%d columns: %q, want %q", width, got, want)
		}
	}
	for whose, want := range map[string]string{
		"[service-195: stage-1 2/2] ":          "[service-195 2/2] ",
		"[app, web linux/arm64: build 12/13] ": "[app, web linux/arm64 12/13] ",
		"[internal] ":                          "[internal] ",
		"[app: build] ":                        "[app: build] ",
	} {
		if got := withoutStage(whose); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for whose, want := range map[string]string{
		"[service-195 2/2] ":                 "[service-195 2/2] ",
		"[very-long-name-of-a-service 1/1] ": "[very-long-… 1/1] ",
		"[日本語の名前がついたサービス 1/1] ":              "[日本語の名… 1/1] ",
		"[internal-and-more] ":               "[internal-and-more] ",
	} {
		if got := shorter(whose, 18); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := shorter("[very-long-name 1/1] ", 5); got != "[very-lon… 1/1] " {
		t.Errorf("a name is cut to nothing: %q", got)
	}
}

func TestNoteLines(t *testing.T) {
	for note, want := range map[string]string{
		"The page is /tmp/x":               "The page|is /tmp/x",
		"The page is /var/lib/orch/r.html": "The page|is|/var/lib/|orch/r.ht|ml",
		"日本語日本語":                           "日本語日|本語",
		"":                                 "",
	} {
		if got := strings.Join(noteLines(note, 9), "|"); got != want {
			t.Errorf("%q: %q, want %q", note, got, want)
		}
	}
}
