//go:build linux

package e2e

import (
	"archive/tar"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/internal/need"
)

// outsideFiles are what a definition must not touch. The text is nowhere else.
var outsideFiles = map[string]string{
	"file":                 "canary-4711",
	"Dockerfile":           "FROM scratch\nLABEL x=canary-4711\n",
	"build.hcl":            "target \"canary-4711\" {}\n",
	"compose.yaml":         "services: { s: { build: { context: ., args: { X: canary-4711 } } } }\n",
	"p.rego":               "package docker\ndecision := {\"allow\": true}\n",
	"dir/file":             "canary-4711",
	"layout/index.json":    "{}",
	"layout/oci-layout":    `{"imageLayoutVersion":"1.0.0"}`,
	"cache/index.json":     "{}",
	"sub/.env":             "X=canary-4711\n",
	"sub/compose.yaml":     "services: {}\n",
	"sub/Dockerfile":       "FROM scratch\n",
	"sub/.dockerignore":    "x\n",
	"sub/Dockerfile.other": "FROM scratch\n",
}

// leads are ways to write a path that leads out of the working directory.
func leads(root string) map[string]string {
	return map[string]string{
		"up":        "../outside/",
		"far up":    "in/../../outside/",
		"absolute":  root + "/outside/",
		"link":      "out/",
		"behind":    "in/link/../outside/",
		"cwd":       "cwd://../outside/",
		"file":      "file://" + root + "/outside/",
		"encoded":   "file://" + root + "/wd/%2e%2e/outside/",
		"dots":      "./.././/outside/",
		"in and up": "in//./..//../outside/",
		"links":     "chain/",
		"process":   "/proc/self/cwd/../outside/",
		"from top":  "/proc/self/root" + root + "/outside/",
		"windows":   `..\\..\\outside\\`,
	}
}

