package steps

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/meter"
)

// step is what the builder said of one of its vertices.
type step struct {
	id     digest.Digest
	number int    // in the order of appearance, from 1
	name   string // as the builder has it
	// text is the name without the brackets in front, and label what is in
	// these: the targets and the place in the stage.
	text, label string
	targets     []string
	vertices    []*planner.Vertex // the stages that it is a step of
	test        bool              // it is a test, which is not a step of the report
	announced   bool              // its start has been sent
	sent        *runner.Step      // as it was last sent

	start     time.Time
	end       time.Time
	spent     time.Duration // in intervals that are over
	begun     time.Time     // of the interval that is not
	completed bool
	cached    bool
	runs      bool // it was observed to run, see observe
	failed    string
	log       []byte // the end of the output
	held      map[int][]byte
	logName   string
	logFile   *os.File
	logSize   int64            // of logFile
	source    string           // the scheme of what it reads, if it does nothing else
	fetched   bool             // layers of an image were fetched or unpacked for it
	transfers map[string]int64 // bytes sent to the builder
	moved     map[meter.Movement]int64
}

// isStep reports whether it is a step of a Dockerfile.
func (s *step) isStep() bool {
	_, ok := ParseName(s.name)
	return ok
}

// internal reports whether the step is the builder's own business.
func (s *step) internal() bool {
	return strings.HasPrefix(s.name, "[internal]") || strings.HasPrefix(s.name, "[context ") || s.name == verifying
}

// verifying is the builder's check of a result against its platforms. It makes
// nothing of a result that stands for several targets, and warns of it.
const verifying = "Verifying build result"

// update brings the step up to date with a vertex, which the builder reports
// again and again, also with several intervals. A step whose result was in a cache that
// then could not be read is run after all.
func (s *step) update(v *client.Vertex) {
	s.name = v.Name
	if v.Started != nil && !v.Started.Equal(s.begun) {
		if s.cached && s.failed != "" && !v.Cached {
			s.cached, s.announced = false, false
		}
		s.begun = *v.Started
		s.completed, s.failed = false, ""
		if s.start.IsZero() {
			s.start = *v.Started
		}
	}
	s.cached = s.cached || v.Cached
	if v.Completed != nil && !s.completed && !s.begun.IsZero() {
		s.completed = true
		s.end = *v.Completed
		s.spent += v.Completed.Sub(s.begun)
		s.failed = v.Error
	}
}

// count counts the step. To read a source is not work of a stage: the builder
// looks at each source in every run, and never says that it was cached. Of an
// image it says whether layers were fetched; of git repositories and files
// from the web nothing, but the step that takes from them tells.
func (s *step) count(n *runner.Steps) {
	switch {
	case s.source == "" && !s.cached, s.source != "" && s.fetched:
		n.Run++
	case s.cached, s.source == "docker-image", s.source == "oci-layout":
		n.Cached++
	}
}

// logTail is how many lines of a step's output are kept for a report: as many as its
// page shows, also where the page is made on a machine that has no more of it.
const logTail = 50

// lastLines returns the end of a step's output for a report, without what would
// move the cursor or colour the screen of whoever reads it.
func (s *step) lastLines() []string {
	text := strings.TrimRight(string(s.log), "\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	lines = lines[max(0, len(lines)-logTail):]
	for i, l := range lines {
		lines[i] = termtext.Final(l)
	}
	return lines
}

// maxLog bounds what is kept of the output of one step in memory.
const maxLog = 64 << 10

// keep remembers output of a step, and writes it to the step's log file.
func (s *step) keep(dir string, data []byte) {
	s.log = append(s.log, data...)
	if extra := len(s.log) - maxLog; extra > 0 {
		s.log = s.log[extra:]
	}
	if dir == "" || len(data) == 0 {
		return
	}
	if s.logFile == nil {
		if s.logName == "" {
			s.logName = filepath.Join(dir, fmt.Sprintf("%03d-%s.log", s.number, slug(s.label+" "+s.text)))
		}
		f, err := output.OpenAppend(s.logName, 0o600)
		if err != nil {
			s.logName = ""
			return
		}
		s.logFile = f
	}
	if _, err := s.logFile.Write(data); err != nil {
		s.closeLog()
		return
	}
	if s.logSize += int64(len(data)); s.logSize > maxLogFile {
		s.shorten()
	}
}

// maxLogFile bounds the log file of one step: when it is larger, its beginning
// and its end are kept, keepLogFile bytes of each.
const (
	maxLogFile  = 16 << 20
	keepLogFile = 4 << 20
)

// shorten takes the middle out of the log file. Where that cannot be done, no more
// is written to it.
func (s *step) shorten() {
	s.closeLog()
	size, err := shortenLog(s.logName, keepLogFile)
	if err != nil {
		s.logName = ""
		return
	}
	s.logSize = size
}

// shortenLog leaves so many bytes of the beginning and of the end of a file, in
// whole lines where there are any, with a line between that says so.
func shortenLog(name string, keep int) (size int64, err error) {
	data, err := os.ReadFile(name)
	if err != nil || len(data) <= 2*keep {
		return int64(len(data)), err
	}
	head, tail := data[:keep], data[len(data)-keep:]
	if i := bytes.LastIndexByte(head, '\n'); i > 0 {
		head = head[:i+1]
	}
	if i := bytes.IndexByte(tail, '\n'); i >= 0 && i < len(tail)-1 {
		tail = tail[i+1:]
	}
	note := fmt.Sprintf("[orch: %d bytes of the output are left out here]\n", len(data)-len(head)-len(tail))
	data = slices.Concat(head, []byte(note), tail)
	return int64(len(data)), output.WriteFile(name, data, 0o600)
}

func (s *step) closeLog() {
	if s.logFile != nil {
		s.logFile.Close()
		s.logFile = nil
	}
}

// maxSlug is how much of a step's name its log file has.
const maxSlug = 60

// slug is a file name made of a text.
func slug(text string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(text) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '_' {
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
		} else {
			dash = true
		}
		if b.Len() >= maxSlug {
			break
		}
	}
	if b.Len() == 0 {
		return "step"
	}
	return b.String()
}
