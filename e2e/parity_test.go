//go:build linux

package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the goldens of testdata/parity from what bake makes")

// peerEnv names bake's binary. Without it the results are held against the
// goldens, which were made by bake.
const peerEnv = "ORCH_PEER"

// epoch is SOURCE_DATE_EPOCH in these tests, and the time of every file.
const epoch = 1700000000

// parityRun is one run of one program over one project.
type parityRun struct {
	program string // "orch" or "peer"
	project string
	dir     string // a copy of the project
	repo    string // where it pushes to
	git     string // the repository that is served
	http    string // the archive that is served
}

// TestParity builds each project of testdata/parity and holds every image,
// manifest, layer, file and attestation that comes out against what bake
// makes of the same files on the same builder.
func TestParity(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" {
		t.Skip("the goldens are of linux/amd64")
	}
	peer := os.Getenv(peerEnv)
	if *update && peer == "" {
		t.Fatalf("goldens are made by bake: set %s to a buildx binary", peerEnv)
	}
	parts := startParityParts(t)
	projects, err := filepath.Glob("testdata/parity/*/docker-bake.hcl")
	if err != nil || len(projects) == 0 {
		t.Fatalf("no projects: %v", err)
	}
	for _, file := range projects {
		project := filepath.Base(filepath.Dir(file))
		t.Run(project, func(t *testing.T) {
			if peer == "" {
				t.Parallel()
			}
			golden := filepath.Join("testdata/parity", project, "golden.txt")
			if peer != "" {
				made := parts.run(t, "peer", project, peer)
				if *update {
					if err := os.WriteFile(golden, []byte(made), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				compareText(t, "bake and its golden", readText(t, golden), made)
			}
			made := parts.run(t, "orch", project, filepath.Join(shared.bin, "orch"))
			compareText(t, "orch and bake", readText(t, golden), made)
		})
	}
}

// run builds a project and returns the summary of what came out.
func (p *parityParts) run(t *testing.T, program, project, binary string) string {
	t.Helper()
	r := &parityRun{
		program: program, project: project,
		dir:  filepath.Join(t.TempDir(), program),
		repo: shared.registry + "/" + program + "/" + project,
		git:  p.git, http: p.http,
	}
	copyProject(t, filepath.Join("testdata/parity", project), r.dir)
	args := []string{
		"bake", "--progress", "plain", "--metadata-file", "metadata.json",
		"--allow", "fs=*", "--allow", "ssh", "--allow", "network.host", "--allow", "buildx.local.delete", "--allow", "security.insecure",
	}
	if program == "peer" {
		args = append(args, "--builder", p.peerBuilder(t, project, binary))
	} else {
		// Tags that move together are not in the subjects of attestations.
		args = append(args, "--publish=each")
	}
	cmd := exec.Command(binary, args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Env = append(cmd.Env, "REPO="+r.repo, "PWD="+r.dir, "BUILDX_METADATA_PROVENANCE=disabled")
	if project == factsProject {
		cmd.Env = append(cmd.Env, r.facts(t)...)
	}
	if policy := filepath.Join(r.dir, "policy.json"); exists(policy) {
		text := strings.ReplaceAll(readText(t, policy), "REGISTRY", shared.registry)
		if err := os.WriteFile(policy, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(cmd.Env, "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY="+policy)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return r.summary(t)
}

// factsProject is the one in which images and the metadata file say what git,
// the docker configuration and the builder know.
const factsProject = "facts"

// facts makes the project a repository, and returns what makes a program look at
// such things.
func (r *parityRun) facts(t *testing.T) []string {
	t.Helper()
	commitFiles(t, r.dir, "docker-bake.hcl", "app")
	git(t, "-C", r.dir, "remote", "add", "origin", "https://me:password@example.test/a/b.git")
	return []string{
		"DOCKER_CONFIG=" + filepath.Join(r.dir, "docker"),
		"BUILDX_GIT_LABELS=1", "BUILDX_GIT_CHECK_DIRTY=1", "BUILDX_METADATA_PROVENANCE=max",
	}
}

// peerBuilder makes the builder of the tests known to bake. Where it reads
// the provenance from the builder's history, that is one that keeps a history.
func (p *parityParts) peerBuilder(t *testing.T, project, binary string) string {
	t.Helper()
	name, state := "orch", shared.state
	if project == factsProject {
		name, state = "facts", t.TempDir()
	}
	if p.builders[name] {
		return name
	}
	var config []string
	if project == factsProject {
		file := filepath.Join(state, "buildkitd.toml")
		if err := os.WriteFile(file, []byte("[history]\nmaxEntries = 100\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		config = []string{"ORCH_BUILDER_CONFIG=" + file}
		t.Cleanup(func() { stopBuilder(state) })
	}
	cmd := exec.Command(binary, "create", "--name", name, "--driver", "remote", "unix://"+builderSocket(t, state, config...))
	cmd.Env = append(os.Environ(), p.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("adding the builder to bake: %v\n%s", err, out)
	}
	p.builders[name] = true
	return name
}

// builderSocket starts the embedded builder and returns its socket.
func builderSocket(t *testing.T, state string, env ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(shared.bin, "orch"), "builder", "start")
	cmd.Env = append(append(os.Environ(), "ORCH_STATE_DIR="+state), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("starting the builder: %v\n%s", err, out)
	}
	found, err := filepath.Glob(filepath.Join(state, "*.sock"))
	if err != nil || len(found) != 1 {
		t.Fatalf("sockets in %s: %v, %v", state, found, err)
	}
	return found[0]
}

// copyProject copies a project with one time for every file, because the time
// of a file is part of the layer that it is copied into.
func copyProject(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(to, "golden.txt")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	setTimes(t, to)
}

func setTimes(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if d.IsDir() {
			mode = 0o755
		}
		if err := os.Chmod(path, mode); err != nil {
			return err
		}
		return os.Chtimes(path, time.Unix(epoch, 0), time.Unix(epoch, 0))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func readText(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// compareText names the lines in which two summaries differ.
func compareText(t *testing.T, what, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	wantLines, gotLines := strings.Split(want, "\n"), strings.Split(got, "\n")
	count := map[string]int{}
	for _, l := range wantLines {
		count[l]++
	}
	for _, l := range gotLines {
		count[l]--
	}
	var diff strings.Builder
	show := func(mark string, lines []string, sign int) {
		for _, l := range lines {
			if count[l]*sign > 0 {
				count[l] -= sign
				fmt.Fprintln(&diff, mark, l)
			}
		}
	}
	show("-", wantLines, 1)
	show("+", gotLines, -1)
	if diff.Len() == 0 {
		diff.WriteString("the same lines in another order")
	}
	t.Errorf("%s differ (- is the first):\n%s", what, diff.String())
}
