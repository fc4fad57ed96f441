package cachemounts

import (
	"bytes"
	"debug/elf"
	"embed"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/containerd/platforms"
	"github.com/klauspost/compress/zstd"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/util/staticfs"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
)

// HelperName is what the session calls the folder with the program.
const HelperName = "orch-mount-helper"

// programs are small programs for the platforms of builders, if scripts/build has
// built this orch.
//
//go:embed programs
var programs embed.FS

// Helper is the program that is run in the container: a file of this machine, or one
// that is packed inside orch.
type Helper struct {
	path   string
	packed []byte
}

// Packed is the program for a builder's platform that is inside orch, or nil.
func Packed(platform ocispecs.Platform) *Helper {
	name := programName(platform)
	data, err := programs.ReadFile("programs/" + name + ".zst")
	if err != nil {
		return nil
	}
	return &Helper{path: "orch-mounts-" + name, packed: data}
}

// programName names the program for a platform; all variants run the same.
func programName(p ocispecs.Platform) string { return p.OS + "-" + p.Architecture }

// NewHelper takes a program, if a builder of a platform can run it anywhere.
func NewHelper(path string, platform ocispecs.Platform) (*Helper, error) {
	named := platforms.Format(platform)
	f, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s is not a program for Linux: name an orch for %s in ORCH_MOUNT_HELPER", filepath.Base(path), named)
	}
	defer f.Close()
	machines := map[elf.Machine]string{
		elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_ARM: "arm", elf.EM_386: "386",
		elf.EM_RISCV: "riscv64", elf.EM_S390: "s390x", elf.EM_PPC64: "ppc64le",
	}
	if platform.OS != "linux" || machines[f.Machine] != platform.Architecture {
		return nil, fmt.Errorf("%s does not run on %s, which the builder has: name an orch for it in ORCH_MOUNT_HELPER", filepath.Base(path), named)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return nil, fmt.Errorf("%s needs the libraries of its system: name an orch that was built with CGO_ENABLED=0 in ORCH_MOUNT_HELPER", filepath.Base(path))
		}
	}
	return &Helper{path: path}, nil
}

// place is where the container has the program.
func (h *Helper) place() string { return "/" + filepath.Base(h.path) }

// FS is a folder with nothing but the program.
func (h *Helper) FS() (fsutil.FS, error) {
	if h.packed == nil {
		dir, err := fsutil.NewFS(filepath.Dir(h.path))
		if err != nil {
			return nil, err
		}
		return fsutil.NewFilterFS(dir, &fsutil.FilterOpt{IncludePatterns: []string{filepath.Base(h.path)}})
	}
	z, err := zstd.NewReader(bytes.NewReader(h.packed))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	data, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("unpacking the program for cache mounts: %w", err)
	}
	dir := staticfs.NewFS()
	// The time is always the same, so that a builder takes the same program once.
	stat := &types.Stat{Mode: uint32(os.FileMode(0o755)), ModTime: time.Unix(1, 0).UnixNano()}
	dir.Add(path.Base(h.path), stat, data)
	return dir, nil
}

// State is that folder on the builder, as a session sends it. It is copied,
// because a builder that has mounted what a session sent asks for all of it again
// the next time.
func (h *Helper) State(session string) llb.State {
	const about = "the program that saves and restores cache mounts"
	sent := llb.Local(HelperName, llb.SessionID(session), llb.SharedKeyHint(HelperName), llb.WithCustomName("[internal] load "+about))
	return llb.Scratch().File(llb.Copy(sent, h.place(), h.place()), llb.WithCustomName("[internal] keep "+about))
}
