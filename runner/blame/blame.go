// Package blame says where a build failed, and why, in the words of its
// Dockerfile: the line of a step for which the builder names none, the stage
// that a missing file was to come from, the stage that a misspelt FROM may have
// meant, and what a program that cannot be executed lacks. It works on what is
// known of a failure already.
//
// It knows neither the builder's wire format nor the network; whether a machine
// cannot be reached is the business of internal/netfault.
package blame

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/moby/buildkit/util/suggest"

	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/dockerfile"
	"github.com/orch-build/orch/runner"
)

// pad is how many lines around a failed instruction are shown.
const pad = 3

// Excerpt cuts the lines from first to last out of a file, with some around
// them.
func Excerpt(data []byte, first, last int) []runner.ExcerptLine {
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	var out []runner.ExcerptLine
	for n := max(1, first-pad); n <= min(len(lines), last+pad); n++ {
		out = append(out, runner.ExcerptLine{
			Number: n, Text: strings.TrimRight(lines[n-1], "\r"), Marked: n >= first && n <= last,
		})
	}
	return out
}

// Locate fills in where a stage's step is written that is the nth, of so many, and
// is shown with a text. The builder says it of most steps, but not of an ADD that
// fetches.
func Locate(f *runner.Failure, v *planner.Vertex, nth, of int, text string) {
	if f.File != "" || v == nil || v.Dockerfile == nil || nth < 1 || nth > len(v.Steps) || of != len(v.Steps) {
		return
	}
	at := stepShown(v.Steps, nth, text).Range
	f.File, f.Line = v.Dockerfile.Name, at.Start.Line
	f.Excerpt = Excerpt(v.Dockerfile.Data, at.Start.Line, max(at.Start.Line, lastLine(at)))
}

// stepShown is the step that is shown as the nth. Of a FROM that names a context
// BuildKit counts one step more than it numbers, so that the numbers of the others
// are too low by one: what is shown of the step tells.
func stepShown(steps []planner.Step, nth int, text string) planner.Step {
	shown := strings.Fields(text)
	alike := func(s planner.Step) int {
		words := strings.Fields(s.Text)
		switch {
		case slices.Equal(words, shown):
			return 2
		case len(words) > 0 && len(shown) > 0 && strings.EqualFold(words[0], shown[0]):
			return 1 // variables are shown with their values
		}
		return 0
	}
	if nth < len(steps) && alike(steps[nth]) > alike(steps[nth-1]) {
		return steps[nth]
	}
	return steps[nth-1]
}

// lastLine is the last line that a range has anything of.
func lastLine(at hcl.Range) int {
	if at.End.Column == 1 && at.End.Line > at.Start.Line {
		return at.End.Line - 1
	}
	return at.End.Line
}

// missingFile matches how BuildKit says that a COPY names a file that is not
// there.
var missingFile = lazyregexp.New(`(?:failed to compute cache key: )?failed to calculate checksum of ref \S+: "([^"]*)": not found`)

// missingSource matches the same of a builder that has not looked for the file
// before the step: it does not where the step also starts from, or writes to, what
// the file is taken from. perhapsMissing matches what may be about another file as
// well: the one that is copied to, or one of the builder's own.
var (
	missingSource  = lazyregexp.New(`\blstat (/[^\n]*): no such file or directory$`)
	perhapsMissing = lazyregexp.New(`(?:\blstat|process "[^\n]*" did not complete successfully: open) (/[^\n]*): (?:no such file or directory|not a directory)$`)
)

// said is an error in other words.
type said struct {
	error
	text string
}

func (e *said) Error() string { return e.text }
func (e *said) Unwrap() error { return e.error }

// Plain puts what is known of an error into plain words: without the layers
// that remote calls put around it, and without a name that is said twice.
func Plain(text string) string {
	text = missingFile.ReplaceAllString(text, `"$1" is not there, or an ignore file leaves it out`)
	for _, layer := range []string{
		"failed to run Build function: ", "failed to solve: ", "rpc error: code = Unknown desc = ", "failed to load cache key: ",
	} {
		text = strings.ReplaceAll(text, layer, "")
	}
	for {
		name, rest, ok := strings.Cut(text, ": ")
		if !ok || !strings.HasPrefix(rest, name+": ") {
			return text
		}
		text = rest
	}
}

