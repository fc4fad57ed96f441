//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/orch-build/orch/internal/imagediff"
)

// same are the flags with which the same inputs give the same image.
var same = []string{"--set", "*.args.SOURCE_DATE_EPOCH=0"}

// builtImages builds all targets anew, and returns the digests of their images.
// Layers are left as they are and nothing is pushed: what counts is in the
// manifests.
func builtImages(t *testing.T, dir string, env ...string) map[string]string {
	t.Helper()
	return builtInto(t, dir, "", nil, nil, env...)
}

// namedTarget finds the targets that a refusal names.
var namedTarget = regexp.MustCompile(`for targets? ("[^.]*")\.`)

// builtInto is builtImages of some targets, nil is all, that leaves some of the images
// in a folder, as layouts. Projects that are refused before anything runs are left out.
func builtInto(t *testing.T, dir, into string, targets, kept []string, env ...string) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "metadata.json")
	args := append([]string{"bake", "--no-cache", "--keep-going", "--progress", "quiet", "--provenance=false",
		"--allow", "security.insecure", "--allow", "network.host", "--set", "*.output=type=image,compression=uncompressed,rewrite-timestamp=true", "--metadata-file", file}, same...)
	args = append(args, targets...)
	for _, name := range kept {
		args = append(args, "--set", name+".output=type=oci,tar=false,compression=uncompressed,rewrite-timestamp=true,dest="+filepath.Join(into, name))
	}
	cmd := runOrch(dir, args...)
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	var md map[string]map[string]any
	data, readErr := os.ReadFile(file)
	if readErr == nil {
		readErr = json.Unmarshal(data, &md)
	}
	if readErr != nil {
		left := slices.Clone(targets)
		_, faults, _ := strings.Cut(string(out), "Error: ")
		for _, m := range namedTarget.FindAllStringSubmatch(faults, -1) {
			for name := range strings.SplitSeq(m[1], ", ") {
				project, _, _ := strings.Cut(strings.Trim(name, `"`), "-")
				left = slices.DeleteFunc(left, func(s string) bool { return strings.HasPrefix(s, project+"-") })
			}
		}
		if len(left) == len(targets) || len(left) == 0 {
			t.Fatalf("no metadata: %v\n%s", err, out)
		}
		return builtInto(t, dir, into, left, slices.DeleteFunc(slices.Clone(kept), func(s string) bool { return !slices.Contains(left, s) }), env...)
	}
	images := map[string]string{}
	for name, m := range md {
		if d, ok := m["containerimage.digest"].(string); ok {
			images[name] = d
		}
	}
	return images
}

// plannedImages are the digests that say whether images are the same. One that is
// open has openMark in front.
func plannedImages(t *testing.T, dir string, env ...string) map[string]string {
	t.Helper()
	cmd := runOrch(dir, append(append(slices.Clone(planDigests), "--resolve"), same...)...)
	cmd.Env = append(cmd.Env, env...)
	return plannedBy(t, cmd)
}

const openMark = "open: "

// planDigests are the arguments of orch that print the digests of a plan.
var planDigests = []string{"plan", "--digests", "--json"}

