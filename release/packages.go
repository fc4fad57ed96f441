package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/apk"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// summary is what orch is in one line, and about is more of it.
const (
	summary = "Builds many container images at once"
	about   = "Targets that share Dockerfiles are one build: every shared stage is built once."
)

// system is one kind of package: where its completions are, what is said of it, and
// what the embedded builder takes besides.
type system struct {
	format      string
	completion  map[string]string
	description string
	recommends  []string
}

var systems = []system{
	{"deb", map[string]string{
		"bash": "/usr/share/bash-completion/completions",
		"zsh":  "/usr/share/zsh/vendor-completions",
		"fish": "/usr/share/fish/vendor_completions.d",
	}, summary + "\n" + about, []string{"runc", "uidmap", "ca-certificates"}},
	{"rpm", map[string]string{
		"bash": "/usr/share/bash-completion/completions",
		"zsh":  "/usr/share/zsh/site-functions",
		"fish": "/usr/share/fish/vendor_completions.d",
	}, summary + "\n" + about, []string{"runc", "shadow-utils", "ca-certificates"}},
	{"apk", map[string]string{
		"bash": "/usr/share/bash-completion/completions",
		"zsh":  "/usr/share/zsh/site-functions",
		"fish": "/usr/share/fish/vendor_completions.d",
	}, summary, nil}, // each line of what apk reads is one value
}

// packages writes the packages of a platform.
func (r *release) packages(p platform, program []byte) error {
	for _, s := range systems {
		contents, err := r.contents(s, program)
		if err != nil {
			return err
		}
		if err := r.packageFor(p, s, contents); err != nil {
			return fmt.Errorf("%s: %w", s.format, err)
		}
	}
	return nil
}

// contents are the files of a package with their places in the system.
func (r *release) contents(s system, program []byte) ([]file, error) {
	list := []file{{"/usr/bin/orch", 0o755, program}}
	license, err := os.ReadFile(filepath.Join(r.docs, "LICENSE"))
	if err != nil {
		return nil, err
	}
	list = append(list, file{"/usr/share/doc/orch/copyright", 0o644, license})
	for _, f := range r.share {
		kind, rest, _ := strings.Cut(f.path, "/")
		if kind == "man" {
			page, err := compressed(f.data)
			if err != nil {
				return nil, err
			}
			list = append(list, file{"/usr/share/" + f.path + ".gz", f.mode, page})
			continue
		}
		shell, name := path.Split(rest)
		if dir, ok := s.completion[path.Clean(shell)]; ok {
			list = append(list, file{path.Join(dir, name), f.mode, f.data})
		}
	}
	return list, nil
}

func compressed(data []byte) ([]byte, error) {
	var b bytes.Buffer
	gz, err := gzip.NewWriterLevel(&b, gzip.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if _, err := gz.Write(data); err != nil {
		return nil, err
	}
	if err := gz.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// packageFor writes one package.
func (r *release) packageFor(p platform, s system, list []file) error {
	dir, err := os.MkdirTemp("", "package-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: "orch", Version: r.number(), Arch: p.arch, Platform: p.os, MTime: r.date,
		Section: "devel", Priority: "optional", License: "Apache-2.0",
		Maintainer:  "orch <orch-build@users.noreply.github.com>",
		Homepage:    "https://github.com/orch-build/orch",
		Description: s.description,
		Overridables: nfpm.Overridables{
			Recommends: s.recommends,
			RPM:        nfpm.RPM{BuildHost: "localhost", Summary: summary},
			APK:        nfpm.APK{Signature: nfpm.APKSignature{KeyName: apkKey, PackageSignature: nfpm.PackageSignature{SignFn: r.apkSigner()}}},
		},
	})
	for i, f := range list {
		source := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(source, f.data, 0o644); err != nil {
			return err
		}
		info.Contents = append(info.Contents, &files.Content{
			Source: source, Destination: f.path,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: f.mode, MTime: r.date},
		})
	}
	packager, err := nfpm.Get(s.format)
	if err != nil {
		return err
	}
	if err := nfpm.PrepareForPackager(info, s.format); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := packager.Package(info, &b); err != nil {
		return err
	}
	return r.write(packager.ConventionalFileName(info), 0o644, b.Bytes())
}
