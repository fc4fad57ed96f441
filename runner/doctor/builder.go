package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/buildkit/client"
	"golang.org/x/mod/semver"

	"github.com/orch-build/orch/internal/netfault"
)

// builder looks at the builder, its space, and its platforms.
func (m Machine) builder(ctx context.Context) []Finding {
	if m.Builder == nil {
		return nil
	}
	b, err := m.Builder(ctx)
	if err != nil {
		f := Finding{About: "builder", Grade: Error, Says: err.Error(), Do: "See 'orch builder ls', and choose one that runs with 'orch builder use NAME'."}
		if fault, ok := netfault.Of(err); ok {
			f.Do = networkAdvice(fault)
		}
		return []Finding{f}
	}
	out := []Finding{m.reached(b)}
	if b.Embedded {
		out = append(out, m.runtime()...)
		out = append(out, space(b)...)
	}
	if b.At == nil {
		return out
	}
	defer b.At.Close()
	out = append(out, m.platforms(b)...)
	if workers, err := b.At.Conn.ListWorkers(ctx); err == nil && b.Embedded {
		out = append(out, gc(workers, b)...)
	}
	return out
}

func (m Machine) reached(b *Builder) Finding {
	f := Finding{About: "builder", Grade: OK, Says: b.Name}
	if b.Reason != "" {
		f.Says += " (" + b.Reason + ")"
	}
	if b.At == nil {
		f.Says += ": not running; the next build starts it"
		if len(m.Wanted.Platforms) > 0 {
			f.Says += ". After 'orch builder start' its platforms are looked at too"
		}
		return f
	}
	if b.At.Version == "" {
		f.Says += ": running"
		return f
	}
	f.Says += ": running, BuildKit " + b.At.Version
	if older(b.At.Version, m.BuildKit) {
		f.Grade = Note
		f.Says += fmt.Sprintf(", older than the %s that orch knows", m.BuildKit)
		f.Do = "Newer attributes and outputs may be refused there. Update the builder when it suits."
	}
	return f
}

// older compares the first two numbers of versions; what is not a version is not
// older than anything.
func older(a, b string) bool {
	a, b = "v"+strings.TrimPrefix(a, "v"), "v"+strings.TrimPrefix(b, "v")
	return semver.IsValid(a) && semver.IsValid(b) && semver.Compare(semver.MajorMinor(a), semver.MajorMinor(b)) < 0
}

// runtime looks for the program that runs the steps of the embedded builder.
func (m Machine) runtime() []Finding {
	for _, name := range []string{"buildkit-runc", "runc"} {
		if path, err := m.LookPath(name); err == nil {
			return []Finding{{About: "runtime", Grade: OK, Says: path}}
		}
	}
	return []Finding{{
		About: "runtime", Grade: Error, Says: "runc is not there: the embedded builder cannot run steps",
		Do: "Install the package runc, or choose another builder with 'orch builder use NAME'.",
	}}
}

const (
	littleSpace = 2 << 30 // where builds begin to fail
	scarceSpace = 10 << 30
)

// space looks at the disk of the embedded builder's state.
func space(b *Builder) []Finding {
	if b.Total == 0 {
		return nil
	}
	f := Finding{
		About: "disk", Grade: OK,
		Says: fmt.Sprintf("%s of %s free in %s", size(b.Free), size(b.Total), b.StateDir),
	}
	switch {
	case b.Free < littleSpace:
		f.Grade = Error
	case b.Free < scarceSpace:
		f.Grade = Warning
	default:
		return []Finding{f}
	}
	f.Do = "Free space with 'orch builder prune', or keep the state on another disk: ORCH_STATE_DIR=FOLDER."
	return []Finding{f}
}

func size(n int64) string { return units.HumanSizeWithPrecision(float64(n), 3) }

// gc looks at how much cache the builder keeps. One whose disk has less free
// space than its policy wants throws away what it has just built.
func gc(workers []*client.WorkerInfo, b *Builder) []Finding {
	for _, w := range workers {
		for _, rule := range w.GCPolicy {
			if !rule.All && len(rule.Filter) > 0 {
				continue // of some records only
			}
			f := Finding{About: "cache", Grade: OK, Says: limits(rule)}
			if rule.MinFreeSpace > 0 && b.Free > 0 && b.Free < rule.MinFreeSpace {
				f.Grade = Warning
				f.Says = fmt.Sprintf("the builder keeps %s of the disk free, and only %s are: it keeps no more than %s of cache",
					size(rule.MinFreeSpace), size(b.Free), size(rule.ReservedSpace))
				f.Do = "Free space on the disk, or set minFreeSpace under [[worker.oci.gcpolicy]] in a buildkitd.toml (ORCH_BUILDER_CONFIG)."
			}
			return []Finding{f}
		}
	}
	return nil
}

func limits(rule client.PruneInfo) string {
	if rule.MaxUsedSpace == 0 && rule.ReservedSpace == 0 {
		return "no limit: the builder keeps everything"
	}
	says := fmt.Sprintf("the builder keeps %s in any case", size(rule.ReservedSpace))
	if rule.MaxUsedSpace > 0 {
		says += fmt.Sprintf(", %s at most", size(rule.MaxUsedSpace))
	}
	return says
}

// platforms looks at whether the builder runs what the definition builds.
func (m Machine) platforms(b *Builder) []Finding {
	var out []Finding
	var slow []string
	for _, p := range m.Wanted.Platforms {
		switch {
		case !slices.Contains(b.At.Platforms, p):
			out = append(out, Finding{
				About: "platform", Grade: Error, Says: fmt.Sprintf("the builder cannot run %s; it has %s", p, strings.Join(b.At.Platforms, ", ")),
				Do: "Install an emulator on its machine (the package qemu-user-static with binfmt-support), or add a node of that platform.",
			})
		case slices.Contains(b.Emulated, p):
			slow = append(slow, p)
		}
	}
	if len(slow) > 0 {
		out = append(out, Finding{
			About: "platform", Grade: Note, Says: strings.Join(slow, ", ") + " run in an emulator, which is several times slower",
			Do: "Build in stages FROM --platform=$BUILDPLATFORM where the tools can cross-compile, or add a node of that platform.",
		})
	}
	if len(out) == 0 && len(m.Wanted.Platforms) > 0 {
		out = append(out, Finding{About: "platform", Grade: OK, Says: strings.Join(m.Wanted.Platforms, ", ")})
	}
	return out
}
