package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/shlex"
	"golang.org/x/tools/txtar"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/whole"
	"github.com/orch-build/orch/internal/need"
	"github.com/orch-build/orch/internal/scriptproc"
)

// examplesNotRun are the examples of commands that a test cannot run, by what they have in
// common, and why.
var examplesNotRun = []struct {
	lines  *regexp.Regexp
	reason string
}{
	{regexp.MustCompile(`https://|example\.com|version --check`), "it reads what is elsewhere"},
	{regexp.MustCompile(`--push|--record`), "it takes a registry"},
	{regexp.MustCompile(`inspect (fleet|tcp:)|--builders fleet|doctor --builder|--tlscacert`), "it asks builders elsewhere"},
	{regexp.MustCompile(`--driver kubernetes`), "it takes a cluster"},
	{regexp.MustCompile(`--watch|logs -f|^orch lsp`), "it goes on until it is ended"},
	{regexp.MustCompile(`^orch debug|^orch repro`), "it takes a builder that runs steps; the scripts of e2e have it"},
	{regexp.MustCompile(`^orch builder (start|status|stop|logs|du|prune)`), "it is about a builder that runs; the scripts of e2e have it"},
	{regexp.MustCompile(`20261129|'#12'`), "it names a run or a step of somebody"},
	{regexp.MustCompile(`runs import`), "the run is of this machine, and another one's to import"},
	{regexp.MustCompile(`lock --update (alpine|'ghcr)`), "it names what a lock has that is made with a network"},
	{regexp.MustCompile(`\| dot `), "it takes Graphviz"},
}

// examplePreparations are what a page takes for granted, or each line of it.
var examplePreparations = map[string]string{
	"orch affected":    "orch lock && cp orch.lock.hcl old.lock.hcl",
	"orch bake":        "orch bake && orch plan --shards 7 -o shards.json",
	"orch builder":     "orch builder create fleet tcp://a:1234",
	"orch builder use": "orch builder create fleet tcp://a:1234",
	"orch builder rm":  "orch builder create ci tcp://a:1234 && orch builder create --project ci tcp://a:1234",
	"orch bundle pull": "orch bundle -o bundle",
	"orch explain":     "orch bake && echo 3 >VERSION",
	"orch init":        each + "rm -f build.hcl ci/build.hcl",
	"orch logs":        "orch bake",
	"orch merge":       "orch plan --shards 2 -o shards.json && orch bake --shard 1/2 && orch bake --shard 2/2",
	"orch report":      "orch bake",
	"orch runs":        "orch bake",
	"orch runs export": "orch bake",
	"orch schema":      "rm build.hcl",
	"orch plugin rm":   "orch plugin install && orch plugin install --as buildx",
}

const each = "each: "

// TestExamplesRun runs the examples of all commands, with a builder that only pretends,
// in a project that has what they name.
func TestExamplesRun(t *testing.T) {
	for _, program := range []string{"git", "jq"} {
		if _, err := exec.LookPath(program); err != nil {
			need.Missing(t, program)
		}
	}
	archive, err := txtar.ParseFile("testdata/examples.txtar")
	if err != nil {
		t.Fatal(err)
	}
	processes := newProcesses(t)
	project := &snippets{T: t, dir: t.TempDir()}
	for _, f := range archive.Files {
		project.write(f.Name, string(f.Data))
	}
	if out, err := project.shell(append(os.Environ(), "HOME="+t.TempDir()), "sh ./begin"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	used := map[int]bool{}
	for _, cmd := range allCommands(newRootCommand(planning.New(machine.New(cli.OS(), whole.Parts{})), nil)) {
		if !cmd.HasExample() {
			continue
		}
		var lines []string
		for line := range strings.Lines(exampleScript(cmd.Example)) {
			if line = strings.TrimSpace(line); line != "" && !notRun(line, used) {
				lines = append(lines, line)
			}
		}
		t.Run(cmd.CommandPath(), func(t *testing.T) {
			t.Parallel()
			runExamples(t, processes, project.dir, examplePreparations[cmd.CommandPath()], lines)
		})
	}
	for i, not := range examplesNotRun {
		if !used[i] {
			t.Errorf("no example is like %s", not.lines)
		}
	}
}

func notRun(line string, used map[int]bool) bool {
	for i, not := range examplesNotRun {
		if not.lines.MatchString(line) {
			used[i] = true
			return true
		}
	}
	return false
}

// runExamples runs what one page has, in a copy of the project.
func runExamples(t *testing.T, processes *scriptproc.Pool, project, prepare string, lines []string) {
	s := newSnippets(t, page{}, processes)
	dir := s.dir
	s.dir = filepath.Join(dir, "project")
	s.copy(project)
	env := append(os.Environ(), "ORCH_STATE_DIR="+filepath.Join(dir, "state"), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "DOCKER_CONFIG="+dir,
		"NO_COLOR=1", "LC_ALL=C.UTF-8", "FAKE="+filepath.Join(s.dir, "fake.txt"), "GITHUB_OUTPUT="+filepath.Join(dir, "github"))
	run := func(command string) (string, error) {
		words, err := shlex.Split(command)
		if err != nil || len(words) == 0 || words[0] != "orch" || strings.ContainsAny(command, "|&;<>()$`*?[~#\\") {
			return s.shell(env, command)
		}
		return s.run(env, words[1:]...)
	}
	if out, err := run("git update-index -q --refresh"); err != nil { // the copied files are as old as the copy
		t.Fatalf("%v\n%s", err, out)
	}
	before, apart := strings.CutPrefix(prepare, each)
	for i, line := range lines {
		if i == 0 || apart {
			for command := range strings.SplitSeq(before, " && ") {
				if out, err := run(command); err != nil {
					t.Fatalf("%s: %v\n%s", command, err, out)
				}
			}
		}
		if out, err := run(line); err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
}
