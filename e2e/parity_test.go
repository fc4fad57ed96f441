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

var update = flag.Bool("update", false, "rewrite the goldens of testdata/parity from what the peer makes")

// peerEnv names the peer's binary. Without it the results are held against the
// goldens, which were made by the peer.
const peerEnv = "ORCH_PEER"

// epoch is SOURCE_DATE_EPOCH in these tests, and the time of every file.
const epoch = 1700000000

// parityRun is one run of one program over one project.
type parityRun struct {
	program string // "orch" or "peer"
	project string
	dir     string // a copy of the project
	repo    string // where it pushes to
}

// TestParity builds each project of testdata/parity and holds every image,
// manifest, layer, file and attestation that comes out against what the peer
// makes of the same files on the same builder.
func TestParity(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the goldens are of linux/amd64")
	}
	peer := os.Getenv(peerEnv)
	if *update && peer == "" {
		t.Fatalf("goldens are made by the peer: set %s to a buildx binary", peerEnv)
	}
	parts := startParityParts(t)
	projects, err := filepath.Glob("testdata/parity/*/docker-bake.hcl")
	if err != nil || len(projects) == 0 {
		t.Fatalf("no projects: %v", err)
	}
	for _, file := range projects {
		project := filepath.Base(filepath.Dir(file))
		t.Run(project, func(t *testing.T) {
			golden := filepath.Join("testdata/parity", project, "golden.txt")
			if peer != "" {
				made := parts.run(t, "peer", project, peer)
				if *update {
					if err := os.WriteFile(golden, []byte(made), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				compareText(t, "the peer and its golden", readText(t, golden), made)
			}
			made := parts.run(t, "orch", project, filepath.Join(shared.bin, "orch"))
			compareText(t, "orch and the peer", readText(t, golden), made)
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
	}
	copyProject(t, filepath.Join("testdata/parity", project), r.dir)
	args := []string{
		"bake", "--progress", "plain", "--metadata-file", "metadata.json",
		"--allow", "fs=*", "--allow", "ssh", "--allow", "network.host", "--allow", "buildx.local.delete", "--allow", "security.insecure",
	}
	if program == "peer" {
		args = append(args, "--builder", p.peerBuilder(t, binary))
	} else {
		// Tags that move together are not in the subjects of attestations.
		args = append(args, "--publish=each")
	}
	cmd := exec.Command(binary, args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Env = append(cmd.Env, "REPO="+r.repo, "PWD="+r.dir)
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

// peerBuilder makes the builder of the tests known to the peer.
func (p *parityParts) peerBuilder(t *testing.T, binary string) string {
	t.Helper()
	p.peerOnce.Do(func() {
		cmd := exec.Command(binary, "create", "--name", "orch", "--driver", "remote", "unix://"+builderSocket(t))
		cmd.Env = append(os.Environ(), p.env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("telling the peer of the builder: %v\n%s", err, out)
		}
	})
	return "orch"
}

// builderSocket starts the embedded builder and returns its socket.
func builderSocket(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(shared.bin, "orch"), "builder", "start")
	cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+shared.state)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("starting the builder: %v\n%s", err, out)
	}
	found, err := filepath.Glob(filepath.Join(shared.state, "*.sock"))
	if err != nil || len(found) != 1 {
		t.Fatalf("sockets in %s: %v, %v", shared.state, found, err)
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
