//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// same are the flags with which the same inputs give the same image.
var same = []string{"--set", "*.args.SOURCE_DATE_EPOCH=0"}

// builtImages builds all targets anew, and returns the digests of their images.
func builtImages(t *testing.T, dir string) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "metadata.json")
	args := append([]string{"bake", "--no-cache", "--keep-going", "--progress", "quiet", "--provenance=false",
		"--set", "*.output=type=registry,name=" + shared.registry + "/digests,push-by-digest=true,rewrite-timestamp=true", "--metadata-file", file}, same...)
	out, err := runOrch(dir, args...).CombinedOutput()
	var md map[string]map[string]any
	if data, readErr := os.ReadFile(file); readErr != nil || json.Unmarshal(data, &md) != nil {
		t.Fatalf("no metadata: %v\n%s", err, out)
	}
	images := map[string]string{}
	for name, m := range md {
		if d, ok := m["containerimage.digest"].(string); ok {
			images[name] = d
		}
	}
	return images
}

// plannedImages are the digests that say whether images are the same.
func plannedImages(t *testing.T, dir string) map[string]string {
	t.Helper()
	return plannedBy(t, runOrch(dir, append(append(slices.Clone(planDigests), "--resolve"), same...)...))
}

// planDigests are the arguments of orch that print the digests of a plan.
var planDigests = []string{"plan", "--digests", "--json"}

// plannedBy runs planDigests, and has the digests of the images by their targets.
func plannedBy(t *testing.T, cmd *exec.Cmd) map[string]string {
	t.Helper()
	var doc struct {
		Targets []struct {
			Name        string
			ImageDigest string `json:"image_digest"`
		}
	}
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &doc)
	}
	if err != nil {
		t.Fatalf("orch plan --digests: %v\n%s", err, out)
	}
	digests := map[string]string{}
	for _, one := range doc.Targets {
		digests[one.Name] = one.ImageDigest
	}
	return digests
}

// TestDigestAgainstImages changes random projects and builds them: where the
// digest is equal, the image is. ORCH_BUILT says how many mutations, ORCH_SEED
// where to start.
func TestDigestAgainstImages(t *testing.T) {
	t.Parallel()
	wanted, seed := number("ORCH_BUILT", 4), number("ORCH_SEED", 1)
	together := min(wanted, 10)
	pairs, differ, over, mutations := 0, 0, 0, 0
	reasons := map[string]int{}
	dir, sources := t.TempDir(), newRandomSources(t)
	for round := 0; mutations < wanted; round++ {
		r := rand.New(rand.NewPCG(uint64(seed), uint64(round)))
		var projects []*randomProject
		for range together {
			projects = append(projects, newRandomProject(r, sources))
		}
		writeProjects(t, dir, projects)
		planned, built := plannedImages(t, dir), builtImages(t, dir)
		for range 3 {
			if mutations >= wanted {
				break
			}
			projects = clones(projects)
			what := map[int]string{}
			for i, p := range projects {
				what[i] = p.mutate(r)
			}
			mutations += together
			writeProjects(t, dir, projects)
			nowPlanned, nowBuilt := plannedImages(t, dir), builtImages(t, dir)
			for name, image := range nowBuilt {
				if built[name] == "" {
					continue
				}
				i := 0
				_, _ = fmt.Sscanf(name, "p%d-", &i)
				pairs++
				equal, same := planned[name] == nowPlanned[name], built[name] == image
				switch {
				case equal && !same:
					t.Errorf("seed %d, round %d, %s: the digest of %s is equal, and the image is not\n%s", seed, round, what[i], name, projects[i].dockerfile())
				case !equal && same:
					over++
					reasons[strings.SplitN(what[i], " of ", 2)[0]]++
				case !same:
					differ++
				}
			}
			planned, built = nowPlanned, nowBuilt
		}
	}
	t.Logf("%d mutations, %d pairs: %d differ, %d over-selected (%.1f%%) %v", mutations, pairs, differ, over, 100*float64(over)/float64(max(pairs, 1)), reasons)
	if pairs == 0 {
		t.Error("nothing was built")
	}
	if pairs > 200 && over*10 > pairs {
		t.Error("more than 10% over-selected")
	}
}

// TestGitModes builds one commit from checkouts, worktrees and archives that were
// made under several umasks, by turns in two folders: with git's modes, digest and
// image are the same each time.
func TestGitModes(t *testing.T) {
	t.Parallel()
	origin := project(t, map[string]string{
		"build.hcl":      "context-modes = \"git\"\ntarget \"default\" {}\n",
		"Dockerfile":     "FROM scratch\nCOPY . /all/\nCOPY --parents tools/run /p/\n",
		"tools/run":      "run",
		"data/deep/file": "text",
	})
	if err := os.Chmod(filepath.Join(origin, "tools/run"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("run", filepath.Join(origin, "tools/link")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(origin, ".dockerignore"), []byte(".git\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	gitIn(t, origin, "init", "-q", "-b", "main")
	gitIn(t, origin, "add", "-A")
	gitIn(t, origin, "commit", "-q", "-m", "x")
	digests, images := map[string]string{}, map[string]string{}
	folders := []string{t.TempDir(), filepath.Join(t.TempDir(), "another", "folder")}
	for i, umask := range []string{"022", "002", "077"} {
		for k, command := range []string{
			`git clone -q "$O" .`,
			`git -C "$O" worktree add -q --detach "$PWD"`,
			`git -C "$O" archive HEAD | tar x`,
		} {
			name := fmt.Sprintf("umask %s: %s", umask, command)
			dir := filepath.Join(folders[(i+k)%2], fmt.Sprint(i, k))
			cmd := exec.Command("sh", "-ec", "umask "+umask+`; mkdir -p "$D"; cd "$D"; `+command)
			cmd.Env = append(os.Environ(), "O="+origin, "D="+dir)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, out)
			}
			digests[name], images[name] = plannedImages(t, dir)["default"], builtImages(t, dir)["default"]
		}
	}
	for what, all := range map[string]map[string]string{"digest": digests, "image": images} {
		first := ""
		for name, sum := range all {
			if sum == "" || first != "" && sum != first {
				t.Errorf("%s of %s: %q, elsewhere %q", what, name, sum, first)
			}
			first = sum
		}
	}
}