// Missing says of a file that is not there from where it was to be taken, in a build
// of which v is the stage that failed. Only what comes from a folder of the client may
// be left out by an ignore file.
func Missing(f *runner.Failure, v *planner.Vertex, b *planner.Build) {
	text := f.Err.Error()
	found, named := missingFile.FindStringSubmatchIndex(text), false
	if found == nil {
		found = missingSource.FindStringSubmatchIndex(text)
	}
	if found == nil {
		found, named = perhapsMissing.FindStringSubmatchIndex(text), true
	}
	if found == nil {
		return
	}
	path := text[found[2]:found[3]]
	from := takenFrom(v, f.Line, path, named)
	what := fmt.Sprintf("%q is not there", path)
	switch {
	case from == nil && !named && fetchesAll(b):
		f.Err = &said{f.Err, text[:found[0]] + what + text[found[1]:]}
		return
	case from == nil:
		return
	}
	switch from.Kind {
	case planner.Stage, planner.Opaque:
		what = fmt.Sprintf("%q is not there in stage %s", path, from.Name)
		if linked := linkedTo(b, f.Line, from); linked != nil {
			what += " of target " + linked.Name()
		}
	case planner.Image:
		what = fmt.Sprintf("%q is not there in the image %s", path, from.Name)
	case planner.RemoteContext:
		what = fmt.Sprintf("%q is not there in %s", path, from.Name)
	case planner.LocalContext:
		what = fmt.Sprintf("%q is not there in the context %s, or an ignore file leaves it out", path, from.Name)
	}
	f.Err = &said{f.Err, text[:found[0]] + what + text[found[1]:]}
}

// fetchesAll says whether a build has no folder of the client: what is fetched is read
// without ignore files.
func fetchesAll(b *planner.Build) bool {
	return b != nil && b.Context == nil && len(b.Contexts) == 0
}

