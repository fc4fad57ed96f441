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
	"time"
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
// none. Of a run that was ended at its limit, nothing but that is known.
func cells(rounds int, ours, theirs, raw *sample) string {
	bare, times := "–", "–"
	if raw != nil {
		bare = fmt.Sprintf("%.2f s", raw.wall.Seconds())
		times = fmt.Sprintf("%.1f", float64(ours.wall)/float64(raw.wall))
	}
	wall, share := "%.2f s", "**%.2f**"
	if theirs.over {
		wall, share = "> %.0f s", "**< %.2f**"
	}
	pair := func(format string, a, b any) string {
		if theirs.over {
			return fmt.Sprintf(format, a) + " / –"
		}
		return fmt.Sprintf(format+" / "+format, a, b)
	}
	fields := []string{
		fmt.Sprint(rounds), fmt.Sprintf("%.2f s", ours.wall.Seconds()), fmt.Sprintf(wall, theirs.wall.Seconds()),
		fmt.Sprintf(share, float64(ours.wall)/float64(theirs.wall)), bare, times,
		pair("%d", ours.steps, theirs.steps), pair("%d", ours.requests, theirs.requests),
		pair("%d", (ours.up+ours.down)>>10, (theirs.up+theirs.down)>>10),
		pair("%.1f", ours.clientCPU.Seconds(), theirs.clientCPU.Seconds()) + " s",
		pair("%.1f", ours.daemonCPU.Seconds(), theirs.daemonCPU.Seconds()) + " s",
		pair("%d", ours.clientRSS>>20, theirs.clientRSS>>20) + " MiB",
	}
	return strings.Join(fields, " | ") + " |"
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

// A row that is taken again takes the place of the old one.
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

// Of a peer that did not end, the row says no more than that.
func TestCellsOverLimit(t *testing.T) {
	ours := &sample{wall: 3 * time.Second, steps: 7, requests: 5, clientRSS: 64 << 20}
	got := cells(1, ours, &sample{wall: time.Minute, over: true}, &sample{wall: 2 * time.Second})
	want := "1 | 3.00 s | > 60 s | **< 0.05** | 2.00 s | 1.5 | 7 / – | 5 / – | 0 / – | 0.0 / – s | 0.0 / – s | 64 / – MiB |"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