// named are definitions by what in them names a path, which stands for %s.
var named = map[string]map[string]string{
	"context":        {"build.hcl": `target "default" { context = "%ssub" }`},
	"contexts":       {"build.hcl": `target "default" { contexts = { x = "%sdir" } }`},
	"oci-layout":     {"build.hcl": `target "default" { contexts = { x = "oci-layout://%slayout" } }`},
	"dockerfile":     {"build.hcl": `target "default" { dockerfile = "%sDockerfile" }`},
	"empty inline":   {"build.hcl": "target \"default\" {\n dockerfile = \"%sDockerfile\"\n dockerfile-inline = \"\"\n}"},
	"output":         {"build.hcl": `target "default" { output = ["type=local,dest=%sdir"] }`},
	"output archive": {"build.hcl": `target "default" { output = ["type=oci,dest=%sfile"] }`},
	"output delete":  {"build.hcl": `target "default" { output = ["type=local,dest=%sdir,mode=delete"] }`},
	"cache-from":     {"build.hcl": `target "default" { cache-from = ["type=local,src=%scache"] }`},
	"cache-to":       {"build.hcl": `target "default" { cache-to = ["type=local,dest=%scache"] }`},
	"cache":          {"build.hcl": "target \"default\" {\n cache {\n type = \"local\"\n ref = \"%scache\"\n }\n}"},
	"cache outside":  {"build.hcl": "cache {\n type = \"local\"\n ref = \"%scache\"\n}\ntarget \"default\" {}"},
	"secret":         {"build.hcl": `target "default" { secret = ["id=s,src=%sfile"] }`},
	"ssh":            {"build.hcl": `target "default" { ssh = ["default=%sfile"] }`},
	"policy":         {"build.hcl": `target "default" { policy = [{ filename = "%sp.rego" }] }`},
	"import":         {"build.hcl": `import "i" { source = "%sbuild.hcl" }`},
	"import pattern": {"build.hcl": `import "i" { source = "%s*.hcl" }`},
	"imported":       {"build.hcl": `import "i" { source = "in/i.hcl" }`, "in/i.hcl": `target "default" { context = "%ssub" }`},
	"override":       {"build.hcl": `target "default" {}`, "build.override.hcl": `target "default" { dockerfile = "%sDockerfile" }`},
	"bake override":  {"docker-bake.hcl": `target "default" {}`, "docker-bake.override.hcl": `target "default" { context = "%ssub" }`},
	"json override":  {"docker-bake.json": `{"target":{"default":{}}}`, "docker-bake.override.json": `{"target":{"default":{"dockerfile":"%sDockerfile"}}}`},
	"compose over":   {"compose.yaml": "services: { default: { build: . } }", "compose.override.yaml": "services: { default: { env_file: '%sfile', build: . } }"},
	"x-bake":         {"compose.yaml": "services: { default: { build: { context: ., x-bake: { secret: ['id=s,src=%sfile'], cache-to: ['type=local,dest=%scache'] } } } }"},
	"label file":     {"compose.yaml": "services: { default: { label_file: '%sfile', build: . } }"},
	"config file":    {"compose.yaml": "configs: { c: { file: '%sfile' } }\nservices: { default: { configs: [c], build: . } }"},
	"additional":     {"compose.yaml": "services: { default: { build: { context: ., additional_contexts: { x: '%sdir' } } } }"},
	"include":        {"compose.yaml": "include: ['%scompose.yaml']\nservices: { default: { build: . } }"},
	"include env":    {"compose.yaml": "include: [{ path: in/c.yaml, env_file: '%sfile' }]", "in/c.yaml": "services: { default: { build: . } }"},
	"include folder": {"compose.yaml": "include: [{ path: in/c.yaml, project_directory: '%ssub' }]", "in/c.yaml": "services: { default: { build: . } }"},
	"extends":        {"compose.yaml": "services: { default: { extends: { file: '%scompose.yaml', service: s } } }"},
	"env_file":       {"compose.yaml": "services: { default: { env_file: '%sfile', build: . } }"},
	"build context":  {"compose.yaml": "services: { default: { build: '%ssub' } }"},
	"skip key":       {"build.hcl": "target \"default\" {\n tags = [\"127.0.0.1:1/x:1\"]\n skip {\n key = \"%sfile\"\n }\n}"},
	"matrix":         {"build.hcl": "target \"default\" {\n matrix = { p = [\"%sdir\"] }\n name = \"t\"\n contexts = { x = p }\n}"},
	"inherited":      {"build.hcl": "target \"_p\" {\n secret = [{ id = \"s\", src = \"%sfile\" }]\n}\ntarget \"default\" { inherits = [\"_p\"] }"},
	"variable":       {"build.hcl": "variable \"P\" { default = \"%sdir\" }\ntarget \"default\" { contexts = { x = P } }"},
	"cache imports":  {"build.hcl": "import \"i\" { source = \"in/i.hcl\" }\ntarget \"default\" {}", "in/i.hcl": "cache {\n type = \"local\"\n ref = \"%scache\"\n}\ntarget \"i\" {}"},
	"kept mounts":    {"build.hcl": "cache {\n type = \"local\"\n ref = \"%scache\"\n mounts = true\n}\ntarget \"default\" { dockerfile-inline = \"FROM scratch\\nRUN --mount=type=cache,target=/c x\" }"},
	"bind mount":     {"build.hcl": "target \"default\" {\n contexts = { x = \"%sdir\" }\n dockerfile-inline = \"FROM scratch\\nRUN --mount=type=bind,from=x,target=/c x\"\n}"},
	"compose secret": {"compose.yaml": "secrets: { s: { file: '%sfile' } }\nservices: { default: { build: { context: ., secrets: [s] } } }"},
}

