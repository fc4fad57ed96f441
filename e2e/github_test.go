//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// actEnv is the command act, which runs workflows of GitHub on this machine.
const actEnv = "ORCH_E2E_ACT"

// actRepo is a repository whose workflows are run by act with this machine as runner.
// Actions that are not ours are the stand-ins of testdata/actions.
type actRepo struct {
	t              *testing.T
	tool, dir      string
	repo, ours     string
	artifacts      string
	env            []string
	withOrch       bool // orch is there already
	service, token string
	cache          map[string]string // the tags of the cache
}

func newActRepo(t *testing.T, name string, files map[string]string) *actRepo {
	tool := os.Getenv(actEnv)
	if tool == "" {
		t.Skipf("%s is not set: run scripts/compat.sh", actEnv)
	}
	r := &actRepo{
		t: t, tool: tool, dir: project(t, files), ours: t.TempDir(), artifacts: t.TempDir(), withOrch: true,
		repo: fmt.Sprintf("%s-%d", name, os.Getpid()),
	}
	// The action is this repository, without what git ignores.
	cmd := exec.Command("sh", "-c", `git ls-files -z --cached --others --exclude-standard | xargs -0 sh -c 'for f; do [ ! -e "$f" ] || cp --parents "$f" "$0"; done' "$1"`, "sh", r.ours)
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r.git("init", "-q", "-b", "main", ".")
	r.git("remote", "add", "origin", "https://github.com/acme/shop.git")
	return r
}

func (r *actRepo) git(args ...string) {
	r.t.Helper()
	r.run(exec.Command("git", append([]string{"-c", "user.name=me", "-c", "user.email=me@example.com"}, args...)...))
}

func (r *actRepo) commit(text string) {
	r.t.Helper()
	r.git("add", "-A")
	r.git("commit", "-qm", text)
}

func (r *actRepo) run(cmd *exec.Cmd) string {
	r.t.Helper()
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), r.environ()...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}

func (r *actRepo) environ() []string {
	path := os.Getenv("PATH")
	if r.withOrch {
		path = shared.bin + ":" + path
	}
	return append([]string{
		"REGISTRY=" + shared.registry + "/" + r.repo, "PATH=" + path, "ORCH_STATE_DIR=" + shared.state, "TEST_ARTIFACTS=" + r.artifacts,
		"DOCKER_CONFIG=" + filepath.Join(r.artifacts, ".docker"), "TEST_ACTIONS_RESULTS_URL=" + r.service, "TEST_ACTIONS_RUNTIME_TOKEN=" + r.token,
		"TEST_ACTIONS_CACHE_SERVICE_V2=True", "CGO_ENABLED=0",
	}, r.env...)
}

