//go:build unix

package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/orch-build/orch/internal/need"
)

// served is a signed release on a server, as install.sh finds it.
func served(t *testing.T) (r *release, address string) {
	t.Helper()
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("install.sh is for Linux and macOS")
	}
	if _, err := exec.LookPath("openssl"); err != nil {
		need.Missing(t, "openssl")
	}
	r = sample(t)
	r.key, _ = keyFile(t)
	base := r.out
	r.out = filepath.Join(base, r.version)
	if err := r.make(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(base)))
	t.Cleanup(server.Close)
	return r, server.URL
}

// applets makes a folder with the commands of busybox, and openssl: a small system
// that has neither curl nor the programs of GNU.
func applets(t *testing.T, busybox string) string {
	t.Helper()
	dir := t.TempDir()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal(err)
	}
	for name, program := range map[string]string{"openssl": openssl, "sh": busybox} {
		if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(busybox, "--install", "-s", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// TestInstallShells runs install.sh in the shells that a system may have as sh.
func TestInstallShells(t *testing.T) {
	r, address := served(t)
	script := filepath.Join(r.out, "install.sh")
	busybox, _ := exec.LookPath("busybox")
	for _, shell := range []string{"dash", "bash --posix", "zsh --emulate sh", "mksh", "ksh", "yash", "busybox"} {
		words := strings.Fields(shell)
		program, err := exec.LookPath(words[0])
		if err != nil {
			if words[0] == "dash" || words[0] == "busybox" {
				need.Missing(t, words[0])
			}
			continue
		}
		t.Run(words[0], func(t *testing.T) {
			home := t.TempDir()
			path := os.Getenv("PATH")
			if program == busybox {
				words, path = []string{"busybox", "sh"}, applets(t, busybox)
			}
			args := append(words[1:], script, "--from", address, "--to", "some where/bin")
			cmd := exec.Command(program, args...)
			cmd.Dir = home
			cmd.Env = []string{"HOME=" + home, "PATH=" + path}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, name := range []string{"bin/orch", "share/man/man1/orch-bake.1", "share/zsh/site-functions/_orch"} {
				if _, err := os.Stat(filepath.Join(home, "some where", name)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestInstallUser installs as a user who may write nowhere but at home.
func TestInstallUser(t *testing.T) {
	r, address := served(t)
	home := t.TempDir()
	script, err := os.ReadFile(filepath.Join(r.out, "install.sh"))
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, error) {
		cmd := exec.Command("sh", append([]string{"-s", "--", "--from", address}, args...)...)
		cmd.Dir, cmd.Stdin = "/", strings.NewReader(string(script))
		cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
		if os.Geteuid() == 0 {
			const nobody = 65534
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			if err := os.Chown(home, nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	// The folder that a test gets is in one that only its user may enter.
	if os.Geteuid() == 0 {
		if err := os.Chmod(filepath.Dir(home), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := run("--to", "/usr/lib/bin"); err == nil || !strings.Contains(out, "name another folder with --to") {
		t.Errorf("into a folder of root: %v\n%s", err, out)
	}
	out, err := run()
	if err != nil || !strings.Contains(out, "is in "+home+"/.local/bin") {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(home, ".local/share/man/man1/orch.1")); err != nil {
		t.Error(err)
	}
}

// TestAsdf calls the scripts of the plugin in the order in which asdf does.
func TestAsdf(t *testing.T) {
	r, address := served(t)
	home := t.TempDir()
	run := func(name string) {
		t.Helper()
		cmd := exec.Command(filepath.Join(home, "bin", name))
		cmd.Dir = "/"
		cmd.Env = append(os.Environ(), "ASDF_INSTALL_TYPE=version", "ASDF_INSTALL_VERSION=0.3.0", "ORCH_RELEASES="+address,
			"ASDF_DOWNLOAD_PATH="+filepath.Join(home, "downloads"), "ASDF_INSTALL_PATH="+filepath.Join(home, "installs"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	if out, err := exec.Command("tar", "-xzf", filepath.Join(r.out, "asdf-orch.tar.gz"), "-C", home).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run("download")
	if err := os.RemoveAll(filepath.Join(r.out, "SHA256SUMS")); err != nil {
		t.Fatal(err)
	}
	run("install") // from what was fetched
	if _, err := os.Stat(filepath.Join(home, "installs/bin/orch")); err != nil {
		t.Error(err)
	}
}
