package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/orch-build/orch/runner"
)

// printMounts says what was done with the cache mounts that are kept.
func printMounts(w io.Writer, r *runner.Report, width int) {
	if len(r.Mounts) == 0 {
		return
	}
	several := map[string]int{}
	for _, m := range r.Mounts {
		several[m.ID]++
	}
	var parts []string
	for _, m := range r.Mounts {
		name := m.ID
		if several[m.ID] > 1 {
			name += " (" + whichMount(m) + ")"
		}
		parts = append(parts, name+" "+mountText(m))
	}
	fmt.Fprintln(w, joinWithin(append([]string{"Cache mounts: " + parts[0]}, parts[1:]...), "; ", width))
}

// whichMount tells mounts of one ID apart.
func whichMount(m *runner.MountReport) string {
	parts := []string{m.Platform}
	if m.Builder != "" {
		parts = append(parts, m.Builder)
	}
	if m.Shard > 0 {
		parts = append(parts, fmt.Sprintf("shard %d", m.Shard))
	}
	return strings.Join(parts, ", ")
}

// mountText is what was done with one mount.
func mountText(m *runner.MountReport) string {
	words := []string{string(m.State)}
	if m.State == runner.MountRestored {
		words[0] += " " + transferText(m.Restored)
	}
	switch {
	case m.Saved.Bytes > 0:
		words = append(words, "saved "+transferText(m.Saved))
	case m.Unchanged:
		words = append(words, "unchanged")
	case m.NotSaved:
		words = append(words, "not saved")
	}
	if m.Unused > 0 {
		words = append(words, "without "+count(m.Unused, "unused file"))
	}
	return strings.Join(words, ", ")
}

func transferText(t runner.MountTransfer) string {
	return fmt.Sprintf("(%s in %s)", imageSize(t.Bytes), seconds(t.Took))
}
