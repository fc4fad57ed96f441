package proctree

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	p, ok := parse([]byte("12 (a) b (c) S 7 12 12 0 -1 4194560 1 2 3 4 100 50 25 5 20 0 1 0 99 1 2\n"))
	if want := (proc{parent: 7, used: 1800 * time.Millisecond}); !ok || p != want {
		t.Errorf("%+v, %t, want %+v", p, ok, want)
	}
	for _, bad := range []string{"", "12 (a) S", "12 (a) S x 12 12 0 -1 4194560 1 2 3 4 100 50 25 5"} {
		if p, ok := parse([]byte(bad)); ok {
			t.Errorf("%q: %+v", bad, p)
		}
	}
}

func TestBelow(t *testing.T) {
	procs := map[int]proc{1: {parent: 0}, 2: {parent: 1}, 3: {parent: 2}, 4: {parent: 1}, 5: {parent: 6}, 6: {parent: 5}}
	for id, want := range map[int]bool{1: false, 2: true, 3: true, 4: false, 5: false, 9: false} {
		if got := below(procs, id, 2); got != want {
			t.Errorf("%d below 2: %t", id, got)
		}
	}
}

// What a child uses counts while it runs and after it has ended.
func TestCPU(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	before, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	script := "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"
	if out, err := exec.Command("sh", "-c", script+" & wait; "+script).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	after, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after-before < 2*tick {
		t.Errorf("%s before, %s after two loops", before, after)
	}
	if _, err := CPU(1 << 30); err == nil {
		t.Error("a process that is not there has a time")
	}
}
