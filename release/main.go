// Command release packs the programs of all platforms as a release: archives,
// deb, rpm and apk packages, SBOMs, checksums with a signature, and what installs
// them (install.sh, a Homebrew formula, a mise configuration, an asdf plugin).
// The same input gives the same bytes, signature included.
//
// It knows nothing of how the programs are built; "orch bake release" does that.
package main

import (
	"crypto"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

func main() {
	var r release
	flag.StringVar(&r.programs, "programs", "", "`folder` with a folder for each platform, such as linux-amd64, that has orch and orch.modules")
	flag.StringVar(&r.docs, "docs", ".", "`folder` with LICENSE, README.md and CHANGELOG.md")
	flag.StringVar(&r.out, "out", "", "`folder` to write the release into")
	flag.StringVar(&r.version, "version", os.Getenv("VERSION"), "version of the release; default: $VERSION")
	flag.StringVar(&r.base, "base", os.Getenv("RELEASES"), "`address` of all releases; default: $RELEASES")
	flag.StringVar(&r.key, "key", "", "`file` with the private key; a file that is missing means no signature")
	flag.Parse()
	if err := r.make(); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release is one release.
type release struct {
	programs, docs, out, version, base, key string

	// date is the time of everything in it.
	date time.Time
	// share are completions and manual pages, which are the same everywhere.
	share []file
	// private is the private key; nil without one.
	private crypto.Signer
	// public is the public key as PEM; "" without a key.
	public string
}

// file is one file of an archive or a package: a path and what is in it.
type file struct {
	path string
	mode fs.FileMode
	data []byte
}

func (r *release) make() error {
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	found, err := platformsIn(r.programs)
	if err != nil {
		return err
	}
	steps := []func() error{
		r.readDate,
		r.readShare,
		r.readKey,
		func() error { return r.pack(found) },
		func() error { return r.installers(found) },
		r.sums,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// pack writes what there is for each platform.
func (r *release) pack(platforms []platform) error {
	for _, p := range platforms {
		program, err := os.ReadFile(filepath.Join(r.programs, p.folder(), "orch"))
		if err != nil {
			return err
		}
		if err := r.archive(p, program); err != nil {
			return fmt.Errorf("packing the archive for %s: %w", p.folder(), err)
		}
		if err := r.sbom(p); err != nil {
			return fmt.Errorf("writing the SBOM for %s: %w", p.folder(), err)
		}
		if p.os != "linux" {
			continue
		}
		if err := r.packages(p, program); err != nil {
			return fmt.Errorf("packing for %s: %w", p.folder(), err)
		}
	}
	return nil
}

// write writes one file of the release.
func (r *release) write(name string, mode fs.FileMode, data []byte) error {
	path := filepath.Join(r.out, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, mode)
}