// linked are definitions in whose place, or beside which, there is a link.
var linked = map[string]map[string]string{
	".env":                    {"compose.yaml": "services: { default: { build: . } }"},
	"Dockerfile":              {"build.hcl": `target "default" {}`},
	".dockerignore":           {"build.hcl": `target "default" {}`},
	"Dockerfile.dockerignore": {"build.hcl": `target "default" {}`},
	"Dockerfile.rego":         {"build.hcl": `target "default" {}`},
	"in":                      {"build.hcl": `target "default" { context = "in" }`},
	"i.hcl":                   {"build.hcl": `import "i" { source = "*i.hcl" }`},
	"named/.dockerignore":     {"build.hcl": "target \"default\" {\n contexts = { x = \"named\" }\n dockerfile-inline = \"FROM scratch\\nCOPY --from=x f /\"\n}", "named/f": "f"},
	"orch.lock.hcl":           {"build.hcl": `target "default" {}`},
	"builders.hcl":            {"build.hcl": `target "default" {}`},
	"layout/index.json":       {"build.hcl": `target "default" { contexts = { x = "oci-layout://layout" } }`, "layout/oci-layout": "{}"},
	"images/blobs":            {"build.hcl": `target "default" { output = ["type=oci,tar=false,dest=images"] }`, "images/oci-layout": "{}"},
	"to/ingest":               {"build.hcl": `target "default" { cache-to = ["type=local,dest=to"] }`, "to/oci-layout": "{}"},
	"to/index.json":           {"build.hcl": `target "default" { cache-to = ["type=local,dest=to"] }`, "to/oci-layout": "{}"},
	"from/index.json":         {"build.hcl": `target "default" { cache-from = ["type=local,src=from"] }`, "from/oci-layout": "{}"},
	"lane/blobs":              {"build.hcl": "cache {\n type = \"local\"\n ref = \"lane\"\n}\ntarget \"default\" {}", "lane/oci-layout": "{}"},
	"local/dir":               {"build.hcl": "target \"default\" {\n output = [\"type=local,dest=local\"]\n dockerfile-inline = \"FROM scratch\\nCOPY build.hcl /dir/file\\n\"\n}", "local/f": ""},
}

// permissionCommands are those that definitions are tried with: each reads files in a way of
// its own. The first is for every definition, of the others each takes its turn.
var permissionCommands = [][]string{
	{"bake", "--progress", "plain"}, {"bake", "--print"}, {"plan", "--files"}, {"validate", "--lint"}, {"list", "targets"},
	{"lock"}, {"bundle", "-o", "bundled"}, {"explain"}, {"affected", "--base", "HEAD"}, {"validate", "--deep"}, {"plan", "--shards", "2"},
	{"list", "variables"}, {"doctor"}, {"builder", "ls"}, {"bake", "--check"}, {"bake", "--frozen"}, {"lsp"}, {"bake", "--watch"}, {"fmt", "--check"},
}

// always is how many of the commands every definition is tried with.
const always = 1

// some are the commands that the n-th definition is tried with.
func some(n int) [][]string {
	rest := permissionCommands[always:]
	others := 2
	if os.Getenv("ORCH_STRESS") != "" {
		others = 4
	}
	out := slices.Clone(permissionCommands[:always])
	for i := range others {
		out = append(out, rest[(others*n+i)%len(rest)])
	}
	return out
}

// readyToTrace returns strace, and starts the builder: strace would wait for one that is
// started under it.
func readyToTrace(t *testing.T) (strace string) {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		need.Missing(t, "strace")
	}
	if out, err := runOrch(t.TempDir(), "builder", "start").CombinedOutput(); err != nil {
		t.Fatalf("starting the builder: %v\n%s", err, out)
	}
	return strace
}

