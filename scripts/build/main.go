// Command build builds orch as it is shipped: for Linux one file with two
// programs in it. The one that starts is small and soon ready; packed inside it
// is the whole orch, which it executes when it needs the embedded builder.
//
//	go run ./scripts/build -o bin/orch -version v1.2.3
//	go run ./scripts/build -o bin/orch-arm64 -os linux -arch arm64
//
// A plain "go build ./cmd/orch" gives the whole orch by itself.
package main

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// internal is where the packages of the command are that the linker says something
// to.
const internal = "github.com/orch-build/orch/cmd/orch/internal/"

// target says what is built.
type target struct {
	out, version, commit, goos, goarch string
	// modules names a file for what "go version -m" says of the programs; "" is none.
	modules string
	// helpers is a folder with the helpers, packed; "" builds them.
	helpers string
	// stamp are more flags for the linker: what the split orch knows of the
	// program that is packed inside it.
	stamp string
}

func main() {
	var t target
	flag.StringVar(&t.out, "o", "bin/orch", "`file` to write")
	flag.StringVar(&t.version, "version", os.Getenv("VERSION"), "version to stamp; default: $VERSION, else that of the sources")
	flag.StringVar(&t.commit, "commit", os.Getenv("COMMIT"), "commit to stamp; default: $COMMIT")
	flag.StringVar(&t.modules, "modules", "", "`file` for a list of the modules that are in it")
	flag.StringVar(&t.helpers, "helpers", "", "`folder` with the helpers, as -make-helpers has written it; default: they are built")
	makeHelpers := flag.String("make-helpers", "", "`folder` to write the helpers into, which are the same for all platforms; nothing else is built")
	flag.StringVar(&t.goos, "os", cmp.Or(os.Getenv("TARGETOS"), runtime.GOOS), "operating system, as GOOS; default: $TARGETOS, else this one")
	flag.StringVar(&t.goarch, "arch", cmp.Or(os.Getenv("TARGETARCH"), runtime.GOARCH), "architecture, as GOARCH; default: $TARGETARCH, else this one")
	flag.Parse()
	do := t.build
	if *makeHelpers != "" {
		do = func() error { return writeHelpers(*makeHelpers) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func (t target) build() error {
	overlay := overlay{}
	if t.helpers == "" {
		t.helpers = filepath.Join(filepath.Dir(t.out), ".whole", "helpers")
		if err := writeHelpers(t.helpers); err != nil {
			return err
		}
	}
	if err := overlay.addHelpers(t.helpers); err != nil {
		return err
	}
	// What is made on the way stays beside the output, where the next build finds it.
	dir, err := besides(t.out, t.goos, t.goarch)
	if err != nil {
		return err
	}
	if t.goos != "linux" {
		if err := t.goBuildOver(overlay, dir, t.out); err != nil {
			return err
		}
		return t.list(t.out)
	}
	whole := filepath.Join(dir, "orch")
	if _, err := os.Stat(whole); err != nil {
		fmt.Fprintf(os.Stderr, "compiling orch with BuildKit in it: the first time this takes 3 to 10 minutes on %d cores, then seconds\n", runtime.NumCPU())
	}
	if err := t.goBuildOver(overlay, dir, whole); err != nil {
		return err
	}
	packed, err := pack(whole)
	if err != nil {
		return err
	}
	if err := overlay.add("cmd/orch/internal/whole/whole.zst", packed); err != nil {
		return err
	}
	if t.stamp, err = stampOf(whole); err != nil {
		return err
	}
	if err := t.goBuildOver(overlay, dir, t.out, "-tags", "orch_split"); err != nil {
		return err
	}
	return t.list(t.out, whole)
}

// besides makes a folder for what is built for a platform on the way.
func besides(out, goos, goarch string) (string, error) {
	dir, err := filepath.Abs(filepath.Join(filepath.Dir(out), ".whole", goos+"-"+goarch))
	if err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// list writes what Go recorded of the modules in the programs.
func (t target) list(programs ...string) error {
	if t.modules == "" {
		return nil
	}
	var text strings.Builder
	for _, name := range programs {
		info, err := buildinfo.ReadFile(name)
		if err != nil {
			return err
		}
		text.WriteString(info.String())
	}
	return os.WriteFile(t.modules, []byte(text.String()), 0o644)
}

// goBuildOver builds orch for the target's platform, with files that are not in the
// source tree.
func (t target) goBuildOver(o overlay, dir, out string, flags ...string) error {
	file := filepath.Join(dir, "overlay.json")
	if err := o.write(file); err != nil {
		return err
	}
	args := []string{"build", "-ldflags", "-s -w -X " + internal + "version.Stamped=" + t.version + " -X " + internal + "version.Commit=" + t.commit + t.stamp, "-o", out, "-overlay", file}
	return runGo(t.goos, t.goarch, append(append(args, flags...), "./cmd/orch")...)
}

// runGo runs the Go command for a platform.
func runGo(goos, goarch string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// stampOf returns what the split orch knows of the whole one.
func stampOf(whole string) (string, error) {
	data, err := os.ReadFile(whole)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(" -X %[1]swhole.wholeSum=%[2]x -X %[1]swhole.wholeSize=%[3]d", internal, sha256.Sum256(data), len(data)), nil
}

// overlay are files that "go build" sees in the source tree, which stays as it is: by
// their names there, where they are.
type overlay map[string]string

func (o overlay) add(place, file string) error {
	place, err := filepath.Abs(place)
	if err != nil {
		return err
	}
	o[place] = file
	return nil
}

func (o overlay) write(name string) error {
	text, err := json.Marshal(map[string]any{"Replace": o})
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}

// helperArchs are the architectures of builders.
var helperArchs = []string{"amd64", "arm64"}

// addHelpers adds the helpers of a folder.
func (o overlay) addHelpers(folder string) error {
	for _, arch := range helperArchs {
		packed, err := filepath.Glob(filepath.Join(folder, "linux-"+arch+"-*.zst"))
		if err != nil {
			return err
		}
		if len(packed) != 1 {
			return fmt.Errorf("%s has %d helpers for linux/%s, not one", folder, len(packed), arch)
		}
		if packed[0], err = filepath.Abs(packed[0]); err != nil {
			return err
		}
		if err := o.add("runner/buildkit/cachemounts/programs/linux-"+arch+".zst", packed[0]); err != nil {
			return err
		}
	}
	return nil
}

// writeHelpers builds the small program that a builder runs in containers, for the
// platforms that builders have, and packs it.
func writeHelpers(folder string) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, arch := range helperArchs {
		helper := filepath.Join(folder, "linux-"+arch)
		err := runGo("linux", arch, "build", "-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false", "-ldflags=-s -w -buildid=", "-o", helper, "./runner/mounts/helper")
		if err != nil {
			return err
		}
		if _, err := pack(helper); err != nil {
			return err
		}
	}
	return nil
}

// pack packs a program into a file that is named after its content, unless
// that is there already, and removes earlier ones.
func pack(program string) (string, error) {
	data, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	packed := fmt.Sprintf("%s-%x.zst", program, sha256.Sum256(data))
	if _, err := os.Stat(packed); err == nil {
		return packed, nil
	}
	old, err := filepath.Glob(program + "-*.zst")
	if err != nil {
		return "", err
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return "", err
		}
	}
	return packed, writePacked(packed, data)
}

func writePacked(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "packing-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := compress(f, data); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func compress(w io.Writer, data []byte) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return err
	}
	if _, err := z.Write(data); err != nil {
		return err
	}
	return z.Close()
}
