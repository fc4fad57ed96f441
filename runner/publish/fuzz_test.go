package publish

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Whatever is in a journal, it is read or set aside, and what was read names tags
// and digests.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"version":1,"started":"2026-11-28T00:00:00Z","moves":[{"name":"r.test/a:v1","new":"sha256:x"}]}`))
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "20200101T000000.000000000.json"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		all, err := journals(dir)
		if err != nil || len(all) != 1 {
			t.Fatalf("%d journals, %v", len(all), err)
		}
		j := all[0]
		_, _ = j.from(), j.shares(names(j.Moves))
		if j.unread != nil {
			return
		}
		for _, m := range j.Moves {
			if err := m.valid(); err != nil {
				t.Error(err)
			}
		}
		if _, err := json.Marshal(j); err != nil {
			t.Error(err)
		}
	})
}
