package shard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/termtext"
)

// Formats are the forms in which the shards are printed, as --format names them.
var Formats = []string{"text", "json", "github", "gitlab", "buildkite", "jenkins", "azure"}

// Jobs say how the jobs of a CI system are called and run.
type Jobs struct {
	// Plan is the file of the plan, as the jobs find it.
	Plan string
	// Image and Tags are where the jobs of a child pipeline run: what the job has
	// that makes it, "" and nil if nothing is known.
	Image string
	Tags  []string
}

// Write prints the shards in a form for a CI system.
func (f *File) Write(w io.Writer, format string, jobs Jobs) error {
	var out bytes.Buffer
	var err error
	switch format {
	case "json":
		var data []byte
		data, err = f.Encode()
		out.Write(data)
	case "github":
		err = f.github(&out)
	case "gitlab":
		f.gitlab(&out, jobs)
	case "buildkite":
		f.buildkite(&out, jobs)
	case "jenkins":
		err = f.jenkins(&out)
	case "azure":
		err = f.azure(&out)
	default:
		f.text(&out)
	}
	if err != nil {
		return err
	}
	_, err = w.Write(out.Bytes())
	return err
}

// row is a shard as a matrix has it.
type row struct {
	Shard string `json:"shard"` // as --shard takes it
	Index int    `json:"index"`
	Count int    `json:"count"`
	Name  string `json:"name"`
}

func (f *File) rows() []row {
	rows := []row{}
	for _, s := range f.Shards {
		if len(s.Parts) > 0 {
			rows = append(rows, row{f.number(s.Index), s.Index, len(f.Shards), s.name()})
		}
	}
	return rows
}

// number is a shard as --shard takes it.
func (f *File) number(index int) string { return fmt.Sprintf("%d/%d", index, len(f.Shards)) }

// named is how many targets the name of a job has.
const named = 3