// TestPermissions builds, plans and checks definitions that lead out of the
// working directory, and has the kernel's word for what orch opened, made or
// removed there: nothing.
func TestPermissions(t *testing.T) {
	t.Parallel()
	strace := readyToTrace(t)
	n := 0
	hows := slices.Sorted(maps.Keys(leads("ROOT")))
	for i, what := range slices.Sorted(maps.Keys(named)) {
		for k, how := range hows {
			if os.Getenv("ORCH_STRESS") == "" && (i+k)%7 != 0 {
				continue // two ways for each
			}
			files := map[string]string{}
			for name, text := range named[what] {
				files[name] = strings.ReplaceAll(text, "%s", leads("ROOT")[how])
			}
			n++
			t.Run(what+"/"+how, func(t *testing.T) { touchesNothing(t, strace, files, "", "", some(n)) })
		}
	}
	ways := []string{"absolute", "cwd", "file", "link", "encoded", "links", "process"}
	for i, what := range slices.Sorted(maps.Keys(named)) {
		some := ways[i%len(ways):][:1]
		if os.Getenv("ORCH_STRESS") != "" {
			some = ways
		}
		for _, how := range some {
			files := map[string]string{}
			for name, text := range named[what] {
				files[name] = strings.ReplaceAll(text, "%s", leads("ROOT")[how])
			}
			commands := [][]string{{"bake", "--progress", "plain"}, {"plan", "--files"}}
			if os.Getenv("ORCH_STRESS") == "" {
				commands = commands[i%2:][:1]
			}
			t.Run("remote/"+what+"/"+how, func(t *testing.T) { remoteTouchesNothing(t, strace, files, commands) })
		}
	}
	for i, link := range slices.Sorted(maps.Keys(linked)) {
		files, to := linked[link], strings.Repeat("../", strings.Count(link, "/"))+"../outside/"
		switch filepath.Base(link) {
		case "in":
			to += "sub"
		case "blobs", "ingest", "dir":
			to += "dir"
		default:
			to += "file"
		}
		t.Run("link/"+link, func(t *testing.T) {
			touchesNothing(t, strace, files, link, to, append(some(2*i), some(2*i + 1)[always:]...))
		})
	}
}

