//go:build linux

package e2e

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/crypto/ssh/agent"
)

// parityParts are what the projects build from besides their own files.
type parityParts struct {
	env       []string
	git, http string          // the addresses of what is served
	builders  map[string]bool // that bake knows
}

// startParityParts pushes a small image, writes it as a layout, serves a git
// repository and an archive, and starts an ssh agent.
func startParityParts(t *testing.T) *parityParts {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "orch-parity-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &parityParts{builders: map[string]bool{}}
	set := func(key, value string) { p.env = append(p.env, key+"="+value) }
	set("ORCH_STATE_DIR", shared.state)
	set("BUILDX_CONFIG", filepath.Join(dir, "buildx"))
	set("DOCKER_CONFIG", filepath.Join(dir, "docker"))
	set("BUSYBOX", shared.busybox)
	set("SOURCE_DATE_EPOCH", fmt.Sprint(epoch))
	set("TOKEN", "parity-token")
	set("SEED", pushSeed(t))
	set("SCANNER", pushScanner(t))
	set("LAYOUT", writeLayout(t, filepath.Join(dir, "layout")))
	p.git, p.http = serveGit(t, filepath.Join(dir, "git")), serveArchive(t)
	set("GIT", p.git)
	set("HTTP", p.http)
	set("SSH_AUTH_SOCK", serveAgent(t, filepath.Join(dir, "agent.sock")))
	return p
}

// remoteFiles are those of the git repository and of the archive.
var remoteFiles = map[string]string{
	"Dockerfile": "FROM base\nCOPY a.txt /remote.txt\n",
	"a.txt":      "remote asset\n",
}

// seedImage is an image of one file for two platforms, the same on each run.
func seedImage(t *testing.T) v1.ImageIndex {
	t.Helper()
	index := v1.ImageIndex(empty.Index)
	for _, arch := range []string{"amd64", "arm64"} {
		data := archive(t, map[string]string{"seed.txt": "seed for " + arch + "\n"})
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
		if err != nil {
			t.Fatal(err)
		}
		img, err := mutate.AppendLayers(empty.Image, layer)
		if err != nil {
			t.Fatal(err)
		}
		img, err = mutate.ConfigFile(img, &v1.ConfigFile{
			OS: "linux", Architecture: arch, Created: v1.Time{Time: time.Unix(epoch, 0)},
			Config: v1.Config{Env: []string{"SEED=" + arch}, Labels: map[string]string{"seed": "yes"}},
			RootFS: rootFS(t, img), History: []v1.History{{CreatedBy: "seed"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return index
}

func rootFS(t *testing.T, img v1.Image) v1.RootFS {
	t.Helper()
	cf, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return cf.RootFS
}

func pushSeed(t *testing.T) string {
	t.Helper()
	ref, err := name.NewTag(shared.registry+"/parity/seed:v1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, seedImage(t)); err != nil {
		t.Fatal(err)
	}
	return ref.String()
}

func writeLayout(t *testing.T, dir string) string {
	t.Helper()
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	tag := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "seed"})
	if err := p.AppendIndex(seedImage(t), tag); err != nil {
		t.Fatal(err)
	}
	return dir
}

// archive is a tar file with fixed times.
func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, path := range sortedKeys(files) {
		h := &tar.Header{Name: path, Mode: 0o644, Size: int64(len(files[path])), ModTime: time.Unix(epoch, 0)}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[path])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func serveArchive(t *testing.T) string {
	t.Helper()
	data := archive(t, remoteFiles)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "files.tar", time.Unix(epoch, 0), bytes.NewReader(data))
	}))
	t.Cleanup(s.Close)
	return s.URL + "/files.tar"
}

// serveGit serves a repository by git's own program for that.
func serveGit(t *testing.T, dir string) string {
	t.Helper()
	work := filepath.Join(dir, "work")
	for path, text := range remoteFiles {
		if err := os.MkdirAll(work, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(work, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	commitFiles(t, work, ".")
	git(t, "clone", "-q", "--bare", work, filepath.Join(dir, "files.git"))
	backend := filepath.Join(git(t, "--exec-path"), "git-http-backend")
	s := httptest.NewServer(&cgi.Handler{
		Path: backend,
		Env:  []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	})
	t.Cleanup(s.Close)
	return s.URL + "/files.git#main"
}

// git runs git, whose commits are the same in each run.
func git(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	date := fmt.Sprintf("%d +0000", epoch)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commitFiles makes a folder a repository with some of its files.
func commitFiles(t *testing.T, dir string, files ...string) {
	t.Helper()
	git(t, "init", "-q", "-b", "main", dir)
	git(t, append([]string{"-C", dir, "add"}, files...)...)
	git(t, "-C", dir, "commit", "-q", "-m", "files")
}

// serveAgent is an ssh agent without keys.
func serveAgent(t *testing.T, path string) string {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = agent.ServeAgent(agent.NewKeyring(), conn)
			}()
		}
	}()
	return path
}
