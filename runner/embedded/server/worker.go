//go:build linux

package server

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/plugins/snapshots/native"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay/overlayutils"
	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/cmd/buildkitd/config"
	"github.com/moby/buildkit/executor/oci"
	dockerfileversion "github.com/moby/buildkit/frontend/dockerfile/version"
	"github.com/moby/buildkit/util/appdefaults"
	"github.com/moby/buildkit/util/archutil"
	"github.com/moby/buildkit/util/bklog"
	"github.com/moby/buildkit/util/disk"
	"github.com/moby/buildkit/util/network/cniprovider"
	"github.com/moby/buildkit/util/network/netproviders"
	"github.com/moby/buildkit/version"
	"github.com/moby/buildkit/worker/base"
	"github.com/moby/buildkit/worker/runc"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// newWorker makes the one worker: it runs build steps with runc.
func newWorker(ctx context.Context, s settings, hosts docker.RegistryHosts) (*base.Worker, *unpacked, error) {
	supported := archutil.SupportedPlatforms(false)
	layers := snapshotter(s.Root)
	opt, err := runc.NewWorkerOpt(s.Root, layers, s.rootless, oci.ProcessSandbox,
		s.labels(supported), nil, network(s), s.dns(), s.runtime, "", false, s.parallelism(), "", "", nil)
	if err != nil {
		return nil, nil, err
	}
	opt.Executor = newTidy(opt.Executor, s.Root, layers.Name, s.runtime)
	opt.Platforms = normalized(supported)
	opt.GCPolicy = gcPolicy(s.Root, s.config.Worker.OCI.GCConfig)
	opt.RegistryHosts = hosts
	opt.ContentStore.Store = forgetful{opt.ContentStore.Store}
	opt.BuildkitVersion = client.BuildkitVersion{
		Package:           version.Package,
		Version:           version.Version,
		Revision:          version.Revision,
		DockerfileVersion: dockerfileversion.Version(),
	}
	w, err := base.NewWorker(ctx, opt)
	if err != nil {
		return nil, nil, err
	}
	if err := keepDigests(w); err != nil {
		return nil, nil, err
	}
	w.CacheMgr = unpacking{w.CacheMgr}
	return w, &unpacked{opt.MetadataStore, opt.ContentStore}, nil
}

// labels is what the worker says of this builder; see info.go.
func (s settings) labels(supported []ocispecs.Platform) map[string]string {
	idle := "never"
	if s.args.Idle >= 0 {
		idle = s.args.Idle.String()
	}
	return map[string]string{
		state.LabelVersion:        s.args.Version,
		state.LabelEmulated:       strings.Join(emulated(supported), ","),
		state.LabelStarted:        time.Now().UTC().Format(time.RFC3339),
		state.LabelIdleExit:       idle,
		state.LabelRuntime:        s.runtime,
		state.LabelRootless:       strconv.FormatBool(s.rootless),
		state.LabelExecutable:     s.args.Executable,
		state.LabelExecutableID:   s.args.ExecutableID,
		state.LabelConfig:         s.args.Config,
		state.LabelBuildID:        s.args.BuildID,
		state.LabelBuildTime:      strconv.FormatInt(s.args.BuildTime, 10),
		state.LabelConfigID:       s.args.ConfigID,
		state.LabelMaxParallelism: strconv.Itoa(s.config.Worker.OCI.MaxParallelism),
	}
}

// snapshotter chooses how layers are kept: as overlays, or where the file
// system or the kernel cannot, as full copies.
func snapshotter(root string) runc.SnapshotterFactory {
	if err := overlayutils.Supported(root); err != nil {
		bklog.L.Warnf("no overlay file system in %s, so each layer is a full copy, slow and large: %v", root, err)
		return runc.SnapshotterFactory{Name: "native", New: withoutOrphans(native.NewSnapshotter)}
	}
	return runc.SnapshotterFactory{Name: "overlayfs", New: withoutOrphans(func(root string) (snapshots.Snapshotter, error) {
		return overlay.NewSnapshotter(root, overlay.AsynchronousRemove)
	})}
}

// network gives build steps the network of a CNI configuration where root has
// one for BuildKit, and else the host's.
func network(s settings) netproviders.Opt {
	opt := netproviders.Opt{Mode: "host", CNI: cniprovider.Opt{
		Root:       s.Root,
		ConfigPath: appdefaults.DefaultCNIConfigPath,
		BinaryDir:  appdefaults.DefaultCNIBinDir,
	}}
	if _, err := os.Stat(opt.CNI.ConfigPath); err == nil && !s.rootless {
		opt.Mode = "cni"
	}
	return opt
}

func normalized(supported []ocispecs.Platform) []ocispecs.Platform {
	out := make([]ocispecs.Platform, 0, len(supported))
	for _, p := range supported {
		out = append(out, platforms.Normalize(p))
	}
	return out
}

// emulated returns the platforms that the kernel runs through an emulator.
func emulated(supported []ocispecs.Platform) []string {
	// The processors that also run another architecture's programs.
	also := map[string]string{"amd64": "386", "arm64": "arm"}
	var out []string
	for _, p := range supported {
		if p.Architecture != runtime.GOARCH && p.Architecture != also[runtime.GOARCH] {
			out = append(out, platforms.FormatAll(platforms.Normalize(p)))
		}
	}
	return out
}

// gcPolicy is what the configuration says, else BuildKit's default for the size
// of this disk.
func gcPolicy(root string, cfg config.GCConfig) []client.PruneInfo {
	if cfg.GC != nil && !*cfg.GC {
		return nil
	}
	stat, err := disk.GetDiskStat(root)
	if err != nil {
		bklog.L.Warnf("the cache is limited to a fixed size, as that of its disk is unknown: %v", err)
	}
	var out []client.PruneInfo
	rules := cfg.GCPolicy
	if len(rules) == 0 {
		rules = config.DefaultGCPolicy(cfg, stat)
	}
	for _, rule := range rules {
		if rule.ReservedSpace == (config.DiskSpace{}) {
			//lint:ignore SA1019 files that people have use the older name
			rule.ReservedSpace = rule.KeepBytes
		}
		out = append(out, client.PruneInfo{
			Filter:        rule.Filters,
			All:           rule.All,
			KeepDuration:  rule.KeepDuration.Duration,
			ReservedSpace: rule.ReservedSpace.AsBytes(stat),
			MaxUsedSpace:  rule.MaxUsedSpace.AsBytes(stat),
			MinFreeSpace:  rule.MinFreeSpace.AsBytes(stat),
		})
	}
	return out
}
