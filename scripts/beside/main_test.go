//go:build unix

package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	dir := t.TempDir()
	// Each waits for the other's file: one after the other, they would not end.
	meet := func(mine, other string) string {
		return "cd " + dir + "; : >" + mine + "; until [ -e " + other + " ]; do sleep 0.05; done"
	}
	if code := run(t.Context(), []string{meet("a", "b"), meet("b", "a")}); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if code := run(t.Context(), []string{"true", "exit 3"}); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
}

// TestInterrupted wants nothing to be left of commands that have started others, also
// where those do not obey an interrupt, as what a shell starts in the background.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for _, name := range []string{"one", "two"} {
			for t.Context().Err() == nil {
				if data, _ := os.ReadFile(filepath.Join(dir, name)); strings.HasSuffix(string(data), "\n") {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
	}()
	was := grace
	grace = 200 * time.Millisecond
	defer func() { grace = was }()
	code := run(ctx, []string{
		"sleep 1000 & echo $! >" + dir + "/one; wait",
		"sh -c 'sleep 1000; :' & sleep 1000 & echo $! >" + dir + "/two; wait",
	})
	if code == 0 {
		t.Error("exit code 0")
	}
	for _, name := range []string{"one", "two"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
		if err != nil {
			t.Fatal(err)
		}
		if !gone(pid) {
			t.Errorf("%s: process %d runs on", name, pid)
		}
	}
}

// gone says whether a process has ended: at once after a signal it may still be there.
func gone(pid int) bool {
	for range 1000 {
		if syscall.Kill(pid, 0) != nil {
			return true
		}
		// Nobody may be there who waits for it, in a container without an init.
		if stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil && strings.Contains(string(stat), ") Z ") {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}
