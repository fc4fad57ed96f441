package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// stand-in for the program: what a release asks of it is completions and pages.
const script = `#!/bin/sh
case "$1" in
completion) echo "completion for $2" ;;
man) echo ".TH ORCH 1" >"$3/orch.1"; echo ".TH ORCH-BAKE 1" >"$3/orch-bake.1" ;;
esac
`

const modules = `go	go1.26.8
path	github.com/orch-build/orch/cmd/orch
mod	github.com/orch-build/orch	(devel)
dep	github.com/a/b	v1.2.3	h1:x=
dep	github.com/c/d	v1.0.0
=>	github.com/fork/d	v1.0.1	h1:y=
build	-compiler=gc
go	go1.26.8
dep	github.com/a/b	v1.2.3	h1:x=
dep	github.com/e/f	v2.0.0+incompatible	h1:z=
`

func put(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// sample is a release of all platforms that is ready to be made.
func sample(t *testing.T) *release {
	dir := t.TempDir()
	for _, p := range platforms {
		put(t, filepath.Join(dir, "programs", p.folder(), "orch"), script, 0o755)
		put(t, filepath.Join(dir, "programs", p.folder(), "orch.modules"), modules, 0o644)
	}
	put(t, filepath.Join(dir, "docs/LICENSE"), "a license\n", 0o644)
	put(t, filepath.Join(dir, "docs/README.md"), "# orch\n", 0o644)
	put(t, filepath.Join(dir, "docs/CHANGELOG.md"), "# Changes\n\n## v0.3.0 (2026-11-29)\n\n- more\n", 0o644)
	return &release{
		programs: filepath.Join(dir, "programs"), docs: filepath.Join(dir, "docs"), out: filepath.Join(dir, "out"),
		version: "v0.3.0", base: "https://example.com/releases/",
	}
}

func keyFile(t *testing.T) (string, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pemFile(t, key), key
}

func pemFile(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "key.pem")
	put(t, name, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), 0o600)
	return name
}

func read(t *testing.T, r *release, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.out, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestSameBytes makes a release twice, of files with other times, a second later.
func TestSameBytes(t *testing.T) {
	key, _ := keyFile(t)
	var sums []string
	for i := range 2 {
		r := sample(t)
		r.key = key
		if i > 0 {
			time.Sleep(time.Second)
		}
		if err := r.make(); err != nil {
			t.Fatal(err)
		}
		sums = append(sums, read(t, r, "SHA256SUMS")+read(t, r, "SHA256SUMS.sig"))
	}
	if sums[0] != sums[1] {
		t.Errorf("two runs differ:\n%s\n%s", sums[0], sums[1])
	}
	for _, want := range []string{
		"orch_0.3.0_linux_amd64.tar.gz", "orch_0.3.0_darwin_arm64.tar.gz", "orch_0.3.0_windows_arm64.zip",
		"orch_0.3.0_amd64.deb", "orch_0.3.0_arm64.deb", "orch-0.3.0-1.x86_64.rpm", "orch-0.3.0-1.aarch64.rpm",
		"orch_0.3.0_x86_64.apk", "orch_0.3.0_aarch64.apk",
		"orch_0.3.0_linux_amd64.spdx.json", "install.sh", "orch.rb", "mise.toml", "asdf-orch.tar.gz", "orch.pub",
	} {
		if !strings.Contains(sums[0], "  "+want+"\n") {
			t.Errorf("the release has no %s:\n%s", want, sums[0])
		}
	}
}

func TestSignature(t *testing.T) {
	r := sample(t)
	var key *ecdsa.PrivateKey
	r.key, key = keyFile(t)
	if err := r.make(); err != nil {
		t.Fatal(err)
	}
	signature := decoded(t, read(t, r, "SHA256SUMS.sig"))
	sum := sha256.Sum256([]byte(read(t, r, "SHA256SUMS")))
	if !ecdsa.VerifyASN1(&key.PublicKey, sum[:], signature) {
		t.Error("the signature is not that of the sums")
	}
	if !strings.Contains(read(t, r, "install.sh"), strings.TrimSpace(read(t, r, "orch.pub"))) {
		t.Error("install.sh does not have the key")
	}
}

func decoded(t *testing.T, text string) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestWrongInput(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "key")
	put(t, bad, "no key", 0o600)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other := pemFile(t, ed)
	tests := map[string]struct {
		change func(*release)
		want   string
	}{
		"version":     {func(r *release) { r.version = "3" }, "is not a version"},
		"no programs": {func(r *release) { r.programs = t.TempDir() }, "has no program"},
		"no modules":  {func(r *release) { put(t, filepath.Join(r.programs, "linux-amd64/orch.modules"), "", 0o644) }, "names no module"},
		"bad key":     {func(r *release) { r.key = bad }, "not a PEM file"},
		"other key":   {func(r *release) { r.key = other }, "ECDSA or RSA is needed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := sample(t)
			tt.change(r)
			if err := r.make(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestInstallers compares what the formula and the configuration say with the sums.
func TestInstallers(t *testing.T) {
	r := sample(t)
	if err := r.make(); err != nil {
		t.Fatal(err)
	}
	if text := read(t, r, "install.sh"); strings.Contains(text, "@") && regexp.MustCompile(`@[A-Z]+@`).MatchString(text) {
		t.Error("install.sh has a place that is not filled")
	}
	for _, p := range platforms {
		sum, err := sumOf(filepath.Join(r.out, r.archiveName(p)))
		if err != nil {
			t.Fatal(err)
		}
		address := "https://example.com/releases/v0.3.0/" + r.archiveName(p)
		if text := read(t, r, "mise.toml"); !strings.Contains(text, fmt.Sprintf("{ url = %q, checksum = \"sha256:%x\" }", address, sum)) {
			t.Errorf("mise.toml has no %s:\n%s", p.folder(), text)
		}
		formula := fmt.Sprintf("url %q\n      sha256 \"%x\"", address, sum)
		if text := read(t, r, "orch.rb"); p.os != "windows" && !strings.Contains(text, formula) {
			t.Errorf("orch.rb has no %s:\n%s", p.folder(), text)
		}
	}
}

func TestSBOM(t *testing.T) {
	r := sample(t)
	if err := r.make(); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		SPDXVersion string
		Packages    []struct {
			ExternalRefs []struct{ ReferenceLocator string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, r, "orch_0.3.0_darwin_arm64.spdx.json")), &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range doc.Packages {
		got = append(got, p.ExternalRefs[0].ReferenceLocator)
	}
	want := "pkg:golang/github.com/orch-build/orch@v0.3.0 pkg:golang/github.com/a/b@v1.2.3 pkg:golang/github.com/e/f@v2.0.0+incompatible pkg:golang/github.com/fork/d@v1.0.1 pkg:golang/stdlib@1.26.8"
	if doc.SPDXVersion != "SPDX-2.3" || strings.Join(got, " ") != want {
		t.Errorf("%s %s\nwant %s", doc.SPDXVersion, got, want)
	}
}
