package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/orch-build/orch/internal/need"
)

// terminal is a window of tmux with a shell in it.
type terminal struct {
	*testing.T
	socket string
	// width and height are those of the window.
	width, height int
}

// openTerminal opens a window of 80×24 with a shell in a folder that has these
// files. FAKE, where there is a fake.txt, plays what happens in a build.
func openTerminal(t *testing.T, files map[string]string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		need.Missing(t, "tmux")
	}
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// The path of a socket has to be short.
	short, err := os.MkdirTemp("", "tmux")
	if err != nil {
		t.Fatal(err)
	}
	w := &terminal{T: t, socket: filepath.Join(short, "s"), width: 80, height: 24}
	t.Cleanup(func() {
		_, _ = w.tmux("kill-server")
		_ = os.RemoveAll(short)
	})
	out, err := w.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "-c", dir,
		"env", "-u", "CI", "-u", "NO_COLOR", "-u", "ENV", "PS1=ready> ", "LC_ALL=C.UTF-8", "ORCH_STATE_DIR="+filepath.Join(dir, ".state"),
		fakeVariable+"="+filepath.Join(dir, "fake.txt"), "sh", "-i")
	if err != nil {
		t.Fatalf("tmux: %v\n%s", err, out)
	}
	w.see(`^ready>$`)
	return w
}

