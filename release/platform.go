package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// platform is an operating system and an architecture, by Go's names.
type platform struct{ os, arch string }

// platforms are all that a release may have, in the order of its lists.
var platforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"},
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"windows", "amd64"}, {"windows", "arm64"},
}

func (p platform) folder() string { return p.os + "-" + p.arch }

// program is the name of the program on the platform.
func (p platform) program() string {
	if p.os == "windows" {
		return "orch.exe"
	}
	return "orch"
}

// platformsIn returns the platforms that there are programs for.
func platformsIn(dir string) ([]platform, error) {
	var found []platform
	for _, p := range platforms {
		_, err := os.Stat(filepath.Join(dir, p.folder(), "orch"))
		if err == nil {
			found = append(found, p)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no program, such as linux-amd64/orch", dir)
	}
	return found, nil
}

// number is the version without its "v", as packages have it.
func (r *release) number() string { return strings.TrimPrefix(r.version, "v") }

// name returns the name of a file for a platform, without its ending.
func (r *release) name(p platform) string {
	return fmt.Sprintf("orch_%s_%s_%s", r.number(), p.os, p.arch)
}

// archiveName returns the name of a platform's archive.
func (r *release) archiveName(p platform) string {
	if p.os == "windows" {
		return r.name(p) + ".zip"
	}
	return r.name(p) + ".tar.gz"
}

// address returns where a file of the release is fetched from.
func (r *release) address(name string) string {
	return strings.TrimSuffix(r.base, "/") + "/" + r.version + "/" + name
}
