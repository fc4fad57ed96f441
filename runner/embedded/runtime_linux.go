package embedded

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

var errNoRuntime = errors.New(`no OCI runtime: the embedded builder runs build steps with runc (or a crun that knows "run --keep"), and there is none on PATH; install it:
  Debian, Ubuntu  apt-get install runc
  Fedora          dnf install runc
  Alpine          apk add runc
  Arch            pacman -S runc
or use another builder with --builder or BUILDKIT_HOST`)

// findRuntime looks for an OCI runtime on the given PATH and returns its file.
// runc is preferred: BuildKit runs containers with --keep, which crun learnt
// late.
func findRuntime(path string) (string, error) {
	dirs := searchDirs(path)
	for _, name := range []string{"buildkit-runc", "runc"} {
		if file := lookIn(dirs, name); file != "" {
			return file, nil
		}
	}
	if file := lookIn(dirs, "crun"); file != "" && knowsKeep(file) {
		return file, nil
	}
	return "", errNoRuntime
}

// searchDirs returns the folders of PATH, and beside each "bin" its "sbin":
// Debian keeps runc in /usr/sbin, which is not on the PATH of ordinary users.
func searchDirs(path string) []string {
	var dirs, sbin []string
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		dirs = append(dirs, dir)
		if filepath.Base(dir) == "bin" {
			sbin = append(sbin, filepath.Join(filepath.Dir(dir), "sbin"))
		}
	}
	return append(dirs, sbin...)
}

func lookIn(dirs []string, name string) string {
	for _, dir := range dirs {
		file := filepath.Join(dir, name)
		if fi, err := os.Stat(file); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return file
		}
	}
	return ""
}

func knowsKeep(crun string) bool {
	help, err := exec.Command(crun, "run", "--help").CombinedOutput()
	return err == nil && bytes.Contains(help, []byte("--keep"))
}
