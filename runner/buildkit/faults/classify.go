// Package faults says whose fault a failure of a build is, and whether another try
// may go better: from the exit code and the output of a step, or from what an
// error says. It does not know the run, and tries nothing again.
package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"

	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/internal/limits"
	"github.com/orch-build/orch/internal/netfault"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/blame"
)

// ErrOtherDefinition is why a result is not exported.
var ErrOtherDefinition = errors.New("the builder's frontend made something else for the export than what was run and tested")

// class is one kind of failure, known by what its message says: of what went
// wrong on the builder's side only the text arrives here. The first class that
// matches counts.
type class struct {
	match     *lazyregexp.Regexp
	fault     runner.Fault
	transient bool
	lost      bool
	full      bool
	pause     time.Duration // before the next try, at the least
	reason    string
}

// tooOftenPause is how long a server is left alone at the least that was asked
// too often. For how long it wants to be left alone it says in a header, which
// the embedded builder obeys; of other builders only the text of the error
// arrives, which may say nothing of it.
const tooOftenPause = 5 * time.Second

// troubles lists what is said where the builder, or a server that was reached,
// is out of order. The texts are those of Go's net and http packages, of gRPC,
// and of containerd's registry client.
var troubles = sync.OnceValue(func() []class {
	re := lazyregexp.New
	const infra = runner.FaultInfrastructure
	return []class{
		{match: re(`no space left on device|disk quota exceeded`), fault: infra, full: true, reason: "a disk is full"},
		{match: re(`error reading from server|transport is closing|client connection is closing|transport: [Ee]rror while dialing|` +
			`connection error: desc|keepalive ping failed|no such job|no active session|closing transport|` +
			`graceful_stop|the connection is draining|server is shutting down`),
			fault: infra, transient: true, lost: true, reason: "the connection to the builder was lost"},
		{match: re(`(?:[Ss]tatus|[Rr]esponse|HTTP|[Cc]ode)[^\n/,;]{0,60}\b429\b|[Tt]oo [Mm]any [Rr]equests|toomanyrequests`), fault: infra, transient: true,
			pause: tooOftenPause, reason: "a server was asked too often (429)"},
		{match: re(`\b5\d\d (?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out)|unexpected status[^\n]*\b5\d\d\b`),
			fault: infra, transient: true, reason: "a server is out of order (5xx)"},
		{match: re(`connection reset by peer|broken pipe|use of closed network connection|server sent GOAWAY|stream error: stream ID`),
			fault: infra, transient: true, reason: "a transfer was cut off"},
		{match: re(`unexpected EOF|: EOF$|: EOF[^a-zA-Z]|failed size validation|unexpected commit (?:digest|size)|short read|expected \d+ bytes, got`),
			fault: infra, transient: true, reason: "a transfer was incomplete, or not what was promised"},
		// A builder that was killed at the wrong moment fails so once, and then no more.
		{match: re(`failed to prepare \S* ?as \S+: |failed to rename: rename \S+/snapshots/`), fault: infra, transient: true,
			reason: "the builder could not make the folder of a layer"},
	}
})

// answers lists what is said where a server, or the kernel, has answered, but not
// with what was asked for, or not in time.
var answers = sync.OnceValue(func() []class {
	re := lazyregexp.New
	const infra, user = runner.FaultInfrastructure, runner.FaultUser
	return []class{
		{match: re(`i/o timeout|deadline exceeded`), fault: infra, transient: true, reason: "a server did not answer in time"},
		{match: re(`mount source: "overlay"[^\n]*(?:\d+/fs:){100}[^\n]*err: `), fault: user,
			reason: "the image has more layers than the builder's file system can stack: about 500; join some of its instructions"},
		{match: re(`401 Unauthorized|403 Forbidden|insufficient_scope|authorization failed|access denied|denied: `), fault: user,
			reason: "a registry refuses: check the name, and the credentials (docker login)"},
		{match: re(`failed to calculate checksum of ref`), fault: user},
		{match: re(`does not match expected commit \S+ and commit can ?not be found`), fault: infra, transient: true,
			reason: "a branch or tag of a git repository was moved after it was looked up, and the commit that it named is gone"},
		{match: re(`repository does not contain ref`), fault: user, reason: "the git repository has no such branch, tag or commit"},
		{match: re(`upload-pack: not our ref`), fault: user, reason: "the git repository no longer has that commit, or never had it"},
		{match: re(`fatal: repository '[^'\n]*' not found`), fault: user,
			reason: "the server has no such git repository, or does not show it without credentials: check the URL"},
		{match: re(`404 Not Found|: not found$|failed to resolve source metadata`), fault: user, reason: "something that is named is not there"},
	}
})

