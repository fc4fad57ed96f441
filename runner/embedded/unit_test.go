//go:build linux

package embedded

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/sys/user"

	"github.com/orch-build/orch/runner/embedded/internal/state"
)

func TestOptionsFromEnv(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  map[string]string
		dir  string
		idle time.Duration
		err  string
		wait time.Duration // for a registry
	}{
		{"state folder named", map[string]string{"ORCH_STATE_DIR": "/s", "XDG_STATE_HOME": "/x"}, "/s", 0, "", 0},
		{"idle time", map[string]string{"ORCH_STATE_DIR": "/s", "ORCH_BUILDER_IDLE": "2h"}, "/s", 2 * time.Hour, "", 0},
		{"never idle", map[string]string{"ORCH_STATE_DIR": "/s", "ORCH_BUILDER_IDLE": "0"}, "/s", -1, "", 0},
		{"idle time that is none", map[string]string{"ORCH_STATE_DIR": "/s", "ORCH_BUILDER_IDLE": "soon"}, "", 0, `ORCH_BUILDER_IDLE is "soon"`, 0},
		{"idle time below zero", map[string]string{"ORCH_STATE_DIR": "/s", "ORCH_BUILDER_IDLE": "-1m"}, "", 0, "not a duration", 0},
		{"patience with registries", map[string]string{"ORCH_STATE_DIR": "/s", "ORCH_REGISTRY_TIMEOUT": "2m"}, "/s", 0, "", 2 * time.Minute},
		{"no patience with registries", map[string]string{"ORCH_STATE_DIR": "/s", "ORCH_REGISTRY_TIMEOUT": "0"}, "", 0, `ORCH_REGISTRY_TIMEOUT is "0"`, 0},
		{"patience that is none", map[string]string{"ORCH_STATE_DIR": "/s", "ORCH_REGISTRY_TIMEOUT": "long"}, "", 0, "a second or more", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, err := OptionsFromEnv(func(name string) string { return tt.env[name] })
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil || o.StateDir != tt.dir || o.Idle != tt.idle || o.RegistryTimeout != tt.wait {
				t.Errorf("got %+v, %v, want folder %s, idle time %v and registries' time %v", o, err, tt.dir, tt.idle, tt.wait)
			}
		})
	}
}

// The builder outlives its first caller, so it gets none of the caller's
// credentials.
// A builder that is at work may take longer to answer than one that does nothing.
func TestUntilSilent(t *testing.T) {
	for _, tt := range []struct {
		name  string
		works time.Duration // for how long
		want  time.Duration
	}{
		{"silent", 0, answerTimeout},
		{"at work for a while", 25 * time.Second, 40 * time.Second},
		{"always at work", time.Hour, busyTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				untilSilent(t.Context(), func() uint64 {
					return uint64(min(time.Since(begun), tt.works) / (100 * time.Millisecond))
				})
				if took := time.Since(begun); took != tt.want {
					t.Errorf("returned after %s, want %s", took, tt.want)
				}
			})
		})
	}
	for ticks(os.Getpid()) == 0 {
	}
	if n := ticks(-1); n != 0 {
		t.Errorf("%d ticks of no process", n)
	}
}