// act runs the workflows of an event, and returns what act prints.
func (r *actRepo) act(event, payload string, secrets ...string) (string, error) {
	r.t.Helper()
	checked{r.t}.Check(os.RemoveAll(r.artifacts))
	checked{r.t}.Check(os.MkdirAll(r.artifacts, 0o755))
	file := filepath.Join(r.t.TempDir(), "event.json")
	checked{r.t}.Check(os.WriteFile(file, []byte(payload), 0o644))
	args := []string{event, "-e", file, "-P", "ubuntu-latest=-self-hosted", "--no-cache-server", "--concurrent-jobs", "2", "--action-cache-path", r.t.TempDir(), "--local-repository", "orch-build/orch@main=" + r.ours}
	for _, name := range []string{"actions/upload-artifact@v4", "actions/download-artifact@v4", "actions/github-script@v7", "actions/setup-go@v5", "docker/login-action@v3"} {
		dir, _, _ := strings.Cut(filepath.Base(name), "@")
		path, err := filepath.Abs("testdata/actions/" + dir)
		checked{r.t}.Check(err)
		args = append(args, "--local-repository", name+"="+path)
	}
	for _, s := range append(secrets, "GITHUB_TOKEN=of-this-job") {
		args = append(args, "-s", s)
	}
	cmd := exec.Command(r.tool, args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), r.environ()...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// good is act for an event whose jobs all have to be good.
func (r *actRepo) good(event, payload string, secrets ...string) string {
	r.t.Helper()
	out, err := r.act(event, payload, secrets...)
	if err != nil {
		r.t.Fatalf("act %s: %v\n%s", event, err, out)
	}
	return out
}

// TestGitHub runs the workflow that "orch ci init" writes for the example, for each
// event: what is built, which tags move, and which lane of the cache is written.
func TestGitHub(t *testing.T) {
	files := map[string]string{}
	for _, name := range []string{"build.hcl", "Dockerfile", "api.txt", "shared.txt", "web.txt", "worker.txt"} {
		data, err := os.ReadFile("../examples/ci/" + name)
		checked{t}.Check(err)
		files[name] = string(data)
	}
	r := newActRepo(t, "github", files)
	r.run(exec.Command(filepath.Join(shared.bin, "orch"), "ci", "init", "github"))
	r.write(".github/workflows/images.yml", func(text string) string {
		// The example is so small that one shard would do.
		return strings.Replace(text, "--shards auto", "--shards 3", 1)
	})
	r.commit("a workflow")
	secrets := []string{"REGISTRY_USER=robot", "REGISTRY_PASSWORD=not-needed"}
	main := r.good("push", `{"ref": "refs/heads/main", "repository": {"default_branch": "main"}}`, secrets...)
	contains(t, main, "orch bake --shard", "0/3", "3 tags published together", "### orch: 3 targets in", "| web | built |")
	r.moved("api", "web", "worker")
	r.wrote("main")

	r.write("api.txt", func(string) string { return "of a release" })
	r.commit("a release")
	r.git("tag", "v1.0")
	contains(t, r.good("push", `{"ref": "refs/tags/v1.0", "repository": {"default_branch": "main"}}`, secrets...), "3 tags published together")
	r.moved("api", "web", "worker")
	r.wrote("tag-v1-0")

	r.git("update-ref", "refs/remotes/origin/main", "HEAD")
	r.git("checkout", "-qb", "feature")
	r.write("web.txt", func(string) string { return "of a pull request" })
	r.commit("a change")
	pull := `{"repository": {"default_branch": "main", "full_name": "acme/shop"}, "pull_request": {"number": %d, "base": {"ref": "main"}, "head": {"ref": "feature", "repo": {"full_name": "%s"}}}}`
	out := r.good("pull_request", fmt.Sprintf(pull, 7, "acme/shop"), secrets...)
	contains(t, out, "1 target in", "| web | built |")
	r.moved()
	r.wrote("pr-7")

	// The pull request of a fork has no secrets, and writes a lane of its own.
	r.good("pull_request", fmt.Sprintf(pull, 8, "eve/shop"))
	r.moved()
	r.wrote("fork-pr-8")

	// Where nothing has changed no shard is started, and the job to require is good.
	r.git("checkout", "-q", "main")
	r.write("README", func(string) string { return "not read by any target" })
	r.commit("no change")
	out = r.good("pull_request", fmt.Sprintf(pull, 9, "acme/shop"), secrets...)
	contains(t, out, "Nothing to merge", "images/images")
	r.moved()
	r.wrote("")
}

// write changes a file of the repository.
func (r *actRepo) write(name string, change func(string) string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	checked{r.t}.Check(os.WriteFile(path, []byte(change(string(data))), 0o644))
}

// moved says for which images the tag of this commit is there.
func (r *actRepo) moved(want ...string) {
	r.t.Helper()
	short := strings.TrimSpace(r.run(exec.Command("git", "rev-parse", "--short", "HEAD")))
	var got []string
	for _, name := range []string{"api", "web", "worker"} {
		if digestOf(r.t, r.repo+"/"+name+":"+short) != "" {
			got = append(got, name)
		}
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("%v have the tag %s, want %v", got, short, want)
	}
}

// wrote says that what the cache has anew, and has otherwise than before, is all of one
// lane; "" if there is nothing.
func (r *actRepo) wrote(lane string) {
	r.t.Helper()
	repo := direct(r.t, r.repo+"/cache").Context()
	tags, err := remote.List(repo)
	checked{r.t}.Check(err)
	now, anew := map[string]string{}, false
	for _, tag := range tags {
		now[tag] = digestOf(r.t, r.repo+"/cache:"+tag)
		if now[tag] == r.cache[tag] {
			continue
		}
		anew = true
		if lane == "" || !regexp.MustCompile("^"+lane+`(-[0-9a-f]{8})?(\.|$)`).MatchString(tag) {
			r.t.Errorf("the tag %s of the cache was written; want the lane %q", tag, lane)
		}
	}
	if !anew && lane != "" {
		r.t.Errorf("nothing was written to the lane %s", lane)
	}
	r.cache = now
}

func contains(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("no word of %q in\n%s", w, text)
			return
		}
	}
}

// TestGitHubAction runs a job that builds by the action alone, as one for
// docker/bake-action is: the action compiles and installs orch, builds with the cache
// of GitHub, whose token only actions have, and hands on the metadata.
func TestGitHubAction(t *testing.T) {
	r := newActRepo(t, "action", map[string]string{
		"build.hcl":  "variable \"REGISTRY\" {}\nvariable \"WHO\" {}\ncache {\n  type = \"gha\"\n}\ntarget \"app\" {\n  contexts = { busybox = " + fmt.Sprintf("%q", shared.busybox) + " }\n  tags = [\"${REGISTRY}/app:${WHO}\"]\n}\n",
		"Dockerfile": "FROM scratch\nCOPY --from=busybox / /\nRUN echo built-$((1+1)) >/file\n",
		".github/workflows/images.yml": `
on: push
jobs:
  images:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: bake
        uses: orch-build/orch@main
        with:
          files: build.hcl
          targets: app
          push: true
          allow: fs.read=/
          vars: WHO=first
          set: |
            app.labels.a=b c
            app.args.X=$(exit 3)
      - env:
          DIGEST: ${{ fromJSON(steps.bake.outputs.metadata).app['containerimage.digest'] }}
          TOKEN: ${{ env.ACTIONS_RUNTIME_TOKEN }}
        run: echo "the digest is $DIGEST, the token is <$TOKEN>"
      - run: orch builder stop --now
      - uses: orch-build/orch@main
        with: { setup-only: true }
      - run: orch bake app --var WHO=second --allow fs.read=/ --progress plain
        env: { ORCH_STATE_DIR: "${{ runner.temp }}/fresh" }
      - run: orch builder stop --now
        env: { ORCH_STATE_DIR: "${{ runner.temp }}/fresh" }
`})
	cache := newActionsCache()
	defer cache.Close()
	r.withOrch, r.service, r.token = false, cache.URL, cache.token()
	r.env = []string{"ORCH_STATE_DIR=" + emptyState(t)}
	r.commit("a workflow")
	out := r.good("push", `{"ref": "refs/heads/main", "repository": {"default_branch": "main"}}`)
	digest := digestOf(t, r.repo+"/app:first")
	contains(t, out, "the digest is "+digest+", the token is <>")
	if digest == "" || cache.total == 0 {
		t.Errorf("the image is %q, and the cache has %d entries", digest, cache.total)
	}
	if !regexp.MustCompile(`\| app \| cached \|`).MatchString(out) {
		t.Errorf("the second builder has not read the cache:\n%s", out)
	}
	if strings.Contains(out, r.token) {
		t.Error("the token is in the log")
	}
}
