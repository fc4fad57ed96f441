//go:build linux

package e2e

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

const skipProject = `
variable "HOST" {}
variable "NAME" {}
group "default" { targets = ["a", "b", "linked"] }
skip { check = "full" }
target "a" {
  dockerfile-inline = "FROM scratch\nCOPY a /a\n"
  tags              = ["${HOST}/${NAME}/a:v1"]
  platforms         = ["linux/amd64", "linux/arm64"]
  output            = ["type=registry"]
}
target "b" {
  dockerfile-inline = "FROM scratch\nCOPY b /b\n"
  tags              = ["${HOST}/${NAME}/b:v1"]
  output            = ["type=registry"]
}
target "linked" {
  contexts          = { a = "target:a" }
  dockerfile-inline = "FROM a\nCOPY b /b\n"
  platforms         = ["linux/amd64", "linux/arm64"]
  tags              = ["${HOST}/${NAME}/linked:v1"]
  output            = ["type=registry"]
}
`

// skipped is a project with the real builder and the real registry.
type skipped struct {
	*testing.T
	*gate
	dir, name, state string
	env              []string
}

func newSkipped(t *testing.T, files map[string]string) *skipped {
	t.Helper()
	startBuilder(t)
	s := &skipped{T: t, gate: newGate(t), state: shared.state, name: strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")) + fmt.Sprint(os.Getpid())}
	s.dir = project(t, files)
	return s
}

// orch prepares a run.
func (s *skipped) orch(args ...string) *exec.Cmd {
	cmd := runOn(s.state, s.dir, args...)
	cmd.Env = append(cmd.Env, "HOST="+s.host, "NAME="+s.name, "ORCH_CACHE_LANE=main", "ORCH_CACHE_MAIN=main", allFiles+"=0")
	cmd.Env = append(cmd.Env, s.env...)
	return cmd
}

// bake runs bake, which has to succeed, and returns what was skipped.
func (s *skipped) bake(args ...string) (names []string, out string) {
	s.Helper()
	file := filepath.Join(s.TempDir(), "result.json")
	data, err := s.orch(append([]string{"bake", "--progress", "plain", "--result", file}, args...)...).CombinedOutput()
	if err != nil {
		s.Fatalf("%v\n%s", err, data)
	}
	var result struct {
		Targets []struct {
			Name    string
			Skipped *struct{ Run, Record string }
		}
	}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &result)
	}
	if err != nil {
		s.Fatal(err)
	}
	for _, t := range result.Targets {
		if t.Skipped != nil {
			names = append(names, t.Name)
		}
	}
	return names, string(data)
}

// skips wants exactly these targets to be skipped.
func (s *skipped) skips(want string, args ...string) string {
	s.Helper()
	got, out := s.bake(args...)
	if strings.Join(got, " ") != want {
		s.Errorf("skipped %q, want %q\n%s", got, want, out)
	}
	return out
}

func (s *skipped) write(file, text string) {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, file), []byte(text), 0o644); err != nil {
		s.Fatal(err)
	}
}

// tag is where a tag of a repository of the project points.
func (s *skipped) tag(name string) string { return digestOf(s.T, s.name+"/"+name) }

// api makes a request to the registry.
func (s *skipped) api(method, path string) []byte {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, "http://"+shared.registry+"/v2/"+s.name+"/"+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Accept", strings.Join([]string{ocispecs.MediaTypeImageIndex, ocispecs.MediaTypeImageManifest}, ", "))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		s.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, data, err)
	}
	return data
}

// parts lists what an image is made of: its platforms, its attestations, and
// the layers of the first platform.
func (s *skipped) parts(image string) (platforms, attestations, layers []string) {
	s.Helper()
	repo, tag, _ := strings.Cut(image, ":")
	var index ocispecs.Index
	if err := json.Unmarshal(s.api(http.MethodGet, repo+"/manifests/"+tag), &index); err != nil {
		s.Fatal(err)
	}
	for _, m := range index.Manifests {
		if m.Platform.OS == "unknown" {
			attestations = append(attestations, m.Digest.String())
		} else {
			platforms = append(platforms, m.Digest.String())
		}
	}
	var m ocispecs.Manifest
	if err := json.Unmarshal(s.api(http.MethodGet, repo+"/manifests/"+platforms[0]), &m); err != nil {
		s.Fatal(err)
	}
	for _, l := range m.Layers {
		layers = append(layers, l.Digest.String())
	}
	return platforms, attestations, layers
}

