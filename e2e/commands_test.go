//go:build linux

package e2e

import (
	"archive/tar"
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/orch-build/orch/internal/termtext/logread"
)

// commands are what scripts have besides testscript's own.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"unpack":      cmdUnpack,
	"digest":      cmdDigest,
	"jsonget":     cmdJSONGet,
	"exits":       cmdExits,
	"interrupt":   cmdInterrupt,
	"split":       cmdSplit,
	"user":        cmdUser,
	"asuser":      cmdAsUser,
	"tlsbuilder":  cmdTLSBuilder,
	"engine":      cmdEngine,
	"engineports": cmdEnginePorts,
	"box":         cmdBox,
	"containers":  cmdContainers,
	"sshserver":   cmdSSHServer,
	"serve":       cmdServe,
	"servers":     cmdServers,
	"missing":     cmdMissing,
	"mounts":      cmdMounts,
	"attested":    cmdAttested,
	"metadata":    cmdMetadata,
	"harmless":    cmdHarmless,
	"frontend":    cmdFrontend,
	"warmgo":      cmdWarmGo,
}

// compiledFrontend compiles the Dockerfile frontend of the BuildKit that orch links, once
// for all scripts.
var compiledFrontend = sync.OnceValues(func() (string, error) {
	out := filepath.Join(shared.bin, "frontend", "dockerfile-frontend")
	cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", out, "github.com/moby/buildkit/frontend/dockerfile/cmd/dockerfile-frontend")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the frontend: %w\n%s", err, text)
	}
	return out, nil
})

// cmdFrontend puts the Dockerfile frontend into a folder: "frontend DIR".
func cmdFrontend(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: frontend DIR")
	}
	program, err := compiledFrontend()
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	data, err := os.ReadFile(program)
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(dir, filepath.Base(program)), data, 0o755))
}

// cmdHarmless wants nothing in the output of the last command that a terminal or
// a CI service would obey, but for lines with these beginnings, which are orch's
// own: "harmless PREFIX…".
func cmdHarmless(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: harmless PREFIX...")
	}
	for _, stream := range []string{"stdout", "stderr"} {
		text := ts.ReadFile(stream)
		found := append(logread.Controls(text), logread.Commands(text)...)
		for _, f := range found {
			if !slices.ContainsFunc(args, func(own string) bool { return strings.HasPrefix(f, "GitHub: "+own) }) {
				ts.Fatalf("%s: %s", stream, f)
			}
		}
	}
}

// cmdExits runs a command that has to end with an exit code: "exits N CMD...".
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// cmdInterrupt starts a command, interrupts it once a step of the build says
// "started", and wants it to end within a time and with the exit code 130:
// "interrupt LIMIT CMD...".
func cmdInterrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: interrupt LIMIT COMMAND...")
	}
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	path, err := exec.LookPath(filepath.Join(shared.bin, args[1]))
	ts.Check(err)
	cmd := exec.Command(path, args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "ORCH_STATE_DIR", "BUSYBOX", "REGISTRY", allFiles} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	out, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	lines := bufio.NewScanner(out)
	var said strings.Builder
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if strings.HasSuffix(lines.Text(), "started") {
			break
		}
	}
	start := time.Now()
	ts.Check(cmd.Process.Signal(os.Interrupt))
	rest, _ := io.ReadAll(out)
	_ = cmd.Wait()
	took := time.Since(start)
	said.Write(rest)
	ts.Logf("%s", said.String())
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		ts.Fatalf("exit code %d, want 130", code)
	}
	if took > limit {
		ts.Fatalf("it took %s to end, want at most %s", took, limit)
	}
}

// cmdUnpack unpacks the file system of an image: "unpack IMAGE.tar DIR", or
// "unpack REGISTRY/NAME:TAG DIR".
func cmdUnpack(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: unpack IMAGE DIR")
	}
	img, err := openImage(ts, args[0])
	ts.Check(err)
	fs := mutate.Extract(img)
	defer fs.Close()
	ts.Check(untar(fs, ts.MkAbs(args[1])))
}

// cmdDigest prints the digest of an image's manifest or index, for "stdout" to
// look at: "digest IMAGE".
func cmdDigest(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: digest IMAGE")
	}
	d, err := imageDigest(ts, args[0])
	ts.Check(err)
	_, err = fmt.Fprintln(ts.Stdout(), d)
	ts.Check(err)
}

// cmdMissing wants a name not to be in the registry: "missing IMAGE".
func cmdMissing(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: missing IMAGE")
	}
	_, err := imageDigest(ts, args[0])
	var refused *transport.Error
	if err != nil && (!errors.As(err, &refused) || refused.StatusCode != http.StatusNotFound) {
		ts.Fatalf("%v", err)
	}
	if found := err == nil; found != neg {
		ts.Fatalf("%s: in the registry: %t", args[0], found)
	}
}

// imageDigest is that of an image of an archive, or of what a name in the
// registry points to, which may be an index.
func imageDigest(ts *testscript.TestScript, ref string) (v1.Hash, error) {
	if strings.HasPrefix(ref, shared.registry) {
		r, err := name.ParseReference(ref, name.Insecure)
		if err != nil {
			return v1.Hash{}, err
		}
		desc, err := remote.Get(r)
		if err != nil {
			return v1.Hash{}, err
		}
		return desc.Digest, nil
	}
	img, err := openImage(ts, ref)
	if err != nil {
		return v1.Hash{}, err
	}
	return img.Digest()
}

// cmdJSONGet prints one value of a JSON file: "jsonget FILE key.key".
// A key that is not there fails the command.
func cmdJSONGet(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: jsonget FILE KEY...")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &v))
	for _, key := range args[1:] {
		m, ok := v.(map[string]any)
		if !ok || m[key] == nil {
			if neg {
				return
			}
			ts.Fatalf("%s: no %s", args[0], strings.Join(args[1:], " "))
		}
		v = m[key]
	}
	if neg {
		ts.Fatalf("%s: there is a %s", args[0], strings.Join(args[1:], " "))
	}
	fmt.Fprintln(ts.Stdout(), v)
}

// openImage opens an image of an OCI archive or of the registry. Of an index it
// is the first image.
func openImage(ts *testscript.TestScript, ref string) (v1.Image, error) {
	if strings.HasPrefix(ref, shared.registry) {
		r, err := name.ParseReference(ref, name.Insecure)
		if err != nil {
			return nil, err
		}
		return remote.Image(r)
	}
	dir := filepath.Join(ts.Getenv("WORK"), ".oci", strings.ReplaceAll(ref, "/", "_"))
	f, err := os.Open(ts.MkAbs(ref))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := untar(f, dir); err != nil {
		return nil, err
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	return firstImage(index)
}

func firstImage(index v1.ImageIndex) (v1.Image, error) {
	m, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, d := range m.Manifests {
		if d.MediaType.IsImage() {
			return index.Image(d.Digest)
		}
		if d.MediaType.IsIndex() {
			inner, err := index.ImageIndex(d.Digest)
			if err != nil {
				return nil, err
			}
			return firstImage(inner)
		}
	}
	return nil, errors.New("the index holds no image")
}

// untar unpacks an archive of this test's own making.
func untar(r io.Reader, dir string) error {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.Clean("/"+h.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		case tar.TypeSymlink:
			err = os.Symlink(h.Linkname, path)
		case tar.TypeReg:
			err = writeEntry(path, tr, h.FileInfo().Mode())
		}
		if err != nil {
			return err
		}
	}
}

func writeEntry(path string, r io.Reader, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
