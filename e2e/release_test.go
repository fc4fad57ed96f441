//go:build linux

package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"debug/buildinfo"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/orch-build/orch/internal/need"
)

// TestRelease packs this orch as a release, and installs it in each way that there
// is a tool for here.
func TestRelease(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		need.Missing(t, "openssl")
	}
	base := t.TempDir()
	makeRelease(t, base)
	server := httptest.NewServer(http.FileServer(http.Dir(base)))
	t.Cleanup(server.Close)
	at := installing{t, filepath.Join(base, "v0.2.0"), server.URL}
	t.Run("script", at.script)
	t.Run("damaged", at.damaged)
	t.Run("asdf", at.asdf)
	t.Run("tarball", at.tarball)
	t.Run("deb", at.deb)
	t.Run("rpm", at.rpm)
}

// makeRelease writes a release for this platform alone, signed, into dir/v0.2.0.
func makeRelease(t *testing.T, dir string) {
	programs := filepath.Join(t.TempDir(), "linux-"+runtime.GOARCH)
	orch := filepath.Join(shared.bin, "orch")
	info, err := buildinfo.ReadFile(orch)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	putFile(t, filepath.Join(programs, "orch.modules"), info.String())
	putFile(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	if err := os.Link(orch, filepath.Join(programs, "orch")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", "../release", "-docs", "..", "-programs", filepath.Dir(programs), "-out", filepath.Join(dir, "v0.2.0"),
		"-version", "v0.2.0", "-base", "https://releases.invalid", "-key", filepath.Join(dir, "key.pem"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// installing is a release that is installed: its folder, and the address of it.
type installing struct {
	t           *testing.T
	dir, server string
}

// inHome runs a program with a home folder of its own.
func inHome(t *testing.T, home string, env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = home
	cmd.Env = append(append(os.Environ(), "HOME="+home, "PATH="+os.Getenv("PATH")), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// isThere fails the test if a program does not say which one it is.
func isThere(t *testing.T, orch string) {
	t.Helper()
	if out, err := exec.Command(orch, "version").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "orch v") {
		t.Errorf("%v: %s", err, out)
	}
}

func (i installing) script(t *testing.T) {
	home := t.TempDir()
	out, err := inHome(t, home, nil, "sh", filepath.Join(i.dir, "install.sh"), "--from", i.server, "--to", ".local/bin")
	if err != nil || !strings.Contains(out, "is not in PATH") {
		t.Fatalf("%v\n%s", err, out)
	}
	isThere(t, filepath.Join(home, ".local/bin/orch"))
	for _, name := range []string{"bash-completion/completions/orch", "zsh/site-functions/_orch", "fish/vendor_completions.d/orch.fish", "man/man1/orch-bake.1"} {
		if _, err := os.Stat(filepath.Join(home, ".local/share", name)); err != nil {
			t.Error(err)
		}
	}
	// From a pipe, over what is there, into a folder that is not a bin.
	command := "cat '" + i.dir + "/install.sh' | sh -s -- --from '" + i.dir + "/..' --to tools && cat '" + i.dir + "/install.sh' | sh -s -- --from '" + i.dir + "/..' --to tools"
	if out, err := inHome(t, home, nil, "sh", "-c", command); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	isThere(t, filepath.Join(home, "tools/orch"))
	if list, err := os.ReadDir(filepath.Join(home, "tools")); err != nil || len(list) != 1 {
		t.Errorf("%v: %v", err, list)
	}
}

// damaged changes a release on its way: nothing of it is installed.
func (i installing) damaged(t *testing.T) {
	archive := "orch_0.2.0_linux_" + runtime.GOARCH + ".tar.gz"
	for name, tt := range map[string]struct {
		change func(dir string)
		args   []string
		want   string
	}{
		"archive":       {func(dir string) { appendTo(t, filepath.Join(dir, archive)) }, nil, "the sum of " + archive + " is wrong"},
		"sums":          {func(dir string) { appendTo(t, filepath.Join(dir, "SHA256SUMS")) }, nil, "the signature of the release is wrong"},
		"no signature":  {func(dir string) { removeFile(t, filepath.Join(dir, "SHA256SUMS.sig")) }, nil, "SHA256SUMS.sig"},
		"unsigned":      {func(dir string) { appendTo(t, filepath.Join(dir, archive)) }, []string{"--unsigned"}, "the sum of " + archive + " is wrong"},
		"other version": {func(string) {}, []string{"--version", "v9.9.9"}, "v9.9.9/SHA256SUMS"},
		"no archive":    {func(dir string) { removeFile(t, filepath.Join(dir, archive)) }, nil, archive},
		"misspelt":      {func(string) {}, []string{"--too"}, "unknown: --too"},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			copyFiles(t, i.dir, filepath.Join(home, "v0.2.0"), "SHA256SUMS", "SHA256SUMS.sig", archive)
			tt.change(filepath.Join(home, "v0.2.0"))
			args := append([]string{filepath.Join(i.dir, "install.sh"), "--from", home, "--to", "bin"}, tt.args...)
			out, err := inHome(t, home, nil, "sh", args...)
			if err == nil || !strings.Contains(out, tt.want) {
				t.Errorf("%v, want %q:\n%s", err, tt.want, out)
			}
			if _, err := os.Stat(filepath.Join(home, "bin/orch")); err == nil {
				t.Error("it was installed")
			}
		})
	}
}

func (i installing) asdf(t *testing.T) {
	home := t.TempDir()
	if out, err := inHome(t, home, nil, "tar", "-xzf", filepath.Join(i.dir, "asdf-orch.tar.gz")); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	env := []string{"ASDF_INSTALL_VERSION=0.2.0", "ASDF_INSTALL_PATH=" + filepath.Join(home, "installed"), "ORCH_RELEASES=" + i.server}
	if out, err := inHome(t, home, env, "bin/install"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	isThere(t, filepath.Join(home, "installed/bin/orch"))
	tags := []string{"v0.10.0", "v0.2.0", "v0.9.1", "v0.11.0-rc.1", "nightly"}
	repository := filepath.Join(home, "repository")
	script := "git init -q repository && cd repository && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m one"
	for _, tag := range tags {
		script += " && git tag " + tag
	}
	if out, err := inHome(t, home, nil, "sh", "-c", script); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := inHome(t, home, []string{"ORCH_REPOSITORY=" + repository}, "bin/list-all"); err != nil || strings.TrimSpace(out) != "0.2.0 0.9.1 0.10.0" {
		t.Errorf("%v: %q", err, out)
	}
}

func (i installing) tarball(t *testing.T) {
	root := t.TempDir()
	if out, err := inHome(t, root, nil, "tar", "-xzf", filepath.Join(i.dir, "orch_0.2.0_linux_"+runtime.GOARCH+".tar.gz")); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	inRoot(t, root, "/orch")
}

func (i installing) deb(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("no dpkg: this is not Debian")
	}
	root := t.TempDir()
	for _, dir := range []string{"info", "updates", "triggers"} {
		if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	putFile(t, filepath.Join(root, "var/lib/dpkg/status"), "")
	dpkg := func(args ...string) {
		t.Helper()
		if out, err := inHome(t, root, nil, "dpkg", append([]string{"--root", root, "--force-not-root", "--log=/dev/null"}, args...)...); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	dpkg("--install", filepath.Join(i.dir, "orch_0.2.0_"+runtime.GOARCH+".deb"))
	inRoot(t, root, "/usr/bin/orch")
	for _, name := range []string{"bash-completion/completions/orch", "zsh/vendor-completions/_orch", "man/man1/orch-bake.1.gz", "doc/orch/copyright"} {
		if _, err := os.Stat(filepath.Join(root, "usr/share", name)); err != nil {
			t.Error(err)
		}
	}
	dpkg("--remove", "orch")
	if _, err := os.Stat(filepath.Join(root, "usr/bin/orch")); err == nil {
		t.Error("dpkg --remove left it")
	}
}

func (i installing) rpm(t *testing.T) {
	if _, err := exec.LookPath("rpm"); err != nil {
		need.Missing(t, "rpm")
	}
	if os.Geteuid() != 0 {
		t.Skip("rpm installs only as root")
	}
	root := t.TempDir()
	rpm := func(args ...string) string {
		t.Helper()
		out, err := inHome(t, root, nil, "rpm", args...)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return out
	}
	cpu := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	name := filepath.Join(i.dir, "orch-0.2.0-1."+cpu+".rpm")
	if out := rpm("--checksig", name); !strings.Contains(out, "digests OK") {
		t.Errorf("the sums in the package: %s", out)
	}
	if out := rpm("-qp", "--queryformat", "%{NAME} %{VERSION}-%{RELEASE} %{ARCH} %{LICENSE}: %{SUMMARY}\n", "--recommends", name); !strings.HasPrefix(out, "orch 0.2.0-1 "+cpu+" Apache-2.0: Builds many") || !strings.Contains(out, "runc") {
		t.Errorf("the package says %s", out)
	}
	rpm("--root", root, "--install", name)
	inRoot(t, root, "/usr/bin/orch")
	for _, name := range []string{"bash-completion/completions/orch", "zsh/site-functions/_orch", "fish/vendor_completions.d/orch.fish", "man/man1/orch-bake.1.gz", "doc/orch/copyright"} {
		if _, err := os.Stat(filepath.Join(root, "usr/share", name)); err != nil {
			t.Error(err)
		}
	}
	if out := rpm("--root", root, "--verify", "orch"); out != "" {
		t.Errorf("what is installed is not what is in the package:\n%s", out)
	}
	rpm("--root", root, "--erase", "orch")
	if _, err := os.Stat(filepath.Join(root, "usr/bin/orch")); err == nil {
		t.Error("rpm --erase left it")
	}
}

// inRoot runs orch where there is nothing but what was installed.
func inRoot(t *testing.T, root, orch string) {
	t.Helper()
	if os.Geteuid() != 0 {
		isThere(t, filepath.Join(root, orch))
		return
	}
	out, err := exec.Command("chroot", root, orch, "version").CombinedOutput()
	if err != nil || !bytes.HasPrefix(out, []byte("orch v")) {
		t.Errorf("%v: %s", err, out)
	}
}

func appendTo(t *testing.T, name string) {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("more\n"); err != nil {
		t.Fatal(err)
	}
}

func putFile(t *testing.T, name, text string) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func removeFile(t *testing.T, name string) {
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

func copyFiles(t *testing.T, from, to string, names ...string) {
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		putFile(t, filepath.Join(to, name), string(data))
	}
}