// TestPermissionsFetch has remote contexts looked into whose targets name secrets and
// keys outside: they would be sent to whatever server the definition names.
func TestPermissionsFetch(t *testing.T) {
	t.Parallel()
	strace := readyToTrace(t)
	for name, with := range map[string]string{
		"token": `secret = ["id=GIT_AUTH_TOKEN,src=%s"]`, "header": `secret = ["id=HTTP_AUTH_HEADER_127.0.0.1,src=%s"]`, "key": `ssh = ["default=%s"]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if text := r.Header.Get("Authorization"); text != "" {
					t.Errorf("the server of the context is sent %q", text)
				}
				http.NotFound(w, r)
			}))
			defer server.Close()
			for file, text := range map[string]string{
				"outside/file": outsideFiles["file"],
				"wd/build.hcl": "target \"default\" {\n context = \"" + server.URL + "/x.git\"\n output = [\"type=cacheonly\"]\n " + fmt.Sprintf(with, root+"/outside/file") + "\n}\n",
			} {
				path := filepath.Join(root, file)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			commands := [][]string{{"bake", "--progress", "plain"}, {"lock"}, {"explain"}, {"validate", "--lint"}}
			if os.Getenv("ORCH_STRESS") != "" {
				commands = append(commands, []string{"bake", "--check"}, []string{"bake", "--print"}, []string{"bundle", "-o", "bundled"}, []string{"validate", "--deep"},
					[]string{"plan", "--files"}, []string{"debug", "default"}, []string{"repro", "default"}, []string{"__complete", "debug", "default@"})
			}
			runTraced(t, strace, root, commands)
		})
	}
}

// TestTraced holds that the judge of TestPermissions sees what there is to see.
func TestTraced(t *testing.T) {
	for line, want := range map[string]bool{
		`12 openat(AT_FDCWD</r/wd>, "../outside/f", O_RDONLY) = 3</r/outside/f>`:          true,
		`12 openat(AT_FDCWD</r/wd>, "f", O_RDONLY) = 3</r/wd/f>`:                          false,
		`12 openat(AT_FDCWD</r/wd>, "../outside/f", O_RDONLY) = -1 ENOENT (No such file)`: false,
		`12 mkdirat(AT_FDCWD</r/wd>, "../outside/d", 0755) = 0`:                           true,
		`12 renameat(AT_FDCWD</r/wd>, "a", 3</r/outside>, "b") = 0`:                       true,
		`12 unlinkat(4</r/wd>, "file:/r/outside/f", 0) = 0`:                               false,
		`12 newfstatat(AT_FDCWD</r/wd>, "/r/outside/f", {st_mode=S_IFREG}, 0) = 0`:        false,
	} {
		if got := touched(line, "/r/wd", "/r/outside"); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

// touchesNothing runs orch on a definition, traced.
func touchesNothing(t *testing.T, strace string, files map[string]string, link, to string, commands [][]string) {
	t.Parallel()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	wd, outside := filepath.Join(root, "wd"), filepath.Join(root, "outside")
	write := func(dir, name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "ROOT", root)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range outsideFiles {
		write(outside, name, text)
	}
	if link != "Dockerfile" {
		write(wd, "Dockerfile", "FROM scratch\n")
	}
	for name, text := range files {
		write(wd, name, text)
	}
	links := map[string]string{"out": "../outside", "step": "out", "chain": "step/../outside"}
	if link != "in" {
		write(wd, "in/f", "")
		links["in/link"] = "../../outside/dir"
	}
	if link != "" {
		links[link] = to
	}
	for name, to := range links {
		if err := os.Symlink(to, filepath.Join(wd, name)); err != nil {
			t.Fatal(err)
		}
	}
	if slices.ContainsFunc(commands, func(args []string) bool { return args[0] == "affected" }) {
		for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x"}} {
			if out, err := exec.Command("git", append([]string{"-C", wd}, args...)...).CombinedOutput(); err != nil {
				t.Fatalf("git %v: %v\n%s", args, err, out)
			}
		}
	}
	runTraced(t, strace, root, commands)
}

// remoteTouchesNothing runs orch on a definition from a server, which comes with
// a link to a folder of this machine.
func remoteTouchesNothing(t *testing.T, strace string, files map[string]string, commands [][]string) {
	t.Parallel()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range outsideFiles {
		path := filepath.Join(root, "outside", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "wd"), 0o755); err != nil {
		t.Fatal(err)
	}
	var data bytes.Buffer
	w := tar.NewWriter(&data)
	add := func(h *tar.Header, text string) {
		h.Size, h.Mode = int64(len(text)), 0o644
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	add(&tar.Header{Name: "Dockerfile"}, "FROM scratch\n")
	add(&tar.Header{Name: "in/f"}, "f")
	add(&tar.Header{Name: "out", Typeflag: tar.TypeSymlink, Linkname: filepath.Join(root, "outside")}, "")
	for name, text := range files {
		add(&tar.Header{Name: name}, strings.ReplaceAll(text, "ROOT", root))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data.Bytes()) }))
	t.Cleanup(server.Close)
	for i, args := range commands {
		commands[i] = append(slices.Clone(args), server.URL+"/def.tar")
	}
	runTraced(t, strace, root, commands)
}

// runTraced runs commands in the folder wd of a root and has the kernel's word
// for what they touched in its folder outside.
func runTraced(t *testing.T, strace, root string, commands [][]string) {
	t.Helper()
	wd, outside := filepath.Join(root, "wd"), filepath.Join(root, "outside")
	for i, args := range commands {
		trace := filepath.Join(root, fmt.Sprint("trace", i))
		cmd := exec.Command(strace, append([]string{"--seccomp-bpf", "-f", "-y", "-qq", "-s", "4096", "-e", "trace=%file,ftruncate", "-o", trace, filepath.Join(shared.bin, "orch")}, args...)...)
		cmd.Dir = wd
		cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+shared.state, allFiles+"=", "SSH_AUTH_SOCK=")
		out := traced(t, cmd, args)
		if strings.Contains(string(out), "canary-4711") {
			t.Errorf("orch %v shows what it may not read:\n%s", args, out)
		}
		data, err := os.ReadFile(trace)
		if err != nil {
			t.Fatalf("strace: %v\n%s", err, out)
		}
		for line := range strings.Lines(string(data)) {
			if touched(line, wd, outside) {
				t.Errorf("orch %v: %s%s", args, line, out)
			}
		}
	}
}

// traced runs a command to its end. An editor asks, and hears an answer; what
// watches files is interrupted when it has looked at them.
func traced(t *testing.T, cmd *exec.Cmd, args []string) []byte {
	t.Helper()
	if args[0] == "lsp" {
		cmd.Stdin = editing(cmd.Dir)
	}
	if slices.Contains(args, "--watch") {
		cmd.Args = append([]string{"timeout", "-s", "INT", "3"}, cmd.Args...)
		cmd.Path, _ = exec.LookPath("timeout")
	}
	out, _ := cmd.CombinedOutput()
	return out
}

// editing is what an editor sends that opens the files of a folder and asks about
// them. The answer to the last question comes after all that was opened.
func editing(dir string) io.Reader {
	var b bytes.Buffer
	send := func(text string) { fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(text), text) }
	send(fmt.Sprintf(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"rootUri":"file://%s","capabilities":{}}}`, dir))
	send(`{"jsonrpc":"2.0","method":"initialized","params":{}}`)
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if info, bad := os.Lstat(file); err != nil || bad != nil || !info.Mode().IsRegular() {
			continue
		}
		send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file://%s","languageId":"hcl","version":1,"text":%q}}}`, file, text))
	}
	r, w := io.Pipe()
	go func() {
		_, _ = w.Write(b.Bytes())
		for id := range 3 { // while the files are looked at
			time.Sleep(300 * time.Millisecond)
			text := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"workspace/symbol","params":{"query":"x"}}`, id+1)
			_, _ = fmt.Fprintf(w, "Content-Length: %d\r\n\r\n%s", len(text), text)
		}
		_ = w.Close()
	}()
	return r
}

// tracedPath finds the paths in a line of strace, each behind the folder that it
// starts from, if that is not the working directory.
var tracedPath = regexp.MustCompile(`(?:<([^<>]*)>, )?"((?:[^"\\\\]|\\\\.)*)"`)