func (w *terminal) tmux(args ...string) (string, error) {
	cmd := exec.Command("tmux", append([]string{"-S", w.socket}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// keys presses keys, by tmux's names.
func (w *terminal) keys(keys ...string) {
	w.Helper()
	if out, err := w.tmux(append([]string{"send-keys"}, keys...)...); err != nil {
		w.Fatalf("pressing %v: %v\n%s", keys, err, out)
	}
}

// enter types a command line.
func (w *terminal) enter(line string) {
	w.Helper()
	w.keys("-l", line)
	w.keys("Enter")
}

// screen is what the window shows.
func (w *terminal) screen() string {
	w.Helper()
	out, err := w.tmux("capture-pane", "-p")
	if err != nil {
		w.Fatalf("tmux: %v\n%s", err, out)
	}
	return strings.TrimRight(out, "\n")
}

// patience bounds a hang; it is not a limit of speed.
const patience = 2 * time.Minute

// see waits until the window shows all of these patterns.
func (w *terminal) see(patterns ...string) string {
	w.Helper()
	var text string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(30 * time.Millisecond) {
		text = w.screen()
		all := true
		for _, p := range patterns {
			all = all && regexp.MustCompile("(?m)"+p).MatchString(text)
		}
		if all {
			return text
		}
	}
	w.Fatalf("the window does not show %q:\n%s", patterns, text)
	return ""
}

// resize changes the size of the window.
func (w *terminal) resize(width, height int) {
	w.Helper()
	w.width, w.height = width, height
	if out, err := w.tmux("resize-window", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height)); err != nil {
		w.Fatalf("tmux: %v\n%s", err, out)
	}
}

// only waits until the window shows a text once, and nothing above it.
func (w *terminal) only(text string) {
	w.Helper()
	var shown string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(30 * time.Millisecond) {
		if shown = w.screen(); strings.HasPrefix(shown, text) && strings.Count(shown, text) == 1 {
			return
		}
	}
	w.Fatalf("the window shows more than %q:\n%s", text, shown)
}

const slowBuilds = `
target "web" { dockerfile-inline = "FROM scratch\nCOPY build.hcl /web\n" }
target "api" { dockerfile-inline = "FROM scratch\nCOPY build.hcl /api\n" }
group "default" { targets = ["web", "api"] }
`

const slowRun = `
target web
step "COPY build.hcl /web"
| "構築しています 한글 🎉 the log of web"
wait 1h
done
target api
step "COPY build.hcl /api"
| "the log of api"
wait 1h
done
`

// TestTerminalKeys goes through sizes, with wide characters, and keys.
func TestTerminalKeys(t *testing.T) {
	t.Parallel()
	w := openTerminal(t, map[string]string{"build.hcl": slowBuilds, "fake.txt": slowRun})
	w.enter("orch bake; echo code $?")
	w.see(`^\[\+\] .*0/2 targets`, `the log of api`)
	for _, size := range [][2]int{{40, 12}, {200, 50}, {41, 13}, {80, 24}} {
		w.resize(size[0], size[1])
		// The clock of the first line goes on: it is drawn for the new size.
		w.see(`^\[\+\] `)
		time.Sleep(150 * time.Millisecond)
		text := w.see(`^\[\+\] `)
		for line := range strings.Lines(text) {
			if n := runewidth.StringWidth(strings.TrimRight(line, "\n")); n > size[0] {
				t.Errorf("%v: %d columns: %s", size, n, line)
			}
		}
	}
	// Made narrower faster than it is told of it, it leaves nothing of what it drew in
	// between. The command line is out of the window then.
	w.resize(200, 30)
	w.see(`^\[\+\] .*keys`)
	for width := 190; width >= 50; width -= 10 {
		w.resize(width, 30)
		time.Sleep(30 * time.Millisecond)
	}
	w.only(`[+]`)
	w.resize(80, 24)
	w.keys("j")
	w.see(`the log of (web|api)`)
	w.keys("Enter")
	w.see(`the log of (web|api)`)
	w.keys("Enter")
	w.keys("?")
	w.see(`q quit`)
	w.keys("q")
	w.see(`^code 130$`, `^ready>$`)
	w.enter("echo typed")
	w.see(`^ready> echo typed$`, `^typed$`)
}

// TestTerminalSuspend stops a run with Ctrl-Z, brings it back, and interrupts it.
func TestTerminalSuspend(t *testing.T) {
	t.Parallel()
	w := openTerminal(t, map[string]string{"build.hcl": slowBuilds, "fake.txt": slowRun})
	w.enter("orch bake")
	w.see(`^\[\+\] .*0/2 targets`)
	w.keys("C-z")
	w.see(`Stopped`, `^ready>$`)
	w.enter("echo between")
	w.see(`^between$`)
	w.enter("clear; fg")
	w.see(`^\[\+\] .*0/2 targets`)
	w.keys("C-c")
	w.see(`^Interrupted: `, `^ready>$`)
}

// TestTerminalMany has 300 targets in a small window.
func TestTerminalMany(t *testing.T) {
	t.Parallel()
	var names, targets, run []string
	for i := range 300 {
		name := fmt.Sprintf("t%03d", i)
		names = append(names, strconv.Quote(name))
		targets = append(targets, fmt.Sprintf("target %q { dockerfile-inline = \"FROM scratch\\nCOPY build.hcl /%s\\n\" }\n", name, name))
		last := "cached"
		if i == 299 {
			last = "wait 1h"
		}
		run = append(run, fmt.Sprintf("target %s\nstep \"COPY build.hcl /%s\"\n%s\n", name, name, last))
	}
	definition := strings.Join(targets, "") + "group \"default\" { targets = [" + strings.Join(names, ", ") + "] }\n"
	w := openTerminal(t, map[string]string{"build.hcl": definition, "fake.txt": strings.Join(run, "")})
	w.enter("orch bake -j 300; echo code $?")
	text := w.see(`^\[\+\] .*299/300 targets`)
	if n := strings.Count(text, "\n"); n >= w.height {
		t.Errorf("the display has %d lines:\n%s", n, text)
	}
	w.keys("q")
	w.see(`^code 130$`, `^ready>$`)
}

// TestTerminalWatch shows what is seen while a watch waits, and ends it.
func TestTerminalWatch(t *testing.T) {
	t.Parallel()
	w := openTerminal(t, map[string]string{"build.hcl": slowBuilds, "fake.txt": "target web\nstep \"COPY build.hcl /web\"\n"})
	w.enter("orch bake --watch; echo code $?")
	w.see(`^Waiting for changes of 2 targets\. Ctrl-C ends it\.$`)
	w.keys("C-c")
	w.see(`code 0$`, `^ready>$`)
}

// TestTerminalInit offers to write the definition that is missing.
func TestTerminalInit(t *testing.T) {
	t.Parallel()
	w := openTerminal(t, map[string]string{"Dockerfile": "FROM scratch AS app\nCOPY Dockerfile /\n"})
	w.enter("orch plan; echo code $?")
	w.see(`Write it now, and go on\? \[y/N\]$`)
	w.keys("n", "Enter")
	w.see(`^code 2$`)
	w.enter("clear; orch list; echo code $?")
	w.see(`Write it now, and go on\? \[y/N\]$`)
	w.keys("y", "Enter")
	w.see(`^wrote build.hcl from Dockerfile$`, `^TARGET `, `^code 0$`)
}

// TestTerminalHelp shows help on a narrow terminal, which breaks no word of it.
func TestTerminalHelp(t *testing.T) {
	t.Parallel()
	w := openTerminal(t, nil)
	w.resize(40, 120)
	w.enter("orch builder --help; echo code $?")
	w.see(`^Builders have names: those of buildx,$`, `^  ORCH_BUILDER_IDLE: end after this time$`, `^  inspect     Show a builder and its$`,
		`^              nodes, and whether they$`, `about a command\.$`, `^code 0$`)
}
