//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// gitIn runs git in a folder.
func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", args[0], err, out)
	}
	return strings.TrimSpace(string(out))
}

// imageDigests are the image digests of the targets in a checkout.
func imageDigests(t *testing.T, dir string) map[string]string {
	t.Helper()
	cmd := runOrch(dir, planDigests...)
	cmd.Env = append(cmd.Env, "BUSYBOX=bb")
	return plannedBy(t, cmd)
}

// TestAffectedHistories makes random histories of random monorepos. Of each two
// commits, the targets whose digests differ in two checkouts are affected, and few
// others. ORCH_COMMITS says how many commits, ORCH_SEED where to start.
func TestAffectedHistories(t *testing.T) {
	t.Parallel()
	const projects, history = 4, 10
	commits, seed := number("ORCH_COMMITS", 10), number("ORCH_SEED", 1)
	pairs, changed, over := 0, 0, 0
	reasons := map[string]int{}
	for done := 0; done < commits; done += history {
		r := rand.New(rand.NewPCG(uint64(seed), uint64(done)))
		h := newHistory(t, r, projects)
		for i := range history {
			what := h.commit(r)
			list := h.affected(t)
			for name, sum := range h.now {
				pairs++
				differs := h.before[name] != sum
				reason, is := list[name]
				switch {
				case differs:
					changed++
					if !is {
						t.Errorf("seed %d, commit %d of %d (%s): %s differs and is not affected", seed, i, done, what, name)
					}
				case is:
					over++
					reasons[reason]++
				}
			}
			if t.Failed() {
				t.Fatal(gitIn(t, h.dir, "diff", "HEAD~1"))
			}
		}
	}
	t.Logf("%d commits, %d pairs: %d changed, all affected; %d over-selected (%.1f%%) %v", commits, pairs, changed, over, 100*float64(over)/float64(pairs), reasons)
	if over*10 > pairs {
		t.Errorf("more than 10%% over-selected")
	}
}

// history is a repository that grows, with a checkout of its last commit.
type history struct {
	dir, checkout string
	projects      []*randomProject
	before, now   map[string]string // image digests
	t             *testing.T
}

func newHistory(t *testing.T, r *rand.Rand, n int) *history {
	h := &history{dir: t.TempDir(), checkout: filepath.Join(t.TempDir(), "checkout"), t: t}
	for range n {
		h.projects = append(h.projects, newRandomProject(r, nil))
	}
	gitIn(t, h.dir, "init", "-q", "-b", "main")
	if err := os.MkdirAll(filepath.Join(h.dir, "bb"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.dir, "bb/sh"), []byte("sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	h.record("first")
	gitIn(t, h.dir, "worktree", "add", "-q", "--detach", h.checkout)
	h.now = imageDigests(t, h.checkout)
	return h
}

// record commits the projects as they are.
func (h *history) record(message string) {
	writeProjects(h.t, h.dir, h.projects)
	gitIn(h.t, h.dir, "add", "-A")
	gitIn(h.t, h.dir, "commit", "-q", "--allow-empty", "-m", message)
}

// commit changes one or two things, until all can be planned, and says what.
func (h *history) commit(r *rand.Rand) string {
	h.t.Helper()
	h.projects = clones(h.projects)
	var what []string
	for range 1 + r.IntN(2) {
		i := r.IntN(len(h.projects))
		what = append(what, fmt.Sprintf("p%d: %s", i, h.projects[i].mutate(r)))
	}
	h.record(strings.Join(what, ", "))
	gitIn(h.t, h.checkout, "checkout", "-q", "--detach", gitIn(h.t, h.dir, "rev-parse", "HEAD"))
	h.before, h.now = h.now, imageDigests(h.t, h.checkout)
	return strings.Join(what, ", ")
}

// affected are the targets that differ between the last two commits, with the
// reasons.
func (h *history) affected(t *testing.T) map[string]string {
	t.Helper()
	var doc struct {
		Targets []struct{ Target, Change, Reason string }
	}
	cmd := runOrch(h.dir, "affected", "--base", "HEAD~1", "--head", "HEAD", "--exact", "--kind", "build", "--json")
	cmd.Env = append(cmd.Env, "BUSYBOX=bb")
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &doc)
	}
	if err != nil {
		t.Fatalf("orch affected: %v\n%s", err, out)
	}
	list := map[string]string{}
	for _, one := range doc.Targets {
		if one.Change != "gone" {
			list[one.Target] = one.Change + " " + one.Reason
		}
	}
	return list
}