// records lists the tags of records in a repository.
func (s *skipped) records(repo string) []string {
	s.Helper()
	var list struct{ Tags []string }
	if err := json.Unmarshal(s.api(http.MethodGet, repo+"/tags/list"), &list); err != nil {
		s.Fatal(err)
	}
	return slices.DeleteFunc(list.Tags, func(t string) bool { return !strings.HasPrefix(t, "orch-") })
}

// TestSkip builds, skips, changes and reverts.
func TestSkip(t *testing.T) {
	t.Parallel()
	s := newSkipped(t, map[string]string{"build.hcl": skipProject, "a": "1", "b": "1"})
	s.skips("")
	first := s.tag("a:v1")
	s.set(nil)
	out := s.skips("a b linked")
	if !strings.Contains(out, "skipped (equal to run 20") || !strings.Contains(out, "nothing was built") {
		t.Error(out)
	}
	// What is linked to is part of the digest; what is not is not.
	s.write("b", "2")
	s.skips("a")
	if s.tag("a:v1") != first {
		t.Error("the tag of a skipped target has moved")
	}
	s.write("a", "2")
	s.skips("b")
	// A revert moves the tags back, and uploads nothing.
	s.write("a", "1")
	s.write("b", "1")
	var uploads []string
	var mu sync.Mutex
	s.set(func(_, _ int, r *http.Request) verdict {
		if r.Method == http.MethodPost {
			mu.Lock()
			uploads = append(uploads, r.URL.Path)
			mu.Unlock()
		}
		return pass
	})
	out = s.skips("a b linked")
	if s.tag("a:v1") != first || len(uploads) > 0 || !strings.Contains(out, "3 tags published together") {
		t.Errorf("a:v1 is %s, want %s; uploads %q\n%s", s.tag("a:v1"), first, uploads, out)
	}
	s.set(nil)
	s.api(http.MethodDelete, "a/manifests/v1")
	s.skips("a b linked")
	if s.tag("a:v1") != first {
		t.Error("the tag that was deleted is not back")
	}
	// What is built anew is not taken back by the next run.
	for _, flag := range []string{"--skip=never", "--no-cache"} {
		s.skips("", flag)
		anew := s.tag("a:v1")
		s.skips("a b linked")
		if anew == first || s.tag("a:v1") != anew {
			t.Errorf("%s: a:v1 is %s, want %s, which is not %s", flag, s.tag("a:v1"), anew, first)
		}
	}
}

// TestSkipNoBuilder skips on a machine that has never built anything, where no
// builder is started.
func TestSkipNoBuilder(t *testing.T) {
	t.Parallel()
	s := newSkipped(t, map[string]string{"build.hcl": skipProject, "a": "1", "b": "1"})
	s.skips("")
	s.state = t.TempDir()
	s.skips("a b linked")
	_ = filepath.WalkDir(s.state, func(path string, _ fs.DirEntry, _ error) error {
		if strings.HasSuffix(path, ".sock") {
			t.Errorf("there is a builder: %s", path)
		}
		return nil
	})
}

// TestSkipLost deletes parts of an image, and cuts a layer off.
func TestSkipLost(t *testing.T) {
	t.Parallel()
	s := newSkipped(t, map[string]string{"build.hcl": skipProject, "a": "1", "b": "1"})
	s.skips("", "a")
	for _, lost := range []func() string{
		func() string { platforms, _, _ := s.parts("a:v1"); return "manifests/" + platforms[1] },
		func() string { _, attestations, _ := s.parts("a:v1"); return "manifests/" + attestations[0] },
		func() string { _, _, layers := s.parts("a:v1"); return "blobs/" + layers[0] },
	} {
		part := lost()
		s.skips("a", "a")
		s.api(http.MethodDelete, "a/"+part)
		if out := s.skips("", "a"); !strings.Contains(out, "does not have all of the image") {
			t.Errorf("%s: %s", part, out)
		}
		s.skips("a", "a")
	}
}

// TestSkipBase moves the base image, under a Dockerfile that stays the same.
func TestSkipBase(t *testing.T) {
	t.Parallel()
	s := newSkipped(t, map[string]string{"build.hcl": `
variable "HOST" {}
variable "NAME" {}
skip {}
target "base" {
  dockerfile-inline = "FROM scratch\nCOPY base /base\n"
  tags              = ["${HOST}/${NAME}/base:1"]
  output            = ["type=registry,rewrite-timestamp=true"]
  args              = { SOURCE_DATE_EPOCH = "0" }
  attest            = ["type=provenance,disabled=true"]
}
target "default" {
  dockerfile-inline = "FROM ${HOST}/${NAME}/base:1\nCOPY a /a\n"
  tags              = ["${HOST}/${NAME}/app:v1"]
  output            = ["type=registry"]
}
`, "a": "1"})
	base := func(text string) {
		s.write("base", text)
		s.skips("", "--skip=never", "base")
	}
	base("1")
	s.skips("")
	s.skips("default")
	s.skips("default", "--pull")
	base("2")
	s.skips("", "--pull")
	base("3")
	s.skips("")
	s.skips("default")
	base("2")
	s.skips("default") // as it was before, so that its tag moves back
}