// Step says whose fault it is that a step ended with an exit code.
// platform is what the step ran on, can what the builder can run; offline says
// that the step had no network by its definition.
func Step(f *runner.Failure, platform string, can []string, offline bool) {
	f.Fault, f.Reason = runner.FaultUser, exitReason(f.ExitCode)
	if f.ExitCode == 0 || len(f.Log) == 0 {
		return
	}
	last := f.Log[len(f.Log)-1]
	if f.ExitCode == 1 && uncontained.MatchString(last) {
		f.Fault, f.Reason = runner.FaultInfrastructure, "the builder could not make the step's container"
		return
	}
	if slices.ContainsFunc(f.Log[max(0, len(f.Log)-diskLines):], saysDiskFull) {
		f.Fault, f.DiskFull = runner.FaultInfrastructure, true
		f.Reason += ": a disk is full"
		return
	}
	if reason, builder := blame.Program(f.Log, platform, can); reason != "" {
		f.Reason += ": " + reason
		if builder {
			f.Fault = runner.FaultInfrastructure
		}
		return
	}
	end := strings.Join(f.Log[max(0, len(f.Log)-netLines):], "\n")
	if net, ok := netfault.InText(end); ok && !offline {
		f.Reason += ": " + net.Reason
		if !net.Local() { // what does not listen inside of the step is part of what is built
			f.Fault = runner.FaultInfrastructure
		}
	}
}

// diskLines is how far from the end of its output a step that failed says that a disk
// is full.
const diskLines = 20

// netLines is how far from the end of its output a step that failed says that
// the network did not work.
const netLines = 5

// applyClass fills in what the first class that matches says of a failure.
func applyClass(f *runner.Failure, classes []class) bool {
	text := f.Err.Error()
	for _, c := range classes {
		if c.match.MatchString(text) {
			f.Fault, f.Reason, f.Transient, f.Lost, f.DiskFull = c.fault, c.reason, c.transient, c.lost, c.full
			f.RetryAfter = max(retryAfter(text), c.pause)
			return true
		}
	}
	return false
}

// Error says whose fault a failure is and whether it is worth another try.
func Error(f *runner.Failure) {
	if errors.Is(f.Err, ErrOtherDefinition) {
		f.Fault, f.Transient, f.Reason = runner.FaultInfrastructure, true, "the builder came to two results for one target"
		return
	}
	var written *output.Error
	if errors.As(f.Err, &written) && written.Device {
		f.Fault, f.Reason = runner.FaultUser, "the output goes to a device that does not take it, and not to a file: name another dest"
		return
	}
	if output.IsFull(f.Err) {
		f.Fault, f.DiskFull, f.Reason = runner.FaultInfrastructure, true, "a disk is full"
		return
	}
	if reason, ok := limits.Of(f.Err); ok {
		f.Fault, f.Reason = runner.FaultInfrastructure, reason
		return
	}
	var out *output.Error
	if errors.As(f.Err, &out) {
		f.Fault, f.Reason = runner.FaultUser, "an output could not be written"
		return
	}
	if applyClass(f, troubles()) {
		return
	}
	if net, ok := netfault.Of(f.Err); ok {
		f.Fault, f.Reason, f.Transient = runner.FaultInfrastructure, net.Reason, net.Transient
		return
	}
	if applyClass(f, answers()) {
		return
	}
	switch {
	case grpcerrors.Code(f.Err) == codes.Unavailable:
		f.Fault, f.Transient, f.Lost = runner.FaultInfrastructure, true, true
		f.Reason = "the connection to the builder was lost"
	case errors.Is(f.Err, context.DeadlineExceeded):
		f.Fault, f.Transient, f.Reason = runner.FaultInfrastructure, true, "a server did not answer in time"
	case f.File != "" || f.Step != "":
		f.Fault = runner.FaultUser
	}
}

// uncontained finds what runc says as the last line of a step's output if the
// machine did not let it make the container. A program that is not there, which
// it tells in the same form, is the user's matter.
var uncontained = lazyregexp.New(`^runc (?:run|create) failed: [^"]*(?:cgroup|namespace|[Rr]esource temporarily unavailable|cannot allocate memory|too many open files)`)

// saysDiskFull finds in the output of a step what the C library, and so nearly
// every program, says for ENOSPC.
func saysDiskFull(line string) bool {
	return strings.Contains(strings.ToLower(line), "no space left on device")
}

// exitReason puts an exit code into words. A code above 128 is that of a shell
// whose command was killed by a signal; see sh(1).
func exitReason(code int) string {
	text := fmt.Sprintf("the step ended with exit code %d", code)
	switch code {
	case 126:
		text += " (the command could not be executed)"
	case 127:
		text += " (the command was not found)"
	case 137:
		text += " (killed by a signal: most often there was not enough memory)"
	case 139:
		text += " (it crashed: segmentation fault)"
	case 143:
		text += " (it was asked to end)"
	}
	return text
}

var retryAfterText = lazyregexp.New(`(?i)retry[- ]after:? ?([0-9.]+)(µs|us|ms|s|m)?`)

// retryAfter reads how long a server asked to be left alone. The header does
// not reach this side, but many registries say it in the text as well.
func retryAfter(text string) time.Duration {
	m := retryAfterText.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(m[1], "."), 64)
	if err != nil {
		return 0
	}
	unit := time.Second
	switch m[2] {
	case "µs", "us":
		unit = time.Microsecond
	case "ms":
		unit = time.Millisecond
	case "m":
		unit = time.Minute
	}
	return time.Duration(n * float64(unit))
}