func TestDaemonEnv(t *testing.T) {
	got := daemonEnv([]string{
		"PATH=/bin", "https_proxy=http://p", "AWS_SECRET_ACCESS_KEY=k", "GITHUB_TOKEN=t", "ORCH_STATE_DIR=/s", "PWD=/w",
	})
	want := []string{"PATH=/bin", "https_proxy=http://p", "ORCH_STATE_DIR=/s"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestIDMap(t *testing.T) {
	got := idMap(1000, []user.SubID{{SubID: 100000, Count: 65536}, {SubID: 300000, Count: 10}})
	want := []string{"0", "1000", "1", "1", "100000", "65536", "65537", "300000", "10"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseStorageFilter(t *testing.T) {
	for _, tt := range []struct {
		in     string
		field  string
		unused time.Duration
		err    bool
	}{
		{in: "type=exec.cachemount", field: `type=="exec.cachemount"`},
		{in: "type==regular", field: `type=="regular"`},
		{in: "type!=regular", field: `type!="regular"`},
		{in: "id=abc", field: `id~="abc"`},
		{in: "description~=apt.*", field: `description~="apt.*"`},
		{in: "inuse", field: "inuse"},
		{in: "until=24h", unused: 24 * time.Hour},
		{in: "until=yesterday", err: true},
		{in: "color=red", err: true},
		{in: "nothing", err: true},
	} {
		t.Run(tt.in, func(t *testing.T) {
			f, err := ParseStorageFilter([]string{tt.in})
			if (err != nil) != tt.err {
				t.Fatalf("error %v, want one: %v", err, tt.err)
			}
			if err == nil && (strings.Join(f.Fields, ",") != tt.field || f.UnusedFor != tt.unused) {
				t.Errorf("got %+v, want %s and %v", f, tt.field, tt.unused)
			}
		})
	}
}

func TestDiskUsageAndPrune(t *testing.T) {
	o := newOptions(t)
	c := dial(t, ensure(t, o))
	ctx := context.Background()
	if _, err := solve(ctx, c, busybox(t), step("echo one > /one")); err != nil {
		t.Fatal(err)
	}
	locals, err := ParseStorageFilter([]string{"type=source.local"})
	if err != nil {
		t.Fatal(err)
	}
	all, err := DiskUsage(ctx, c, StorageFilter{})
	if err != nil {
		t.Fatal(err)
	}
	some, err := DiskUsage(ctx, c, locals)
	if err != nil {
		t.Fatal(err)
	}
	if len(some.Records) != 1 || len(all.Records) <= 1 || all.Total <= some.Total {
		t.Errorf("%d records of %d are local sources, want 1 of more", len(some.Records), len(all.Records))
	}
	freed, err := Prune(ctx, c, PruneOptions{StorageFilter: locals})
	if err != nil {
		t.Fatal(err)
	}
	if len(freed.Records) != 1 || freed.Total != some.Total {
		t.Errorf("pruning local sources freed %d records, %d bytes, want 1 and %d", len(freed.Records), freed.Total, some.Total)
	}
	if _, err := Prune(ctx, c, PruneOptions{All: true}); err != nil {
		t.Fatal(err)
	}
	if all, err = DiskUsage(ctx, c, StorageFilter{}); err != nil || len(all.Records) != 0 {
		t.Errorf("after pruning all: %d records, %v", len(all.Records), err)
	}
}

func TestLogRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "builder.log")
	for _, text := range []string{"a", "b", "c", "d", "e"} {
		f, err := state.OpenLog(path, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	var got []string
	for _, suffix := range []string{"", ".1", ".2", ".3", ".4"} {
		b, _ := os.ReadFile(path + suffix)
		got = append(got, string(b))
	}
	if want := []string{"e", "d", "c", "b", ""}; !slices.Equal(got, want) {
		t.Errorf("logs, the newest first: %q, want %q", got, want)
	}
}

func TestCopyLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "builder.log")
	if err := CopyLog(&strings.Builder{}, path, -1); err == nil {
		t.Error("no error for a log that is not there")
	}
	if err := os.WriteFile(path, []byte("one\ntwo\nthree\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]string{-1: "one\ntwo\nthree\n", 0: "", 1: "three\n", 2: "two\nthree\n", 9: "one\ntwo\nthree\n"} {
		var b strings.Builder
		if err := CopyLog(&b, path, n); err != nil || b.String() != want {
			t.Errorf("last %d lines: %q, %v, want %q", n, b.String(), err, want)
		}
	}
}

// buffer is a strings.Builder for two goroutines.
type buffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestFollowLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "builder.log")
	if err := os.WriteFile(path, []byte("one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var out buffer
	done := make(chan error, 1)
	go func() { done <- FollowLog(ctx, &out, path, -1) }()
	eventually(t, "the first line is copied", func() bool { return out.String() == "one\n" })
	if err := state.Rotate(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("two\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the line of the next log is copied", func() bool { return out.String() == "one\ntwo\n" })
	cancel()
	if err := <-done; err != nil {
		t.Errorf("after the end: %v", err)
	}
}

// Of a crash its beginning is shown, and not the end of what follows.
func TestCrash(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	text := "panic: of an earlier one\n\n"
	offset := int64(len(text))
	text += "level=warning msg=\"something else\"\n"
	quiet := text
	text += "panic: page 7 already freed\n\ngoroutine 1 [running]:\n" + strings.Repeat("main.f()\n", 100)
	for content, want := range map[string]string{
		quiet: "", text: "panic: page 7 already freed\n\ngoroutine 1 [running]:\nmain.f()",
		quiet + "SIGSEGV: segmentation violation\nPC=0x1\n": "SIGSEGV: segmentation violation\nPC=0x1",
		quiet + "runtime: failed to create new OS thread (have 9 already; errno=11)\nruntime: may need to increase max user processes (ulimit -u)\nfatal error: newosproc\n": "runtime: failed to create new OS thread",
		quiet + "runtime: program exceeds 10000-thread limit\nfatal error: x\n":                                                                                              "runtime: program exceeds 10000-thread limit",
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := crash(file, offset); !strings.HasPrefix(got, want) || want == "" && got != "" || strings.Count(got, "\n") >= crashLines {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
