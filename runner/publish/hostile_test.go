//go:build unix

package publish

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestHostileJournals publishes among things that only look like journals, and
// journals that no orch has written: the run neither hangs nor reads them whole
// nor does what they say, and each can be forgotten.
func TestHostileJournals(t *testing.T) {
	s := newScene(t)
	digest := "sha256:" + strings.Repeat("b", 64)
	move := func(tag string) string { return fmt.Sprintf(`{"name":%q,"new":%q}`, s.Host+"/"+tag, digest) }
	journal := func(rest string) string {
		return `{"version":1,"started":"2026-11-28T00:00:00Z",` + rest + `}`
	}
	write := func(text string) func(path string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), 0o600) }
	}
	for name, make := range map[string]func(path string) error{
		"FIFO":          func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"endless":       func(path string) error { return os.Symlink("/dev/zero", path) },
		"folder":        func(path string) error { return os.MkdirAll(filepath.Join(path, "x"), 0o700) },
		"huge":          func(path string) error { return errors.Join(write("")(path), os.Truncate(path, 1<<42)) },
		"unknown stage": write(journal(`"stage":"flying","moves":[` + move("a:v1") + `]`)),
		"twice":         write(journal(`"moves":[` + move("a:v1") + "," + move("a:v1") + `]`)),
		"deep":          write(strings.Repeat("[", 1<<20)),
		"lock is a folder": func(path string) error {
			lock := strings.TrimSuffix(path, ".json") + ".lock"
			return errors.Join(os.MkdirAll(lock, 0o700), write(journal(`"moves":[`+move("a:v1")+`]`))(path))
		},
		"aside is a file": func(path string) error {
			return errors.Join(write("")(filepath.Join(filepath.Dir(path), "aside")), write(journal(`"moves":[`+move("a:v1")+`]`))(path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			m := newMachine(t)
			m.Budget = 200 * time.Millisecond
			s.reset()
			s.SetTag("a:v1", "")
			path := filepath.Join(m.Dir, "20200101T000000.000000000.json")
			if err := errors.Join(os.MkdirAll(m.Dir, 0o700), make(path)); err != nil {
				t.Fatal(err)
			}
			var refs []Ref
			for _, move := range s.moves() {
				refs = append(refs, move.Ref)
			}
			if err := errors.Join(m.Prepare(ctx, refs), m.Publish(ctx, s.moves())); err != nil || s.state() != "new" {
				t.Errorf("the tags are %s, %v", s.state(), err)
			}
			if _, err := m.Pending(ctx); err != nil {
				t.Error(err)
			}
			if _, err := m.Rollback(ctx); err != nil {
				t.Errorf("rolling back: %v", err)
			}
			if _, err := m.Resume(ctx); err != nil || s.state() != "new" {
				t.Errorf("resuming: the tags are %s, %v", s.state(), err)
			}
			handled, err := m.Forget(ctx)
			if err != nil {
				t.Error(err)
			}
			for _, h := range handled {
				if h.Err != nil && name != "folder" {
					t.Errorf("forgetting %s: %v", h.ID, h.Err)
				}
			}
		})
	}
}