// name says what a shard builds, in a few words.
func (s *Shard) name() string {
	var names []string
	for _, p := range s.Parts[:min(named, len(s.Parts))] {
		names = append(names, p.Text())
	}
	text := strings.Join(names, ", ")
	if n := len(s.Parts) - len(names); n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// github writes the outputs of a step, for $GITHUB_OUTPUT.
func (f *File) github(w io.Writer) error {
	m, err := json.Marshal(map[string]any{"include": f.rows()})
	if err != nil {
		return fmt.Errorf("writing the matrix: %w", err)
	}
	fmt.Fprintf(w, "count=%d\nshards=%d\nwaves=%t\nreason=%s\nmatrix=%s\n", len(f.rows()), len(f.Shards), f.Wave != nil, f.reason(), m)
	return nil
}

// reason is why there is nothing to build, on one line.
func (f *File) reason() string { return strings.Join(strings.Fields(f.Reason), " ") }

// azure writes the outputs of a step as its logging commands.
func (f *File) azure(w io.Writer) error {
	matrix := map[string]map[string]string{}
	for _, r := range f.rows() {
		matrix[fmt.Sprintf("shard_%d", r.Index)] = map[string]string{"shard": r.Shard, "index": strconv.Itoa(r.Index)}
	}
	m, err := json.Marshal(matrix)
	if err != nil {
		return fmt.Errorf("writing the matrix: %w", err)
	}
	for _, v := range [][2]string{{"count", strconv.Itoa(len(matrix))}, {"shards", strconv.Itoa(len(f.Shards))}, {"waves", strconv.FormatBool(f.Wave != nil)}, {"matrix", string(m)}} {
		fmt.Fprintf(w, "##vso[task.setvariable variable=%s;isOutput=true]%s\n", v[0], v[1])
	}
	return nil
}

// jenkins writes what readJSON reads.
func (f *File) jenkins(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(map[string]any{"count": len(f.rows()), "waves": f.Wave != nil, "reason": f.Reason, "shards": f.rows()}); err != nil {
		return fmt.Errorf("writing the shards: %w", err)
	}
	return nil
}

// gitlabLogin writes the credentials of the project's registry to where the docker
// command has them.
const gitlabLogin = `if test -n "$CI_REGISTRY_PASSWORD" && ! test -e ~/.docker/config.json; then mkdir -p ~/.docker; ` +
	`printf '{"auths":{"%s":{"auth":"%s"}}}' "$CI_REGISTRY" "$(printf '%s:%s' "$CI_REGISTRY_USER" "$CI_REGISTRY_PASSWORD" | base64 | tr -d '\n')" >~/.docker/config.json; fi`

// gitlab writes a child pipeline. One without jobs would be refused.
func (f *File) gitlab(w io.Writer, jobs Jobs) {
	fmt.Fprintln(w, "# Made by 'orch plan --shards --format gitlab'.")
	if len(f.rows()) > 0 || jobs.Image != "" || len(jobs.Tags) > 0 {
		fmt.Fprintln(w, "default:")
		if len(f.rows()) > 0 {
			fmt.Fprintf(w, "  before_script:\n    - %s\n", quoted(gitlabLogin))
		}
		if jobs.Image != "" {
			fmt.Fprintf(w, "  image: %s\n", quoted(jobs.Image))
		}
		if len(jobs.Tags) > 0 {
			fmt.Fprintf(w, "  tags: %s\n", quotedList(jobs.Tags))
		}
	}
	rows := f.rows()
	if len(rows) == 0 {
		fmt.Fprintf(w, "nothing to build:\n  variables: { GIT_STRATEGY: none }\n  script:\n    - %s\n", quoted("echo "+shellWord(f.reason())))
		return
	}
	fmt.Fprintln(w, "stages: [shared, shards, merge]")
	job := func(name, stage string, index int, needs ...string) {
		fmt.Fprintf(w, "%s:\n  stage: %s\n  needs:\n    - pipeline: $PARENT_PIPELINE_ID\n      job: plan\n", quoted(name), stage)
		for _, n := range needs {
			fmt.Fprintf(w, "    - job: %s\n", quoted(n))
		}
		fmt.Fprintf(w, "  script:\n    - %s\n", quoted(f.bake(index, jobs)))
		// The plan goes along: "needs" of the merge job would have it start at once.
		fmt.Fprintf(w, "  artifacts: { when: always, paths: %s }\n", quotedList([]string{ResultName(index), jobs.Plan}))
	}
	var needs []string
	if f.Wave != nil {
		needs = []string{"shared stages"}
		job("shared stages", "shared", 0)
	}
	for _, r := range rows {
		job("shard "+r.Shard, "shards", r.Index, needs...)
	}
	fmt.Fprintf(w, "merge:\n  stage: merge\n  when: always\n  script:\n    - %s\n", quoted(jobs.merge()))
	fmt.Fprintln(w, "  artifacts: { when: always, paths: [metadata.json, orch.result.json], reports: { junit: tests.xml } }")
}

// buildkite writes the steps for 'buildkite-agent pipeline upload'.
func (f *File) buildkite(w io.Writer, jobs Jobs) {
	rows := f.rows()
	if len(rows) == 0 {
		fmt.Fprintf(w, "steps:\n  - label: \"orch: nothing to build\"\n    command: %s\n", quoted("echo "+shellWord(f.reason())))
		return
	}
	fmt.Fprintln(w, "steps:")
	var keys []string
	job := func(label string, index int, after ...string) {
		key := fmt.Sprintf("orch-shard-%d", index)
		keys = append(keys, key)
		fmt.Fprintf(w, "  - label: %s\n    key: %s\n", quoted(label), quoted(key))
		if len(after) > 0 {
			fmt.Fprintf(w, "    depends_on: %s\n", quotedList(after))
		}
		fmt.Fprintf(w, "    commands:\n      - %s\n      - %s\n    artifact_paths: %s\n",
			quoted("buildkite-agent artifact download "+shellWord(jobs.Plan)+" ."), quoted(f.bake(index, jobs)), quoted(ResultName(index)))
	}
	var after []string
	if f.Wave != nil {
		job("orch: shared stages", 0)
		after = []string{"orch-shard-0"}
	}
	for _, r := range rows {
		job("orch "+r.Shard+": "+r.Name, r.Index, after...)
	}
	fmt.Fprintf(w, "  - label: \"orch merge\"\n    key: \"orch-merge\"\n    depends_on: %s\n    allow_dependency_failure: true\n", quotedList(keys))
	fmt.Fprintf(w, "    commands:\n      - %s\n      - %s\n      - %s\n    artifact_paths: %s\n",
		quoted("buildkite-agent artifact download "+shellWord(jobs.Plan)+" ."),
		quoted("buildkite-agent artifact download 'orch.result.*.json' ."),
		quoted(jobs.merge()), quoted("*.json;tests.xml"))
}

// merge is the command of the last job. With the plan it can name the targets of a
// shard that left no result.
func (j Jobs) merge() string {
	return "orch merge --plan " + shellWord(j.Plan) + " --metadata-file metadata.json --junit tests.xml orch.result.*.json"
}

// bake is the command of a shard.
func (f *File) bake(index int, jobs Jobs) string {
	return "orch bake --shard " + f.number(index) + " --plan " + shellWord(jobs.Plan)
}

// ResultName is the file that a shard writes its result to.
func ResultName(index int) string { return fmt.Sprintf("orch.result.%d.json", index) }

// text is what people read.
func (f *File) text(w io.Writer) {
	if len(f.rows()) == 0 {
		fmt.Fprintf(w, "Nothing to build: %s.\n", strings.TrimSuffix(f.reason(), "."))
		return
	}
	fmt.Fprintf(w, "%s of %s\n\n", termtext.Count(len(f.rows()), "shard"), termtext.Count(len(f.Targets), "target"))
	if f.Wave != nil {
		fmt.Fprintf(w, "  %-7s %7s  %s\n", f.number(0), duration(f.Wave.Seconds), "the stages that several shards need, into the cache of the lane")
	}
	for _, s := range f.Shards {
		if len(s.Parts) > 0 {
			fmt.Fprintf(w, "  %-7s %7s  %s\n", f.number(s.Index), duration(s.Seconds), s.name())
		}
	}
	if len(f.Shared) > 0 {
		fmt.Fprintf(w, "\nNeeded by several shards:\n\n")
		for _, s := range f.Shared {
			fmt.Fprintf(w, "  %-24s %s\n", s.text(), s.choice())
		}
	}
	e := f.Estimate
	fmt.Fprintf(w, "\nThe longest takes about %s; all in one job %s; no division is shorter than %s.\n", duration(e.Longest), duration(e.Unsharded), duration(e.Bound))
	switch {
	case e.Recorded == 0:
		fmt.Fprintln(w, "No time is recorded, so that these are counted from the steps: --times takes those of earlier runs.")
	case e.Recorded < e.Stages:
		fmt.Fprintf(w, "%d of %s have a recorded time; the others are counted by their steps.\n", e.Recorded, termtext.Count(e.Stages, "stage"))
	}
}

func (s *Shared) text() string {
	name := s.Stage
	if strings.Trim(name, "0123456789") == "" {
		name = "stage " + name
	}
	if s.Platform == "" {
		return name
	}
	return name + " (" + s.Platform + ")"
}

// choice says how the shards come to a stage, and what either way takes.
func (s *Shared) choice() string {
	n := termtext.Count(len(s.Shards), "shard")
	build, read := duration(s.Build), duration(s.Read)
	switch s.How {
	case HowWave:
		return fmt.Sprintf("built once before them (%s), read by %s (%s each)", build, n, read)
	case HowLane:
		return fmt.Sprintf("read from the lane by %s (%s each; to build it takes %s)", n, read, build)
	}
	return fmt.Sprintf("built by %s (%s each; to read it from a lane would take %s)", n, build, read)
}

func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < 10*time.Second {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// quoted is a text in quotes, as YAML and JSON have it.
func quoted(s string) string {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	// A string can be encoded.
	_ = enc.Encode(s)
	return strings.TrimSuffix(out.String(), "\n")
}

func quotedList(list []string) string {
	var out []string
	for _, s := range list {
		out = append(out, quoted(s))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// shellWord is a word as a shell reads it.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