// touched says whether a line of strace is about something of a folder that was
// opened, made or changed. To look at where a link leads, and whether something
// is there, is not that.
func touched(line, wd, folder string) bool {
	_, call, _ := strings.Cut(strings.TrimSpace(line), " ")
	name, rest, ok := strings.Cut(strings.TrimSpace(call), "(")
	i := strings.LastIndex(rest, ") = ")
	if !ok || i < 0 || looks(name) {
		return false
	}
	result := rest[i+len(") = "):]
	if strings.HasPrefix(result, "-1") {
		return false
	}
	if strings.HasPrefix(name, "open") {
		return strings.Contains(result, "<"+folder)
	}
	for _, m := range tracedPath.FindAllStringSubmatch(rest[:i], -1) {
		path := m[2]
		if !filepath.IsAbs(path) {
			path = filepath.Join(cmp.Or(m[1], wd), path)
		}
		if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			path = filepath.Join(dir, filepath.Base(path))
		}
		if path == folder || strings.HasPrefix(path, folder+"/") {
			return true
		}
	}
	return strings.Contains(rest[:i], "<"+folder)
}

func looks(call string) bool {
	for _, name := range []string{"stat", "lstat", "newfstatat", "statx", "readlink", "readlinkat", "access", "faccessat", "faccessat2", "getcwd", "chdir", "execve"} {
		if call == name {
			return true
		}
	}
	return false
}
