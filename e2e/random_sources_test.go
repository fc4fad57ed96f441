//go:build linux

package e2e

import (
	"crypto/ed25519"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	digest "github.com/opencontainers/go-digest"
	"golang.org/x/crypto/ssh"
)

// randomSources are what random projects read from elsewhere, all of it pinned.
type randomSources struct {
	bases    []string // images with a shell
	contexts []string // of files h0, h1, h2
	mains    []string // contexts with the files of a project
	remote   []string // arguments of ADD
	secret   string   // a file
	key      string   // of SSH
	policies []string // files in Rego that allow all
	static   string   // the file of the source policy of the environment
	swap     string   // a policy that takes an image for another one
	turns    *atomic.Int64
}

// sameFile in front of a link says that it is another name of a file.
const sameFile = "same file: "

// newRandomSources pushes images, writes layouts, and serves a repository and
// files.
func newRandomSources(t *testing.T) *randomSources {
	t.Helper()
	dir := project(t, map[string]string{
		"build.hcl": fmt.Sprintf(`
variable "BUSYBOX" {}
group "default" { targets = ["plain", "env", "onbuild", "chain", "h1", "h2", "l1", "l2"] }
target "_shell" {
  contexts = { busybox = BUSYBOX }
  args     = { SOURCE_DATE_EPOCH = "0" }
  attest   = ["type=provenance,disabled=true"]
  output   = ["type=registry"]
}
target "plain" {
  inherits          = ["_shell"]
  dockerfile-inline = "FROM scratch\nCOPY --from=busybox . /\nENV E=image\n"
  tags              = ["%[1]s/random/plain:1"]
}
target "env" {
  inherits          = ["_shell"]
  dockerfile-inline = "FROM scratch\nCOPY --from=busybox . /\nENV A=image\nUSER 1:2\nWORKDIR /image\nSHELL [\"/bin/sh\", \"-ec\"]\n"
  tags              = ["%[1]s/random/env:1"]
}
target "onbuild" {
  inherits          = ["_shell"]
  dockerfile-inline = "FROM scratch\nCOPY --from=busybox . /\nONBUILD ARG A\nONBUILD COPY f1 d/g? /onb/\nONBUILD RUN echo $A > /onr\n"
  tags              = ["%[1]s/random/onbuild:1"]
}
target "chain" {
  inherits          = ["_shell"]
  dockerfile-inline = "FROM scratch\nCOPY --from=busybox . /\nONBUILD RUN --mount=source=d,target=/m cat /m/* > /onm\nONBUILD ENV E=$A\nONBUILD CMD on\n"
  tags              = ["%[1]s/random/chain:1"]
}
target "_h" {
  inherits          = ["_shell"]
  name              = "h${n}"
  matrix            = { n = ["1", "2"] }
  dockerfile-inline = "FROM scratch\nCOPY h${n} /\n"
  tags              = ["%[1]s/random/h${n}:1"]
}
target "_l" {
  inherits          = ["_shell"]
  name              = "l${n}"
  matrix            = { n = ["1", "2"] }
  dockerfile-inline = "FROM scratch\nCOPY h${n} /\n"
  output            = ["type=oci,tar=false,dest=layout${n}"]
}
`, shared.registry),
		"h1/h0": "0", "h1/h1": "1", "h1/h2": "2", "h2/h0": "other", "h2/h1": "1", "h2/h3": "3", "secret": "of the file",
		"a.rego": "package docker\ndecision := {\"allow\": true}\n", "b.rego": "package docker\nallow := true\ndecision := {\"allow\": allow}\n",
	})
	metadata := filepath.Join(dir, "metadata.json")
	if out, err := runOrch(dir, "bake", "--progress", "plain", "--metadata-file", metadata).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var md map[string]map[string]any
	if err := json.Unmarshal([]byte(readText(t, metadata)), &md); err != nil {
		t.Fatal(err)
	}
	pinned := func(name string) string {
		return fmt.Sprintf("%s/random/%s:1@%s", shared.registry, name, md[name]["containerimage.digest"])
	}
	s := &randomSources{
		secret: filepath.Join(dir, "secret"), key: filepath.Join(dir, "key"), static: filepath.Join(dir, "static.json"), turns: new(atomic.Int64),
		policies: []string{filepath.Join(dir, "a.rego"), filepath.Join(dir, "b.rego")},
		swap: fmt.Sprintf(`{"rules":[{"action":"CONVERT","selector":{"identifier":"docker-image://%s"},"updates":{"identifier":"docker-image://%s"}}]}`,
			pinned("h1"), pinned("h2")),
	}
	writeKey(t, s.key)
	for _, name := range []string{"plain", "env", "onbuild", "chain"} {
		s.bases = append(s.bases, pinned(name))
	}
	for i, h := range []string{"h1", "h2"} {
		s.contexts = append(s.contexts, "docker-image://"+pinned(h), fmt.Sprintf("oci-layout://%s/layout%d", dir, i+1))
	}
	s.serve(t, dir)
	return s
}

