package progress

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner/keys"
)

// TestKeys plays the events and keys of each file in testdata/keys, in virtual time,
// and compares what is on the screen at each line "show". Beside the lines of
// TestDisplays there are
//
//	size COLUMNS ROWS
//	key KEY...         keys by their names, such as down or page-up
//	type TEXT          a key for each character
//	show               the block on the screen is compared
//
// No line may be wider than the screen, and the block may not be higher.
func TestKeys(t *testing.T) {
	files, err := filepath.Glob("testdata/keys/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no files: ", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := press(t, string(archive.Files[0].Data))
			if *update {
				archive.Files = append(archive.Files[:1], txtar.File{Name: "screen", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if want := string(archive.Files[1].Data); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// press plays a script, and returns what the screen showed and what the keys did.
func press(t *testing.T, events string) string {
	t.Helper()
	var out strings.Builder
	synctest.Test(t, func(t *testing.T) {
		width, height := 60, 16
		first, rest, _ := strings.Cut(events, "\n")
		names := strings.Fields(first)[1:]
		d, err := New(Options{
			Mode: "tty", Out: io.Discard, Several: len(names) > 1,
			Terminal: &Terminal{Size: func() (int, int) { return width, height }},
			Controls: &Controls{
				Stop: func(target string) { fmt.Fprintln(&out, "stopped:", target) },
				Page: func(note func(string)) { go note("The page is /tmp/report.html") },
				Quit: func() { fmt.Fprintln(&out, "interrupted") },
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		p := newScript(d, names)
		for i, line := range strings.Split(strings.TrimSpace(rest), "\n") {
			word, arg, _ := strings.Cut(line, " ")
			err = nil
			switch word {
			case "size":
				synctest.Wait()
				_, err = fmt.Sscan(arg, &width, &height)
			case "key":
				for name := range strings.FieldsSeq(arg) {
					d.Key(keys.Key(strings.ReplaceAll(strings.ReplaceAll(name, "-", " "), "space", " ")))
				}
			case "type":
				for _, r := range arg {
					d.Key(keys.Key(string(r)))
				}
			case "show":
				synctest.Wait()
				d.send(func(tty *tty) { shown(t, &out, tty.block(), width, height) })
			default:
				err = p.play(line)
			}
			if err != nil {
				t.Fatalf("line %d, %q: %v", i+2, line, err)
			}
			synctest.Wait()
		}
		d.Close()
	})
	return out.String()
}

// shown writes a block down, in a frame.
func shown(t *testing.T, out io.Writer, block []string, width, height int) {
	t.Helper()
	if len(block) > height-1 {
		t.Errorf("the block has %d rows of %d", len(block), height)
	}
	fmt.Fprintf(out, "+%s+\n", strings.Repeat("-", width))
	for _, l := range block {
		if termtext.Width(l) > width-1 {
			t.Errorf("the line %q has %d columns of %d", l, termtext.Width(l), width)
		}
		fmt.Fprintf(out, "|%s|\n", termtext.Pad(l, width))
	}
}

// Nothing is drawn while somebody else has the screen, and what they have written is not
// drawn over afterwards.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		d, err := New(Options{
			Mode: "tty", Out: &out, Terminal: &Terminal{Size: func() (int, int) { return 60, 16 }}, Controls: &Controls{},
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		d.Rest()
		before := out.Len()
		if before == 0 {
			t.Fatal("nothing was drawn")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if out.Len() != before {
			t.Errorf("drawn at rest: %q", out.String()[before:])
		}
		d.Redraw()
		synctest.Wait()
		if anew := out.String()[before:]; anew == "" || strings.Contains(anew, "A\r") {
			t.Errorf("drawn over what was there: %q", anew)
		}
		d.Close()
	})
}
