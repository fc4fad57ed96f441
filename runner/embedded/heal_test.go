//go:build linux

package embedded

import (
	"bytes"
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client/llb"

	"github.com/orch-build/orch/internal/need"
)

// damages are what can happen to a file or a folder.
var damages = map[string]func(path string) error{
	"gone":  os.RemoveAll,
	"empty": func(path string) error { return remade(path, nil) },
	"cut":   func(path string) error { return os.Truncate(path, 5000) },
	"garbage": func(path string) error {
		return overwritten(path, 0, 4*4096)
	},
	"middle": func(path string) error { return overwritten(path, 4*4096, 8*4096) },
	"folder": func(path string) error {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		return os.MkdirAll(filepath.Join(path, "in it"), 0o700)
	},
}

func remade(path string, data []byte) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

func overwritten(path string, at, n int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt(bytes.Repeat([]byte{0xa5, 0x5a, 0xff, 0}, int(n/4)), at)
	return err
}

// goodState is the folder of a builder that has built something and ended.
func goodState(t *testing.T) string {
	t.Helper()
	o := newOptions(t)
	d := ensure(t, o)
	if err := buildFiles(t, d); err != nil {
		t.Fatal(err)
	}
	if _, err := Stop(context.Background(), o, AtOnce); err != nil {
		t.Fatal(err)
	}
	return o.StateDir
}

// buildFiles builds something that needs no container.
func buildFiles(t *testing.T, d *Daemon) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	st := llb.Scratch().File(llb.Mkfile("/a", 0o644, []byte("a"))).File(llb.Mkfile("/b", 0o644, []byte("b")))
	st = llb.Scratch().File(llb.Copy(st, "/", "/"))
	_, err := solve(ctx, dial(t, d), nil, st)
	return err
}

// TestDamagedState damages each part of the state, of a builder that ended and
// of one that was killed: the next one starts all the same, builds, and says
// what was damaged.
func TestDamagedState(t *testing.T) {
	good := goodState(t)
	const worker = "builder/root/runc-overlayfs/"
	parts := map[string][]string{
		"builder/root/cache.db": nil, "builder/root/history.db": nil,
		worker + "metadata_v2.db": nil, worker + "containerdmeta.db": nil, worker + "snapshots/metadata.db": nil,
		worker + "workerid":            {"gone", "empty", "folder"},
		worker + "content":             {"gone", "empty", "folder"},
		worker + "snapshots/snapshots": {"gone", "empty", "folder"},
		worker + "snapshots":           {"gone", "empty", "folder"},
		"builder/seal.json":            {"gone", "empty", "folder"},
		"builder/root":                 {"gone", "empty", "folder"},
		"builder/tmp":                  {"gone", "empty", "folder"},
		"builder/run":                  {"gone", "empty", "folder"},
		"builder/start.lock":           {"gone", "folder"},
		"builder/builder.lock":         {"gone", "folder"},
		"builder/reserve":              {"gone", "empty", "folder"},
		"builder.log":                  {"gone", "empty", "folder"},
		"builder.sock":                 {"empty", "folder"},
	}
	for part, kinds := range parts {
		if kinds == nil {
			kinds = []string{"gone", "cut", "garbage"}
			if need.Long() {
				kinds = slices.Sorted(maps.Keys(damages))
			}
		}
		for _, kind := range kinds {
			database := strings.HasSuffix(part, ".db")
			if !database && kind == "empty" && !need.Long() {
				continue
			}
			for _, how := range []string{"ended", "killed"} {
				// Without a database it is the same, and each case takes a second.
				if how == "killed" && (!database || kind != "cut" && !need.Long()) {
					continue
				}
				t.Run(part+"/"+kind+"/"+how, func(t *testing.T) {
					t.Parallel() // most of the time a builder starts or ends
					damagedState(t, good, part, kind, how == "killed")
				})
			}
		}
	}
}

func damagedState(t *testing.T, good, part, kind string, killed bool) {
	o := newOptions(t)
	if out, err := exec.Command("cp", "-a", good+"/.", o.StateDir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if killed {
		if err := os.RemoveAll(newPaths(o.StateDir).Seal); err != nil {
			t.Fatal(err)
		}
	}
	if err := damages[kind](filepath.Join(o.StateDir, part)); err != nil {
		t.Fatal(err)
	}
	var said []string
	o.Notify = func(line string) { said = append(said, line) }
	d := ensure(t, o)
	if err := buildFiles(t, d); err != nil {
		t.Errorf("building: %v", err)
	}
	warned := slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, "the builder's state was damaged: ") })
	database := strings.HasSuffix(part, ".db")
	// A cache that is gone is not damage if nobody has said that there was one.
	// The history is nearly empty: in its middle is nothing that can be damaged.
	nothing := killed && kind == "middle" && strings.HasSuffix(part, "history.db") || killed && (kind == "gone" || kind == "empty") && strings.Count(part, "/") == 2
	if database && !nothing && !warned {
		t.Errorf("said %q, and nothing of what was damaged", said)
	}
	if data, err := os.ReadFile(d.Log); warned && (err != nil || !bytes.Contains(data, []byte("state was damaged"))) {
		t.Errorf("the log does not say so (%v)", err)
	}
	if !database || kind == "gone" && !need.Long() {
		return
	}
	// What is there now is whole.
	if _, err := Stop(context.Background(), o, AtOnce); err != nil {
		t.Fatal(err)
	}
	said = nil
	if err := buildFiles(t, ensure(t, o)); err != nil || len(said) > 0 {
		t.Errorf("the next time: %v, said %q", err, said)
	}
}

// A state that was only copied is not damaged.
func TestCopiedState(t *testing.T) {
	good := goodState(t)
	o := newOptions(t)
	if out, err := exec.Command("cp", "-r", good+"/.", o.StateDir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	o.Notify = func(line string) { t.Errorf("said %q", line) }
	ensure(t, o)
}