// TestSkipTests gates a target by a test, which has to have been passed.
func TestSkipTests(t *testing.T) {
	t.Parallel()
	project := `
variable "HOST" {}
variable "NAME" {}
variable "BUSYBOX" {}
variable "WANT" { default = "1" }
skip {}
target "default" {
  contexts          = { busybox = BUSYBOX }
  dockerfile-inline = "FROM scratch\nCOPY --from=busybox / /\nCOPY a /a\n"
  tags              = ["${HOST}/${NAME}/app:v1"]
  output            = ["type=registry", "type=oci,dest=app.tar"]
}
test "reads" {
  target = "default"
  run    = ["cat", "/a"]
  output = WANT
}
`
	s := newSkipped(t, map[string]string{"build.hcl": project, "a": "1"})
	s.skips("")
	if out := s.skips("default"); !strings.Contains(out, "1 test passed") {
		t.Error(out)
	}
	// A file has to be there, as it was written.
	s.write("app.tar", "else")
	s.skips("")
	s.skips("default")
	if err := os.Remove(filepath.Join(s.dir, "app.tar")); err != nil {
		t.Fatal(err)
	}
	s.skips("")
	before := s.tag("app:v1")
	if err := s.orch("bake", "--progress", "quiet", "--var", "WANT=2").Run(); err == nil {
		t.Error("another test is passed by what it was not run in")
	}
	if s.tag("app:v1") != before {
		t.Error("a tag has moved though a test failed")
	}
	// A run that fails leaves no record.
	s.write("a", "2")
	if err := s.orch("bake", "--progress", "quiet").Run(); err == nil {
		t.Error("the test does not fail")
	}
	if n := len(s.records("app")); n != 1 {
		t.Errorf("%d records, want 1", n)
	}
}

// TestSkipFiles skips targets that write files and folders only, and audits them.
func TestSkipFiles(t *testing.T) {
	t.Parallel()
	s := newSkipped(t, map[string]string{"a": "1", "build.hcl": `
group "default" { targets = ["folder", "image", "tar"] }
skip {}
target "tar" {
  dockerfile-inline = "FROM scratch\nCOPY a /a\n"
  output            = ["type=tar,dest=out.tar"]
}
target "image" {
  inherits = ["tar"]
  output   = ["type=oci,dest=image.tar"]
}
target "folder" {
  inherits = ["tar"]
  output   = ["type=local,dest=out"]
}
`})
	s.skips("")
	s.skips("folder image tar")
	out := s.skips("folder image tar", "--audit")
	if !strings.Contains(out, "Audit: 3 skipped targets built from scratch and compared") {
		t.Error(out)
	}
	// Another checkout has other times, which are no difference.
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(s.dir, "a"), past, past); err != nil {
		t.Fatal(err)
	}
	if out := s.skips("folder image tar", "--audit"); !strings.Contains(out, "an audit says nothing of the content of image: layer 1 of 1") {
		t.Error(out)
	}
	// What a folder has lost, or has more, is seen.
	s.write("out/a", "else")
	s.skips("image tar")
	s.write("out/more", "")
	s.skips("image tar")
	s.skips("folder image tar")
	if err := os.RemoveAll(filepath.Join(s.dir, "out")); err != nil {
		t.Fatal(err)
	}
	s.skips("image tar")
	if data, err := os.ReadFile(filepath.Join(s.dir, "out/a")); err != nil || string(data) != "1" {
		t.Errorf("out/a is %q, %v", data, err)
	}
	s.write("a", "2")
	s.skips("")
	s.skips("folder image tar")
}