// plannedBy runs planDigests, and has the digests of the images by their targets.
func plannedBy(t *testing.T, cmd *exec.Cmd) map[string]string {
	t.Helper()
	var doc struct {
		Targets []struct {
			Name        string
			ImageDigest string `json:"image_digest"`
			Open        []any
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
		if len(one.Open) > 0 {
			one.ImageDigest = openMark + one.ImageDigest
		}
		digests[one.Name] = one.ImageDigest
	}
	return digests
}

// TestDigestAgainstImages changes random projects and builds them: where the
// digest is equal, the image is. ORCH_BUILT says how many mutations, ORCH_SEED
// where to start. A mutation counts if it changes something and the project can
// be built on both sides of it. What comes out different for an equal digest is
// built once more on both sides, as an audit does: a build that differs from
// itself says nothing of the digest, and neither do layers of another form that come
// to the same files.
func TestDigestAgainstImages(t *testing.T) {
	t.Parallel()
	wanted, seed := number("ORCH_BUILT", 4), number("ORCH_SEED", 1)
	together := min(wanted, 20)
	all := &built{reasons: map[string]int{}}
	dir, sources := t.TempDir(), newRandomSources(t)
	for round := 0; all.mutations < wanted; round++ {
		r := rand.New(rand.NewPCG(uint64(seed), uint64(round)))
		var projects []*randomProject
		for range together {
			projects = append(projects, newRandomProject(r, sources))
		}
		writeProjects(t, dir, projects)
		sources.turn(t, noPolicy)
		before := measured(t, dir, sources, together)
		const steps = 10
		for step := 0; step < steps && all.mutations < wanted; step++ {
			next, what := clones(projects), make([]string, together)
			policy := noPolicy
			for i, p := range next {
				if what[i] = "source policy"; step == steps-1 && (seed+round)%8 == 0 {
					policy = sources.swap // of all projects, which change nothing else; any policy is in every digest
				} else {
					what[i] = p.change(r)
				}
			}
			writeProjects(t, dir, next)
			sources.turn(t, policy)
			after := measured(t, dir, sources, together)
			wrong := make([][]string, together)
			for i := range next {
				wrong[i] = all.compare(i, what[i], before, after)
			}
			if again := slices.Concat(wrong...); len(again) > 0 { // images differ that should not
				layouts := [2]string{t.TempDir(), t.TempDir()}
				writeProjects(t, dir, projects)
				sources.turn(t, noPolicy)
				first := measuredInto(t, dir, layouts[0], again, sources, together)
				writeProjects(t, dir, next)
				sources.turn(t, policy)
				second := measuredInto(t, dir, layouts[1], again, sources, together)
				for i, p := range next {
					for _, name := range wrong[i] {
						text := fmt.Sprintf("seed %d, round %d, %s: the digest of %s is equal, and the image is not\n%s\n=====\n%s",
							seed, round, what[i], name, definition(projects[i:i+1])+projects[i].dockerfile(), definition(next[i:i+1])+p.dockerfile())
						if first[i][name] != before[i][name] || second[i][name] != after[i][name] {
							all.unstable++
							t.Logf("not reproducible: %s, then %s and %s: %s", before[i][name].digest, first[i][name].digest, second[i][name].digest, text)
							continue
						}
						differ, err := imagediff.SameFiles(filepath.Join(layouts[0], name), filepath.Join(layouts[1], name))
						switch {
						case err != nil:
							t.Errorf("%v: %s", err, text)
						case differ == "":
							all.forms++
							t.Logf("the same files in other layers: %s and %s: %s", before[i][name].digest, after[i][name].digest, text)
						default:
							all.falseSkips++
							t.Errorf("%s: %s", text, differ)
						}
					}
				}
			}
			for i := range next {
				if len(after[i]) < len(before[i]) { // the next mutation starts from what can be built
					next[i], after[i] = projects[i], before[i]
				}
			}
			projects, before = next, after
			t.Logf("seed %d, round %d: %s", seed, round, all)
		}
		if all.mutations == 0 {
			t.Fatal("nothing was built")
		}
	}
	t.Logf("over-selected by: %v", all.reasons)
	if all.pairs > 200 && all.over*10 > all.pairs {
		t.Error("more than 10% over-selected")
	}
}

// built counts what comparisons of digests with images came to.
type built struct {
	mutations, pairs, differ, over, unstable, forms, falseSkips int

	reasons map[string]int // what was over-selected
}

func (b *built) String() string {
	return fmt.Sprintf("%d mutations, %d pairs: %d differ, %d false skips, %d over-selected (%.1f%%), %d not reproducible, %d of the same files in other layers",
		b.mutations, b.pairs, b.differ, b.falseSkips, b.over, 100*float64(b.over)/float64(max(b.pairs, 1)), b.unstable, b.forms)
}

// compare compares the targets of project i, which what has changed. It returns
// those whose image is another one though the digest is equal.
func (b *built) compare(i int, what string, before, after []map[string]image) (wrong []string) {
	counted := false
	for name, now := range after[i] {
		was, ok := before[i][name]
		if !ok {
			continue
		}
		b.pairs++
		counted = true
		switch equal, same := was.planned == now.planned, was.digest == now.digest; {
		case equal && !same && !strings.HasPrefix(now.planned, openMark):
			wrong = append(wrong, name)
		case !equal && same:
			b.over++
			b.reasons[strings.SplitN(what, " of ", 2)[0]]++
		case !same:
			b.differ++
		}
	}
	if counted {
		b.mutations++
	}
	return wrong
}

// noPolicy is a source policy that changes nothing.
const noPolicy = `{"rules":[]}`

// image is what the plan says of an image, and its digest.
type image struct{ planned, digest string }

// measured plans and builds the projects p0, p1 and so on in a folder: for each,
// the targets that can be built.
func measured(t *testing.T, dir string, sources *randomSources, projects int) []map[string]image {
	t.Helper()
	return measuredInto(t, dir, "", nil, sources, projects)
}

// measuredInto is measured that leaves some of the images in a folder, as layouts.
func measuredInto(t *testing.T, dir, into string, kept []string, sources *randomSources, projects int) []map[string]image {
	t.Helper()
	env := "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=" + sources.static
	planned := plannedImages(t, dir, env)
	digests := builtInto(t, dir, into, slices.Sorted(maps.Keys(planned)), kept, env)
	out := make([]map[string]image, projects)
	for i := range out {
		out[i] = map[string]image{}
	}
	for name, digest := range digests {
		i := 0
		_, _ = fmt.Sscanf(name, "p%d-", &i)
		out[i][name] = image{planned[name], digest}
	}
	return out
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