// linkedTo is the linked target that an instruction at a line takes a stage from, or
// nil: its Dockerfile may have a stage of that name as well, even the very same.
func linkedTo(b *planner.Build, line int, stage *planner.Vertex) *planner.Build {
	if b == nil || b.Parsed == nil {
		return nil
	}
	for _, name := range namesAt(b.Parsed.File, line) {
		for i, st := range b.Parsed.Stages {
			own := strings.EqualFold(st.Name, name) || strconv.Itoa(i) == name
			if own && slices.Contains(stage.Names, st.Shown()) && b.Target.Contexts[st.Name].Raw == "" {
				return nil
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.Links)) {
		if linked := b.Links[name]; slices.Contains(linked.Stages, stage) {
			return linked
		}
	}
	return nil
}

// namesAt are the names that an instruction at a line takes files from.
func namesAt(file *dockerfile.File, line int) []string {
	var names []string
	for _, st := range file.Stages {
		for _, k := range st.Cmds {
			if line < k.First || line > k.Last {
				continue
			}
			for _, from := range k.Froms {
				names = append(names, from.Name)
			}
		}
	}
	return names
}

// takenFrom is what an instruction at a line takes a path from; nil if that is
// not certain. named says that the instruction has to name the very path.
func takenFrom(v *planner.Vertex, line int, path string, named bool) *planner.Vertex {
	if v == nil {
		return nil
	}
	var at, exact []*planner.Vertex
	for _, e := range v.Inputs {
		if e.Why == planner.Base || line < e.Range.Start.Line || line > max(e.Range.Start.Line, lastLine(e.Range)) {
			continue
		}
		at = append(at, e.From)
		if slices.ContainsFunc(e.Paths, func(p string) bool { return strings.Trim(p, "/") == strings.Trim(path, "/") }) {
			exact = append(exact, e.From)
		}
	}
	lists := [][]*planner.Vertex{exact, at}
	if named {
		lists = lists[:1]
	}
	for _, list := range lists {
		if len(list) > 0 && !slices.ContainsFunc(list, func(o *planner.Vertex) bool { return o != list[0] }) {
			return list[0]
		}
	}
	return nil
}

// builderHint is how BuildKit offers another name. It knows only the stages that
// it was handed, which may be the misspelt one alone.
var builderHint = lazyregexp.New(` \(did you mean [^()]*\?\)$`)

// Suggest offers the stage, or the named context, that a FROM or a COPY --from
// may have meant where the image that it names cannot be had.
func Suggest(f *runner.Failure, b *planner.Build) {
	text := builderHint.ReplaceAllString(f.Err.Error(), "")
	name, _, ok := strings.Cut(text, ": ")
	if ok && b != nil && f.Line > 0 {
		known := b.StagesBefore(f.Line)
		for context := range b.Target.Contexts {
			known = append(known, context)
		}
		slices.Sort(known)
		if match, found := suggest.Search(name, known, true); found {
			text += fmt.Sprintf(" (did you mean %s?)", match)
		}
	}
	if text != f.Err.Error() {
		f.Err = &said{f.Err, text}
	}
}

// noDockerfile matches how BuildKit says that a fetched context has no such Dockerfile.
var noDockerfile = lazyregexp.New(`failed to read dockerfile: open ([^\n]+): no such file or directory$`)

// Fetched says where the context is written that the builder fetches for its
// Dockerfile, if it could not be had or has no such file.
func Fetched(f *runner.Failure, b *planner.Build) {
	if b == nil || b.Dockerfile != nil || f.File != "" {
		return
	}
	text := f.Err.Error()
	m := noDockerfile.FindStringSubmatch(text)
	if m == nil && !strings.HasPrefix(text, "fetching ") {
		return
	}
	at := planner.ContextRange(b.Target, "context")
	f.File, f.Line = at.Filename, at.Start.Line
	if m != nil {
		f.Fault, f.Reason = runner.FaultUser, fmt.Sprintf("the context that is fetched has no file %s: see the attribute \"dockerfile\"", m[1])
	}
}

// noProgram matches what runc says of a program that an image does not have.
var noProgram = lazyregexp.New(`exec: "(/[^"]*)": stat \S+: no such file or directory|exec: "([^"]*)": executable file not found`)

// wrongFormat matches what the kernel says, through runc or a shell, of a
// program that is none for it.
var wrongFormat = lazyregexp.New(`(?i)\bexec format error\b`)

// shells are what the shell form of RUN asks for.
var shells = []string{"/bin/sh", "/bin/bash", "/bin/ash", "sh", "bash"}

// lastLines is how far from the end of its output a step says why it failed.
const lastLines = 3

// Program says why a program of a step could not be executed, as the end of a
// sentence and whether the builder is at fault for it; "" if that is not what
// happened. platform is what the step runs on, and can are the platforms that the
// builder has programs for or emulates, its own first.
func Program(log []string, platform string, can []string) (reason string, builder bool) {
	name, wrong := unexecuted(log)
	switch {
	case slices.Contains(shells, name):
		return "the image has no shell (" + name + "): write RUN [\"program\", \"argument\"], or start from an image that has one", false
	case name != "":
		return noSuch(name), false
	case !wrong:
		return "", false
	}
	if text := Emulation(platform, can); text != "" {
		return text, true
	}
	return otherFormat("step", platform), false
}

// Command is Program for the command of a test.
func Command(log []string, platform string, can []string) (reason string, builder bool) {
	name, wrong := unexecuted(log)
	switch {
	case name != "":
		return noSuch(name), false
	case !wrong:
		return "", false
	case emulated(platform, can):
		return otherFormat("test", platform), false
	}
	return noEmulation(platform, can) + ": " + handlers + ", or use a builder for that platform", true
}

// unexecuted finds in the end of an output that a program is not there, with its
// name, or that it is none for the machine.
func unexecuted(log []string) (name string, wrong bool) {
	for _, line := range log[max(0, len(log)-lastLines):] {
		if m := noProgram.FindStringSubmatch(line); m != nil {
			return m[1] + m[2], false
		}
		if wrongFormat.MatchString(line) {
			return "", true
		}
	}
	return "", false
}

func noSuch(program string) string { return "there is no " + program + " in the image" }

// otherFormat says of a program on a platform that can be run what else may be
// wrong with it.
func otherFormat(what, platform string) string {
	if platform == "" {
		return "the program is one for another platform, or a script without #! in its first line"
	}
	return "the program is not one for " + platform + ", which the " + what + " runs on, or a script without #! in its first line"
}

// Emulation says that a builder cannot run programs of steps for a platform, and what
// to do; "" if it can, or if that is not known. can are the platforms that it has
// programs for or emulates, its own first.
func Emulation(platform string, can []string) string {
	if emulated(platform, can) {
		return ""
	}
	return noEmulation(platform, can) + ": " + handlers +
		", use a builder for that platform, or write FROM --platform=$BUILDPLATFORM for a stage that only prepares files"
}

// emulated says whether a builder can run programs for a platform, as far as that
// is known.
func emulated(platform string, can []string) bool {
	same := func(p string) bool { return architecture(p) == architecture(platform) }
	return platform == "" || len(can) == 0 || slices.ContainsFunc(can, same)
}

func noEmulation(platform string, can []string) string {
	return fmt.Sprintf("this builder, a %s machine, cannot run %s programs, as it has no emulation for them", can[0], platform)
}

// handlers is what a machine needs for programs of others.
const handlers = "install binfmt handlers there (such as qemu-user-static)"

// architecture is a platform without its variant.
func architecture(platform string) string {
	parts := strings.SplitN(platform, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}