// TestSkipLanes has a pull request read what main has built, and not the other
// way round, and demands a key where nobody can be told apart.
func TestSkipLanes(t *testing.T) {
	t.Parallel()
	s := newSkipped(t, map[string]string{"build.hcl": skipProject, "a": "1", "b": "1"})
	s.skips("", "b")
	s.env = []string{"ORCH_CACHE_LANE=pr-7"}
	s.skips("b", "b")
	s.write("b", "2")
	s.skips("", "b")
	s.skips("b", "b")
	s.env = nil
	s.skips("", "b")
	s.env = []string{"ORCH_CACHE_LANE=pr-7", "ORCH_CACHE_TRUSTED=false"}
	out, err := s.orch("bake", "b").CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("Skipping needs a key")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestSkipKey has somebody else push an image and its record, in the name of the
// main lane.
func TestSkipKey(t *testing.T) {
	t.Parallel()
	s := newSkipped(t, map[string]string{"build.hcl": skipProject, "a": "1", "b": "1"})
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	s.write("orch.pub", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	if der, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
		t.Fatal(err)
	}
	key := "ORCH_SKIP_KEY=" + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	s.skips("", "b") // unsigned
	s.skips("b", "b")
	signed := []string{"b", "--set", "*.skip.key=orch.pub"}
	s.skips("", signed...) // who has no private key writes nothing
	s.skips("", signed...)
	s.env = []string{key}
	out := s.skips("", signed...)
	if strings.Contains(out, "PRIVATE KEY") {
		t.Error("the key is shown")
	}
	s.env = nil
	s.skips("b", signed...)
}

// TestSkipTwice has two runs at once.
func TestSkipTwice(t *testing.T) {
	t.Parallel()
	s := newSkipped(t, map[string]string{"build.hcl": skipProject, "a": "1", "b": "1"})
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			if out, err := s.orch("bake", "--progress", "plain").CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	wait.Wait()
	s.skips("a b linked")
	if n := len(s.records("a")); n != 1 {
		t.Errorf("%d records, want 1", n)
	}
}

// TestSkipKilled kills orch at requests between the push and the record: there
// is not a record of an image whose tags have not moved.
func TestSkipKilled(t *testing.T) {
	t.Parallel()
	s := newSkipped(t, map[string]string{"build.hcl": skipProject, "a": "0", "b": "0"})
	s.skips("", "b")
	step := 3
	if testing.Short() {
		step = 7
	}
	for k := 1; ; k += step {
		s.write("b", fmt.Sprint("killed at ", k))
		before, known := s.tag("b:v1"), s.records("b")
		cmd := s.orch("bake", "--progress", "quiet", "b")
		killed := false
		s.set(func(_, n int, _ *http.Request) verdict {
			if n < k {
				return pass
			}
			killed = true
			_ = cmd.Process.Kill()
			return cut
		})
		_ = cmd.Run()
		s.set(nil)
		if !killed {
			break
		}
		if now := s.records("b"); len(now) > len(known) && s.tag("b:v1") == before {
			t.Errorf("killed at request %d: there is a record, and the tag has not moved", k)
		}
		_, _ = s.bake("b")
		s.skips("b", "b")
	}
}

const auditProject = `
variable "HOST" {}
variable "NAME" {}
variable "BUSYBOX" {}
variable "EPOCH" { default = "0" }
skip {}
target "default" {
  contexts          = { busybox = BUSYBOX }
  dockerfile-inline = "FROM scratch\nCOPY --from=busybox / /\nRUN --mount=type=secret,id=s cat /run/secrets/s >/s\n"
  secret            = ["id=s,src=secret"]
  annotations       = ["index:a=b"]
  args              = EPOCH == "" ? {} : { SOURCE_DATE_EPOCH = EPOCH }
  tags              = ["${HOST}/${NAME}/app:v1"]
  output            = ["type=registry,rewrite-timestamp=true"]
}
`

// TestSkipAudit finds a skip that was wrong: the value of a secret is not part of
// the digest.
func TestSkipAudit(t *testing.T) {
	t.Parallel()
	s := newSkipped(t, map[string]string{"build.hcl": auditProject, "secret": "1"})
	s.skips("")
	s.skips("default", "--audit")
	s.write("secret", "2")
	s.skips("default")
	out, err := s.orch("bake", "--progress", "plain", "--audit").CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("default: layers: layer 2 of 2 for linux/")) {
		t.Errorf("%v\n%s", err, out)
	}
	// Nobody skips by that record again, and a build replaces it.
	s.skips("")
	s.skips("default")
	s.skips("default", "--audit")
	// What is not reproducible proves nothing.
	s.skips("", "--var", "EPOCH=")
	out2 := s.skips("default", "--audit", "--var", "EPOCH=")
	if !strings.Contains(out2, "not reproducible") {
		t.Error(out2)
	}
}

