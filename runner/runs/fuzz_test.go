package runs

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/runner/record"
)

// Whatever is in a file from elsewhere, the run is imported or refused, and one
// that is imported can be listed and shown. Nothing is written beside the store.
func FuzzImport(f *testing.F) {
	pack := func(t testing.TB, name string, parts ...string) []byte {
		t.Helper()
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for i, text := range parts {
			as := []string{"result.json", name}[i]
			w, err := z.Create(as)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(as, "/") { // a folder
				continue
			}
			if _, err := w.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	rec := `{"version":1,"id":"` + testID + `","state":"failed","targets":[{"name":"a","state":"failed","failure":{"step":"x","log":["y"],"logFile":"z"}}],"vertices":[{"id":"x"}],"steps":[{"name":"s","log":"logs/001.log"}]}`
	f.Add("logs/001.log", []byte(rec), []byte("text\x1b[31m\r\n"))
	f.Add("../x", []byte(rec), []byte("x"))
	f.Add("plan.json.gz", []byte(`{"targets":[null],"vertices":[null],"steps":[null]}`), []byte("x"))
	f.Add("logs/", []byte(rec), []byte("x"))
	f.Fuzz(func(t *testing.T, name string, result, other []byte) {
		dir := t.TempDir()
		file := filepath.Join(dir, "run.zip")
		if err := os.WriteFile(file, pack(t, name, string(result), string(other)), 0o600); err != nil {
			t.Fatal(err)
		}
		store := record.ProjectStore(filepath.Join(dir, "state"), "/work/shop")
		k, err := Import(store, file)
		if err == nil {
			shown(t, store, k)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) > 2 {
			t.Errorf("%d entries, %v", len(entries), err)
		}
	})
}

// shown lists and shows a run in all ways.
func shown(t *testing.T, store record.Store, k record.Kept) {
	t.Helper()
	if rows := List(store, 0); len(rows) != 1 || Print(io.Discard, rows, time.Now()) != nil {
		t.Errorf("%d runs are listed", len(rows))
	}
	for _, c := range []Choice{{}, {Failed: true}, {Part: "a"}, {Part: "#1", Tail: 1}} {
		if l, err := LogsOf(k, c); err == nil && l.Run != k.ID {
			t.Errorf("the logs of %s", l.Run)
		}
	}
	_ = Parts(k)
	var b bytes.Buffer
	if err := Page(&b, k); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(strings.ToLower(b.String()), "</script"); n != 2 {
		t.Errorf("the page has %d scripts", n)
	}
}
