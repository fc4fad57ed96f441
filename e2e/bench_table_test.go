//go:build linux

package e2e

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tableHead begins the table of the load in Markdown.
const tableHead = `| N | situation | rounds | orch | bake | share | bare | times bare | steps run | registry requests | KiB moved | client CPU | daemon CPU | client memory |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
`

// tableRow is one row of the table.
type tableRow struct {
	n         int
	situation string
	cells     string // what follows these two
}

func (r tableRow) String() string { return fmt.Sprintf("| %d | %s | %s\n", r.n, r.situation, r.cells) }

// cells are the figures of a row; raw is nil where the builder by itself has
// none.
func cells(rounds int, ours, theirs, raw *sample) string {
	bare, times := "–", "–"
	if raw != nil {
		bare = fmt.Sprintf("%.2f s", raw.wall.Seconds())
		times = fmt.Sprintf("%.1f", float64(ours.wall)/float64(raw.wall))
	}
	return fmt.Sprintf("%d | %.2f s | %.2f s | **%.2f** | %s | %s | %d / %d | %d / %d | %d / %d | %.1f / %.1f s | %.1f / %.1f s | %d / %d MiB |",
		rounds, ours.wall.Seconds(), theirs.wall.Seconds(), float64(ours.wall)/float64(theirs.wall), bare, times,
		ours.steps, theirs.steps, ours.requests, theirs.requests, (ours.up+ours.down)>>10, (theirs.up+theirs.down)>>10,
		ours.clientCPU.Seconds(), theirs.clientCPU.Seconds(), ours.daemonCPU.Seconds(), theirs.daemonCPU.Seconds(),
		ours.clientRSS>>20, theirs.clientRSS>>20)
}

// addRow puts a row into the table, if one is asked for, in the place of the
// earlier row of the same size and situation.
func addRow(b *testing.B, row tableRow) {
	path := os.Getenv(tableEnv)
	if path == "" {
		return
	}
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		b.Fatal(err)
	}
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.WriteFile(tmp, []byte(mergeRow(string(old), row)), 0o644); err != nil {
		b.Fatal(err)
	}
	if err := os.Rename(tmp, path); err != nil {
		b.Fatal(err)
	}
}

// mergeRow returns the table with the row in it, by size and then in the order
// of the situations.
func mergeRow(table string, row tableRow) string {
	rows := []tableRow{row}
	for line := range strings.Lines(table) {
		r, ok := parseRow(line)
		if ok && (r.n != row.n || r.situation != row.situation) {
			rows = append(rows, r)
		}
	}
	order := func(name string) int {
		return slices.IndexFunc(scenes, func(s scene) bool { return s.name == name })
	}
	slices.SortStableFunc(rows, func(a, b tableRow) int {
		return cmp.Or(cmp.Compare(a.n, b.n), cmp.Compare(order(a.situation), order(b.situation)))
	})
	var out strings.Builder
	out.WriteString(tableHead)
	for _, r := range rows {
		out.WriteString(r.String())
	}
	return out.String()
}

func parseRow(line string) (tableRow, bool) {
	fields := strings.SplitN(strings.TrimSpace(line), "|", 4)
	if len(fields) < 4 {
		return tableRow{}, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(fields[1]))
	return tableRow{n: n, situation: strings.TrimSpace(fields[2]), cells: strings.TrimSpace(fields[3])}, err == nil
}

// A row that is taken again stands in the place of the old one.
func TestMergeRow(t *testing.T) {
	table := ""
	for _, r := range []tableRow{
		{50, "unchanged", "old |"}, {200, "cold", "c |"}, {50, "cold", "b |"}, {50, "unchanged", "new |"}, {1, "images pushed", "a |"},
	} {
		table = mergeRow(table, r)
	}
	want := tableHead + "| 1 | images pushed | a |\n| 50 | cold | b |\n| 50 | unchanged | new |\n| 200 | cold | c |\n"
	if table != want {
		t.Errorf("got\n%s", table)
	}
}
