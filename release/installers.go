package main

import (
	"bytes"
	"embed"
	"fmt"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed files
var sources embed.FS

// archived is what the installers need to know about one archive.
type archived struct{ OS, CPU, Mise, Address, Sum string }

// brewSystem is the archives of one operating system, in the words of Homebrew.
type brewSystem struct {
	OS       string
	Archives []archived
}

// installers writes what installs the release, all from one list of archives.
func (r *release) installers(found []platform) error {
	var all []archived
	var brew []brewSystem
	for _, p := range found {
		a, err := r.archivedFor(p)
		if err != nil {
			return err
		}
		all = append(all, a)
		if p.os == "windows" {
			continue
		}
		if len(brew) == 0 || brew[len(brew)-1].OS != a.OS {
			brew = append(brew, brewSystem{OS: a.OS})
		}
		last := &brew[len(brew)-1]
		last.Archives = append(last.Archives, a)
	}
	for _, name := range []string{"orch.rb", "mise.toml"} {
		if err := r.fill(name, map[string]any{"Number": r.number(), "Systems": brew, "All": all}); err != nil {
			return err
		}
	}
	script, err := r.installScript()
	if err != nil {
		return err
	}
	if err := r.write("install.sh", 0o755, script); err != nil {
		return err
	}
	return r.asdf(script)
}

func (r *release) archivedFor(p platform) (archived, error) {
	name := r.archiveName(p)
	sum, err := sumOf(filepath.Join(r.out, name))
	if err != nil {
		return archived{}, err
	}
	a := archived{OS: p.os, CPU: "intel", Mise: p.os + "-" + p.arch, Address: r.address(name), Sum: fmt.Sprintf("%x", sum)}
	if p.os == "darwin" {
		a.OS = "macos"
	}
	if p.arch == "arm64" {
		a.CPU = "arm"
	}
	a.Mise = strings.NewReplacer("darwin", "macos", "amd64", "x64").Replace(a.Mise)
	return a, nil
}

// fill fills a template.
func (r *release) fill(name string, values any) error {
	t, err := template.ParseFS(sources, "files/"+name)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, values); err != nil {
		return err
	}
	return r.write(name, 0o644, b.Bytes())
}

// installScript returns install.sh for this release, with its key in it.
func (r *release) installScript() ([]byte, error) {
	text, err := sources.ReadFile("files/install.sh")
	if err != nil {
		return nil, err
	}
	for _, value := range []string{r.version, r.base, r.public} {
		if strings.Contains(value, "'") {
			return nil, fmt.Errorf("%q has an apostrophe, which install.sh cannot have", value)
		}
	}
	filled := strings.NewReplacer(
		"@VERSION@", r.version,
		"@RELEASES@", strings.TrimSuffix(r.base, "/"),
		"@KEY@", strings.TrimSpace(r.public),
	).Replace(string(text))
	return []byte(filled), nil
}

// asdf writes the plugin of asdf, which mise reads too.
func (r *release) asdf(script []byte) error {
	list := []file{{"lib/install.sh", 0o755, script}}
	for _, name := range []string{"list-all", "download", "install"} {
		text, err := sources.ReadFile("files/asdf/" + name)
		if err != nil {
			return err
		}
		list = append(list, file{"bin/" + name, 0o755, text})
	}
	data, err := r.tarball(list)
	if err != nil {
		return err
	}
	return r.write("asdf-orch.tar.gz", 0o644, data)
}