// TestSkipAuditForm audits a target with a layer on top of one from the cache that has
// the times of older files: built from scratch, the layer is empty. The files are the
// same.
func TestSkipAuditForm(t *testing.T) {
	t.Parallel()
	const lower = "FROM scratch\nCOPY . /o/\n"
	s := newSkipped(t, map[string]string{"Dockerfile": lower, "ctx/h": rand.Text(), "build.hcl": `
variable "HOST" {}
variable "NAME" {}
skip {}
target "default" {
  context    = "ctx"
  dockerfile = "../Dockerfile"
  args       = { SOURCE_DATE_EPOCH = "0" }
  tags       = ["${HOST}/${NAME}/app:v1"]
  output     = ["type=registry,rewrite-timestamp=true"]
}
`})
	s.skips("")
	newer := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(s.dir, "ctx/h"), newer, newer); err != nil {
		t.Fatal(err)
	}
	s.write("Dockerfile", lower+"COPY h /o/\n")
	s.skips("")
	if out := s.skips("default", "--audit"); !strings.Contains(out, "layer 2 of 2 for linux/") || !strings.Contains(out, "files and configuration are the same") {
		t.Error(out)
	}
	s.skips("default")
}

// TestSkipRotten changes bytes of a layer in the registry's store.
func TestSkipRotten(t *testing.T) {
	t.Parallel()
	s := newSkipped(t, map[string]string{"build.hcl": skipProject, "b": fmt.Sprint("rotten", os.Getpid()), "a": "1"})
	s.skips("", "b")
	_, _, layers := s.parts("b:v1")
	hex := strings.TrimPrefix(layers[0], "sha256:")
	path := filepath.Join(filepath.Dir(shared.state), "registry", "docker/registry/v2/blobs/sha256", hex[:2], hex, "data")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rotten := slices.Clone(data)
	rotten[len(rotten)/2] ^= 1
	if err := os.WriteFile(path, rotten, 0o644); err != nil {
		t.Fatal(err)
	}
	s.skips("b", "b") // its length is right
	out, err := s.orch("bake", "--progress", "plain", "--audit", "b").CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("b: stored content: the blob sha256:")) {
		t.Errorf("%v\n%s", err, out)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Head(direct(t, s.name+"/b:v1")); err != nil {
		t.Error(err)
	}
}

// TestSkipEffects runs what is run for its effect: it is never skipped, and what
// builds no image leaves no record.
func TestSkipEffects(t *testing.T) {
	t.Parallel()
	s := newSkipped(t, map[string]string{
		"build.hcl": `
variable "HOST" {}
variable "NAME" {}
skip {}
target "app" {
  tags   = ["${HOST}/${NAME}/app:v1"]
  output = ["type=registry"]
}
target "folder" {
  dockerfile-inline = "FROM scratch\nCOPY f /f\n"
  output            = ["type=local,dest=out,mode=delete"]
}
`,
		"Dockerfile": "# base is below\nFROM scratch AS base\nARG V\nFROM base\nCOPY f /f\n", "f": "1",
	})
	calls := func(records int) {
		t.Helper()
		for call, want := range map[string]string{"check": "Check complete, no warnings found.", "outline": "V", "targets": "base"} {
			for _, args := range [][]string{{"bake", "--call=" + call, "app"}, {"bake", "--call=" + call, "--skip=proven", "app"}, {"bake", "--progress=plain", "--set=app.call=" + call, "app"}} {
				out, err := s.orch(args...).CombinedOutput()
				if err != nil || !strings.Contains(string(out), want) || strings.Contains(string(out), "skipped") {
					t.Errorf("%v: %v\n%s", args, err, out)
				}
			}
		}
		if records == 0 {
			return // there is no repository
		}
		if got := s.records("app"); len(got) != records {
			t.Errorf("records after calls: %v", got)
		}
	}
	calls(0)
	s.skips("", "app")
	calls(1) // of what is recorded
	s.write("f", "2")
	calls(1) // of what is not
	s.skips("", "app")
	s.skips("app", "app")
	calls(2)
	for _, again := range []string{"--no-cache", "--set=app.no-cache=true", "--set=app.no-cache-filter=base"} {
		s.skips("", "app", again)
	}
	s.skips("app", "app", "--pull") // there is no base that could have moved
	if got := s.records("app"); len(got) != 2 {
		t.Errorf("records: %v", got)
	}
	for range 2 {
		if err := os.MkdirAll(filepath.Join(s.dir, "out"), 0o755); err != nil {
			t.Fatal(err)
		}
		s.write("out/left", "")
		s.skips("", "folder", "--allow=buildx.local.delete")
		if _, err := os.Stat(filepath.Join(s.dir, "out/left")); err == nil {
			t.Error("the folder has not been emptied")
		}
	}
}
