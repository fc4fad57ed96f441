package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orch-build/orch/internal/need"
)

// streams cuts a file into the gzip streams that it is made of.
func streams(t *testing.T, data []byte) (packed, plain [][]byte) {
	t.Helper()
	for at := 0; at < len(data); {
		// A bytes.Reader is read byte by byte: nothing of the next stream is taken.
		r := bytes.NewReader(data[at:])
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		z.Multistream(false)
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		end := len(data) - r.Len()
		packed, plain = append(packed, data[at:end]), append(plain, text)
		at = end
	}
	return packed, plain
}

// TestAPK reads a package as apk does: a stream with what it says of itself, a stream
// with the files, whose sums are beside them and whose whole is known to the first.
func TestAPK(t *testing.T) {
	r := sample(t)
	if err := r.make(); err != nil {
		t.Fatal(err)
	}
	packed, plain := streams(t, []byte(read(t, r, "orch_0.3.0_x86_64.apk")))
	if len(packed) != 2 {
		t.Fatalf("it has %d streams, want that of the control files and that of the data", len(packed))
	}
	// The streams are one archive to apk: the first must not end it.
	if bytes.HasSuffix(plain[0], make([]byte, 1024)) {
		t.Error("the control stream has the end of an archive")
	}
	control := tar.NewReader(bytes.NewReader(plain[0]))
	first, err := control.Next()
	if err != nil || first.Name != ".PKGINFO" {
		t.Fatalf("it begins with %+v, %v", first, err)
	}
	info, err := io.ReadAll(control)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"pkgname = orch", "pkgver = 0.3.0", "arch = x86_64", "license = Apache-2.0",
		fmt.Sprintf("datahash = %x", sha256.Sum256(packed[1])),
	} {
		if !strings.Contains("\n"+string(info), "\n"+want+"\n") {
			t.Errorf("the package does not say %q:\n%s", want, info)
		}
	}
	for line := range strings.Lines(string(info)) {
		if !strings.Contains(line, " = ") {
			t.Errorf("%q is not of the form that apk reads", line)
		}
	}
	list := dataFiles(t, plain[1])
	for name, mode := range map[string]int64{
		"usr/bin/orch": 0o755, "usr/share/bash-completion/completions/orch": 0o644, "usr/share/zsh/site-functions/_orch": 0o644,
		"usr/share/fish/vendor_completions.d/orch.fish": 0o644, "usr/share/man/man1/orch-bake.1.gz": 0o644, "usr/share/doc/orch/copyright": 0o644,
	} {
		if h := list[name]; h == nil || h.Mode&0o7777 != mode || h.Uid != 0 || h.Uname != "root" {
			t.Errorf("%s is %+v", name, h)
		}
	}
}

// TestSignedAPK checks the signature of a package as apk does: over the control stream as
// it is packed, with the key of the name that the signature has. openssl checks that of
// the sums, as install.sh does.
func TestSignedAPK(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	r := sample(t)
	r.key = pemFile(t, key)
	if err := r.make(); err != nil {
		t.Fatal(err)
	}
	packed, plain := streams(t, []byte(read(t, r, "orch_0.3.0_x86_64.apk")))
	if len(packed) != 3 {
		t.Fatalf("it has %d streams, want those of the signature, the control files and the data", len(packed))
	}
	stream := tar.NewReader(bytes.NewReader(plain[0]))
	h, err := stream.Next()
	if err != nil || h.Name != ".SIGN.RSA.orch.rsa.pub" {
		t.Fatalf("it begins with %+v, %v", h, err)
	}
	signature, err := io.ReadAll(stream)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(read(t, r, "orch.rsa.pub")))
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum(packed[1])
	if err := rsa.VerifyPKCS1v15(public.(*rsa.PublicKey), crypto.SHA1, sum[:], signature); err != nil {
		t.Error(err)
	}
	if _, err := exec.LookPath("openssl"); err != nil {
		need.Missing(t, "openssl")
	}
	put(t, filepath.Join(r.out, "signature"), string(decoded(t, read(t, r, "SHA256SUMS.sig"))), 0o644)
	check := exec.Command("openssl", "dgst", "-sha256", "-verify", "orch.pub", "-signature", "signature", "SHA256SUMS")
	check.Dir = r.out
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// dataFiles returns what is in the data stream of an apk package, by name.
func dataFiles(t *testing.T, data []byte) map[string]*tar.Header {
	t.Helper()
	list := map[string]*tar.Header{}
	for archive := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list[h.Name] = h
		if h.Typeflag != tar.TypeReg {
			continue
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := h.PAXRecords["APK-TOOLS.checksum.SHA1"], fmt.Sprintf("%x", sha1.Sum(text)); got != want {
			t.Errorf("the sum of %s is %q, want %s", h.Name, got, want)
		}
	}
}