// writeKey writes a key for SSH.
func writeKey(t *testing.T, file string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
}

// serve makes a repository of two commits, and serves it and files. Behind one
// URL there is another archive at each turn.
func (s *randomSources) serve(t *testing.T, dir string) {
	t.Helper()
	var commits []string
	repo := filepath.Join(dir, "repo")
	gitIn(t, dir, "init", "-q", "-b", "main", repo)
	for i, h := range []string{"h1", "h2"} {
		if err := os.CopyFS(filepath.Join(repo, h), os.DirFS(filepath.Join(dir, h))); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"f0": h, "f1": "f1", "f2": h, "d/g0": "g0", "d/g1": h, "d/g2": "g2"} {
			file := filepath.Join(repo, "m", name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		_ = os.Remove(filepath.Join(repo, "m", "l0"))
		if err := os.Symlink(fmt.Sprint("f", i), filepath.Join(repo, "m", "l0")); err != nil {
			t.Fatal(err)
		}
		gitIn(t, repo, "add", "-A")
		gitIn(t, repo, "commit", "-q", "-m", h)
		commits = append(commits, gitIn(t, repo, "rev-parse", "HEAD"))
		gitIn(t, repo, "archive", "-o", filepath.Join(dir, fmt.Sprintf("m%d.tar", i)), "HEAD:m")
	}
	root := filepath.Join(dir, "www")
	gitIn(t, dir, "clone", "-q", "--bare", repo, filepath.Join(root, "repo.git"))
	gitIn(t, filepath.Join(root, "repo.git"), "config", "uploadpack.allowAnySHA1InWant", "true")
	backend := &cgi.Handler{
		Path: filepath.Join(gitIn(t, dir, "--exec-path"), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "HOME=" + dir},
	}
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, ".git/") {
			backend.ServeHTTP(w, r)
			return
		}
		if r.URL.Path == "/moving.tar" {
			http.ServeFile(w, r, filepath.Join(dir, fmt.Sprintf("m%d.tar", s.turns.Load()%2)))
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	for _, c := range []string{commits[0] + ":h1", commits[1] + ":h1", commits[1] + ":h2"} {
		s.contexts = append(s.contexts, server.URL+"/repo.git#"+c)
		s.remote = append(s.remote, server.URL+"/repo.git#"+c+" /git/", "--keep-git-dir=false --chmod=0700 "+server.URL+"/repo.git#"+c+" /git/")
	}
	s.mains = []string{server.URL + "/repo.git#" + commits[0] + ":m", server.URL + "/repo.git#" + commits[1] + ":m", server.URL + "/m0.tar", server.URL + "/m1.tar", server.URL + "/moving.tar"}
	for _, name := range []string{"h1/h0", "h2/h0", "h2/h3"} {
		sum := digest.FromString(readText(t, filepath.Join(dir, name))).Encoded()
		s.remote = append(s.remote, fmt.Sprintf("--checksum=sha256:%s %s/%s /http/", sum, server.URL, name), fmt.Sprintf("--chmod=0600 --checksum=sha256:%s %s/%s /http/x", sum, server.URL, name))
	}
}

// turn has another archive behind the URL that moves, and sets the source policy
// of the environment: one that changes nothing, or swap.
func (s *randomSources) turn(t *testing.T, policy string) {
	t.Helper()
	s.turns.Add(1)
	if err := os.WriteFile(s.static, []byte(policy), 0o644); err != nil {
		t.Fatal(err)
	}
}

// more is how many targets a project has beside those of one without sources.
func (s *randomSources) more(r *rand.Rand) int {
	if s == nil {
		return 0
	}
	return r.IntN(3)
}

// base is what a stage may start from.
func (p *randomProject) base(r *rand.Rand, stage int) int {
	if p.sources != nil && r.IntN(3) == 0 {
		return -2 - r.IntN(len(p.sources.bases))
	}
	return oneOf(r, -1, -1, stage-1)
}

// other is what a target may have for its other context.
func (p *randomProject) other(r *rand.Rand, target int) string {
	if p.sources == nil || r.IntN(2) == 0 {
		return oneOf(r, "o1", "o2")
	}
	if target > 0 && r.IntN(3) == 0 {
		return fmt.Sprint("target:", r.IntN(target))
	}
	return oneOf(r, p.sources.contexts...)
}

// otherContext is the other context of a target of project i, as it is written.
func (p *randomProject) otherContext(i int, t *randomTarget) string {
	if n, ok := strings.CutPrefix(t.other, "target:"); ok {
		return fmt.Sprintf("target:p%d-%s", i, n)
	}
	if strings.Contains(t.other, "://") {
		return t.other
	}
	return fmt.Sprintf("p%d/%s", i, t.other)
}

// mainContext is the context of a target of project i, and its Dockerfile if it
// is not there.
func (p *randomProject) mainContext(i int, t *randomTarget) string {
	if t.main == "" {
		return fmt.Sprintf("  context = \"p%d\"\n", i)
	}
	inline := strings.NewReplacer("${", "$${", "%{", "%%{").Replace(fmt.Sprintf("%q", p.dockerfile()))
	return fmt.Sprintf("  context = %q\n  dockerfile-inline = %s\n", t.main, inline)
}

// newMain is what a target has for its context at first: mostly the folder.
func (p *randomProject) newMain(r *rand.Rand) string {
	if p.sources == nil || r.IntN(8) > 0 {
		return ""
	}
	return oneOf(r, p.sources.mains...)
}

// newAttributes are those that a target has at first.
func (p *randomProject) newAttributes(r *rand.Rand) map[string]string {
	attrs := map[string]string{}
	if p.sources != nil && r.IntN(2) == 0 {
		attrs["entitlements"] = `["security.insecure", "network.host"]`
	}
	return attrs
}

// instruction is one of a stage, with sources or without.
func (p *randomProject) instruction(r *rand.Rand, stage int) string {
	if p.sources == nil || r.IntN(5) > 0 {
		return randomInstruction(r, stage)
	}
	n := r.IntN(4)
	switch r.IntN(16) {
	case 12: // what is in one context, or in the other
		return "COPY q* /q/\nCOPY --from=other q* /q/other/"
	case 13: // names that are words of flags
		return oneOf(r, "COPY --parents q0 /qp/\nCOPY parents q0 /qw/", fmt.Sprintf("RUN --mount=type=bind,source=q0,target=/m cat /m > /qm%d\nCOPY mount q0 /qw/", n))
	case 14:
		return oneOf(r, framed...)
	case 15:
		return "ONBUILD " + oneOf(r, `CMD ["a"]`, "CMD a", `RUN ["a"]`, `COPY ["f1", "/onb"]`, "COPY  f1  /onb", "ARG A", `VOLUME ["/v"]`, `ENTRYPOINT ["a"]`)
	case 9:
		return fmt.Sprintf(`RUN --mount=type=ssh%s test -S "$SSH_AUTH_SOCK"; echo $? > /agent%d`, oneOf(r, "", ",id=default", ",mode=0666", ",target=/agent.sock"), n)
	case 10:
		return fmt.Sprintf("RUN --security=%s test -w /sys; echo $? > /rights%d", oneOf(r, "insecure", "sandbox"), n)
	case 11:
		return fmt.Sprintf("RUN --network=host ls /sys/class/net > /net%d", n)
	case 0, 1:
		return "ADD " + oneOf(r, p.sources.remote...)
	case 2:
		return fmt.Sprintf("RUN --mount=type=secret,id=tok%s cat /run/secrets/* > /tok%d 2>/dev/null; true", oneOf(r, "", ",mode=0444", ",env=TOK"), n)
	case 3:
		return "ARG " + oneOf(r, "G", "TARGETARCH", "TARGETPLATFORM", "A=${G:-x}", "BUILDPLATFORM")
	case 4:
		return fmt.Sprintf("RUN echo ${G:-none} ${TARGETARCH:-none} ${A:+a} > /scope%d", n)
	case 5:
		return fmt.Sprintf("RUN <<E <<F\necho $A > /two%d\nE\necho two\nF", n)
	case 6:
		return fmt.Sprintf("RUN cat /etc/hosts | head -n 20 > /hosts%d; ulimit -n > /limit%d", n, n)
	case 7:
		return "COPY --from=other --parents " + oneOf(r, "./h? /op/", "h0 h1 /op/")
	default:
		return "COPY --chmod=" + oneOf(r, "0644", "a+x") + " <<E <<'F' /docs/\none $A\nE\ntwo $A\nF"
	}
}

// framed are instructions that have the same words, one by one or as one.
var framed = []string{
	"CMD [\"x\"]\nENTRYPOINT [\"y\"]", `CMD ["x", "entrypoint", "true", "", "y"]`,
	"RUN [\"/bin/echo\"]\nRUN [\"/bin/echo\", \"/zz\"]", `RUN ["/bin/echo", "run", "true", "", "/bin/echo", "/zz"]`,
}

// mutateSources changes what only projects with sources have.
func (p *randomProject) mutateSources(r *rand.Rand) string {
	t := p.targets[r.IntN(len(p.targets))]
	stage := r.IntN(len(p.stages))
	switch r.IntN(13) {
	case 10:
		for _, lines := range p.stages {
			for i, line := range lines {
				if at := slices.Index(framed, line); at >= 0 {
					lines[i] = framed[at^1]
				}
			}
		}
		return "words of two instructions in one"
	case 11:
		from, to := "q0", oneOf(r, "o1/q0", "o2/q0")
		if r.IntN(2) == 0 {
			from, to = to, from
		}
		one, other := p.files[from], p.files[to]
		one.mode, other.mode = 0o644, 0o755
		p.files[from], p.files[to] = one, other
		return "right to execute moved between contexts"
	case 12:
		p.exchange("q1", oneOf(r, "o1/q1", "o2/q1"))
		return "file that patterns match moved between contexts"
	case 9:
		t.main = oneOf(r, append([]string{"", ""}, p.sources.mains...)...)
		return "main context"
	case 0:
		p.header = [][]string{nil, {"# escape=`"}, {"# check=skip=all"}, {"ARG G=1"}, {"ARG G=2"}, {"# syntax=docker/dockerfile:1", "ARG G=1"}, {"ARG TARGETARCH=mine"}}[r.IntN(7)]
		return "header"
	case 1:
		name, values := "", []string(nil)
		switch r.IntN(10) {
		case 7:
			name, values = "ssh", []string{fmt.Sprintf("[\"default=%s\"]", p.sources.key)}
		case 8:
			name, values = "entitlements", []string{`["security.insecure", "network.host"]`}
		case 9:
			name, values = "policy", []string{fmt.Sprintf("[{ filename = \"cwd://%s\" }]", p.sources.policies[0]), fmt.Sprintf("[{ filename = \"cwd://%s\" }]", p.sources.policies[1])}
		case 0:
			name, values = "platforms", []string{`["linux/amd64"]`, `["linux/amd64", "linux/arm64"]`}
		case 1:
			name, values = "shm-size", []string{`"1m"`, `"2m"`}
		case 2:
			name, values = "ulimits", []string{`["nofile=1024:1024"]`, `["nofile=512:1024"]`}
		case 3:
			name, values = "extra-hosts", []string{`{ db = "10.0.0.1" }`, `{ db = "10.0.0.2" }`}
		case 4:
			name, values = "network", []string{`"none"`, `"default"`}
		case 5:
			name, values = "secret", []string{fmt.Sprintf("[\"id=tok,src=%s\"]", p.sources.secret)}
		case 6:
			name, values = "context-modes", []string{`"git"`}
		}
		if _, ok := t.attrs[name]; ok && r.IntN(2) == 0 {
			delete(t.attrs, name)
		} else {
			t.attrs[name] = oneOf(r, values...)
		}
		return "attribute " + name
	case 2:
		p.bases[stage] = p.base(r, stage)
		return "base of a stage"
	case 3:
		t.other = p.other(r, slices.Index(p.targets, t))
		return "context"
	case 4:
		return p.moveMount(r)
	case 5:
		return p.renameLink(r)
	case 6:
		name := oneOf(r, "f2", "d/g2", "d/second")
		if strings.HasPrefix(p.files[name].link, sameFile) {
			p.files[name] = randomFile{text: "own", mode: 0o644}
		} else {
			p.files[name] = randomFile{text: "f1", mode: 0o644, link: sameFile + "f1"}
		}
		return "second name of a file"
	case 7:
		from, to := "o1/h1", "o2/h1"
		if r.IntN(2) == 0 {
			from, to = "o1/h2", "d/h2"
		}
		p.exchange(from, to)
		return "file moved between contexts"
	default:
		lines := p.stages[stage]
		at := r.IntN(len(lines))
		lines[at] = strings.NewReplacer(`["a"]`, "a", "CMD b", `CMD ["b"]`, " f0 /x/", ` ["f0", "/x/"]`, "<<E", `<<"E"`, "--link ", "", "/x/", "/y/", "$A", "${A}").Replace(lines[at])
		return "form of an instruction"
	}
}

// exchange has each of two files where the other is, or the one that there is.
func (p *randomProject) exchange(from, to string) {
	p.files[from], p.files[to] = p.files[to], p.files[from]
	for _, name := range []string{from, to} {
		if p.files[name] == (randomFile{}) {
			delete(p.files, name)
		}
	}
}

// moveMount gives a mount of one step to another one.
func (p *randomProject) moveMount(r *rand.Rand) string {
	lines := p.stages[r.IntN(len(p.stages))]
	var with, runs []int
	for i, line := range lines {
		if strings.HasPrefix(line, "RUN --mount=") {
			with = append(with, i)
		} else if strings.HasPrefix(line, "RUN ") {
			runs = append(runs, i)
		}
	}
	if len(with) == 0 || len(runs) == 0 {
		return "nothing"
	}
	i, j := oneOf(r, with...), oneOf(r, runs...)
	mount, rest, _ := strings.Cut(strings.TrimPrefix(lines[i], "RUN "), " ")
	lines[i] = "RUN " + rest
	lines[j] = "RUN " + mount + strings.TrimPrefix(lines[j], "RUN")
	return "mount moved"
}

// renameLink gives a link another name that a pattern matches as well.
func (p *randomProject) renameLink(r *rand.Rand) string {
	var links []string
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		if l := p.files[name].link; l != "" && !strings.HasPrefix(l, sameFile) && !strings.Contains(name, "/") {
			links = append(links, name)
		}
	}
	if len(links) == 0 {
		p.files["l0"] = randomFile{link: "f0", mode: fs.ModeSymlink}
		return "link added"
	}
	name := oneOf(r, links...)
	to := fmt.Sprint("l", r.IntN(4))
	if _, ok := p.files[to]; ok {
		return "nothing"
	}
	p.files[to] = p.files[name]
	delete(p.files, name)
	return "link renamed"
}