// The parts of Homebrew that the formula uses. What it says it installs has to be in
// the archive that it names for the system.
const brewStub = `
require "digest"
class Formula
  @@said = {}
  SYSTEM, CPU, OUT = ARGV[1], ARGV[2], ARGV[3]
  class << self
    %w[desc homepage version license url sha256].each do |word|
      define_method(word) do |*value|
        raise "#{word} twice" if !value.empty? && @@said[word]
        @@said[word] = value[0] unless value.empty?
        @@said[word]
      end
    end
    def on_macos; yield if SYSTEM == "macos"; end
    def on_linux; yield if SYSTEM == "linux"; end
    def on_arm; yield if CPU == "arm"; end
    def on_intel; yield if CPU == "intel"; end
    def test(&block); @@test = block; end
    def said; @@said; end
    def tested; @@test; end
  end
  class Place
    def initialize(name); @name = name; end
    def install(what)
      [what].flatten.each { |f| raise "the archive has no #{f}" unless File.file?(f); puts "#{@name} #{f}" }
      raise "nothing for #{@name}" if [what].flatten.empty?
    end
    def to_s; @name; end
  end
  %w[bin man1 bash_completion zsh_completion fish_completion].each { |n| define_method(n) { Place.new(n) } }
  def version; self.class.version; end
  def shell_output(command); "orch v#{version}"; end
  def assert_match(want, got); raise "#{got} has no #{want}" unless got.include?(want); end
end
load ARGV[0]
said = Orch.said
archive = File.join(OUT = ARGV[3], File.basename(said.fetch("url")))
raise "the sum of #{archive} is another" unless Digest::SHA256.file(archive).hexdigest == said.fetch("sha256")
Dir.mkdir("unpacked")
Dir.chdir("unpacked") do
  system("tar", "-xzf", archive) || raise("tar fails")
  Orch.new.install
end
Orch.new.instance_eval(&Orch.tested)
puts said.values_at("desc", "version", "url")
`

// TestFormula has Ruby read the formula for each system that Homebrew is for.
func TestFormula(t *testing.T) {
	ruby, err := exec.LookPath("ruby")
	if err != nil {
		need.Missing(t, "ruby")
	}
	r := sample(t)
	if err := r.make(); err != nil {
		t.Fatal(err)
	}
	formula := filepath.Join(r.out, "orch.rb")
	if out, err := exec.Command(ruby, "-wc", formula).CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "Syntax OK" {
		t.Fatalf("%v: %s", err, out)
	}
	stub := filepath.Join(t.TempDir(), "stub.rb")
	if err := os.WriteFile(stub, []byte(brewStub), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ system, cpu, archive string }{
		{"macos", "arm", "darwin_arm64"}, {"macos", "intel", "darwin_amd64"},
		{"linux", "arm", "linux_arm64"}, {"linux", "intel", "linux_amd64"},
	} {
		cmd := exec.Command(ruby, stub, formula, tt.system, tt.cpu, r.out)
		cmd.Dir = t.TempDir()
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", tt.system, tt.cpu, err, out)
		}
		for _, want := range []string{"bin orch\n", "man1 man/man1/orch-bake.1\n", "bash_completion completions/bash/orch\n",
			"zsh_completion completions/zsh/_orch\n", "fish_completion completions/fish/orch.fish\n",
			"0.3.0\nhttps://example.com/releases/v0.3.0/orch_0.3.0_" + tt.archive + ".tar.gz\n"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s %s does not say %q:\n%s", tt.system, tt.cpu, want, out)
			}
		}
	}
}
