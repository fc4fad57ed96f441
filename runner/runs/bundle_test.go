package runs

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/record"
)

const testID = "20261129-040506.789-abcd"

// entry is one file of an archive.
type entry struct {
	name, text string
	mode       fs.FileMode
}

func archive(t *testing.T, entries ...entry) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(e.mode | 0o600)
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "run.zip")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func recordText(t *testing.T, rec *record.Record) string {
	t.Helper()
	data, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func sample(id string) *record.Record {
	return &record.Record{
		Version: record.Version, ID: id, State: "failed", Started: time.Date(2026, 11, 29, 4, 5, 6, 0, time.UTC),
		Targets: []*record.Target{{Name: "api", State: runner.Failed, Failure: &record.Failure{Step: "[build 2/3] RUN make", Log: []string{"kept in the record"}}}},
		Steps: []*record.Step{
			{Number: 1, Name: "RUN make", Label: "build 2/3", Stage: "build", Targets: []string{"api"}, Failed: true, Log: "/elsewhere/logs/001-build.log"},
			{Number: 2, Name: "RUN test", Label: "build 3/3", Stage: "build", Targets: []string{"api"}, Log: "../../../../../../../../../etc/hostname"},
			{Number: 3, Name: "RUN lint", Label: "lint 1/1", Stage: "lint", Targets: []string{"api"}, Log: `C:\logs\003-lint.log`},
		},
	}
}

// TestImportRefuses hands in files that no run has, and demands that none of them
// leaves anything behind.
func TestImportRefuses(t *testing.T) {
	good := entry{name: "result.json", text: recordText(t, sample(testID))}
	for name, c := range map[string]struct {
		entries []entry
		want    string
	}{
		"outside":        {[]entry{good, {name: "../evil.log"}}, `../evil.log does not belong to a run`},
		"outside logs":   {[]entry{good, {name: "logs/../../evil.log"}}, `does not belong to a run`},
		"absolute":       {[]entry{good, {name: "/etc/cron.d/evil"}}, `does not belong to a run`},
		"backslash":      {[]entry{good, {name: `logs/..\evil.log`}}, `does not belong to a run`},
		"drive":          {[]entry{good, {name: "logs/C:evil.log"}}, `does not belong to a run`},
		"deep":           {[]entry{good, {name: "logs/a/b.log"}}, `does not belong to a run`},
		"folder":         {[]entry{good, {name: "logs/"}}, `does not belong to a run`},
		"program":        {[]entry{good, {name: "orch"}}, `orch does not belong to a run`},
		"controls":       {[]entry{good, {name: "a\x1b[2Jb"}}, `"a\x1b[2Jb" does not belong to a run`},
		"link":           {[]entry{good, {name: "logs/a.log", text: "/etc/passwd", mode: fs.ModeSymlink}}, `logs/a.log is not a regular file`},
		"link as record": {[]entry{{name: "result.json", text: "/etc/passwd", mode: fs.ModeSymlink}}, `result.json is not a regular file`},
		"twice":          {[]entry{good, {name: "logs/a.log"}, {name: "logs/A.log"}}, `logs/A.log is in it twice`},
		"no record":      {[]entry{{name: "logs/a.log"}}, `it has no result.json`},
		"not JSON":       {[]entry{{name: "result.json", text: "{"}}, `reading the record result.json`},
		"later version":  {[]entry{{name: "result.json", text: `{"version": 99}`}}, `the record has version 99`},
		"name is a path": {[]entry{{name: "result.json", text: recordText(t, sample("../../x"))}}, `"../../x" is not the name of a run`},
		"no name":        {[]entry{{name: "result.json", text: recordText(t, sample(""))}}, `"" is not the name of a run`},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			_, err := Import(record.ProjectStore(state, "/p"), archive(t, c.entries...))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			err = filepath.WalkDir(state, func(path string, e fs.DirEntry, err error) error {
				if err == nil && !e.IsDir() {
					t.Errorf("left %s", path)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestLogs demands that logs are found under whatever folder the record names,
// and nothing outside of the run's own folder.
func TestLogs(t *testing.T) {
	store := record.ProjectStore(t.TempDir(), "/p")
	k, err := Import(store, archive(t,
		entry{name: "result.json", text: recordText(t, sample(testID))},
		entry{name: "logs/001-build.log", text: "one\ntwo\r\x1b[31mTWO\x1b[0m\nthree\n"},
		entry{name: "logs/003-lint.log", text: "lint\n"},
	))
	if err != nil {
		t.Fatal(err)
	}
	read := func(c Choice) string {
		t.Helper()
		l, err := LogsOf(k, c)
		if err != nil {
			return err.Error()
		}
		var out []string
		for _, p := range l.Parts {
			out = append(out, p.Label+": "+strings.Join(p.Lines, "|"))
		}
		return strings.Join(out, "; ")
	}
	for _, c := range []struct {
		choice Choice
		want   string
	}{
		{Choice{}, "build 2/3: one|TWO|three; lint 1/1: lint"},
		{Choice{Part: "api"}, "build 2/3: one|TWO|three; lint 1/1: lint"},
		{Choice{Part: "api@lint"}, "lint 1/1: lint"},
		{Choice{Part: "#3"}, "lint 1/1: lint"},
		{Choice{Part: "RUN lint"}, "lint 1/1: lint"},
		{Choice{Tail: 1}, "build 2/3: three; lint 1/1: lint"},
		{Choice{Failed: true}, "build 2/3: one|TWO|three"},
		{Choice{Part: "build 3/3"}, ""},
		{Choice{Part: "#9"}, `the run ` + testID + ` has no target, stage or step "#9"`},
		{Choice{Part: "apu"}, `the run ` + testID + ` has no target, stage or step "apu". Did you mean "api"?`},
		{Choice{Part: "apu@build"}, `the run ` + testID + ` has no target, stage or step "apu@build". Did you mean "api"?`},
		{Choice{Part: ""}, "build 2/3: one|TWO|three; lint 1/1: lint"},
	} {
		if got := read(c.choice); got != c.want {
			t.Errorf("%+v: %q, want %q", c.choice, got, c.want)
		}
	}
	if err := os.Remove(filepath.Join(k.Dir, "logs", "001-build.log")); err != nil {
		t.Fatal(err)
	}
	if got := read(Choice{Failed: true}); got != "build 2/3: kept in the record" {
		t.Errorf("without the file: %q", got)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(k.Dir, "logs", "hostname")); err != nil {
		t.Fatal(err)
	}
	if got := read(Choice{Part: "build 3/3"}); got != "" {
		t.Errorf("a link is followed: %q", got)
	}
}

// TestExport demands that a run comes back as it was.
func TestExport(t *testing.T) {
	store := record.ProjectStore(t.TempDir(), "/p")
	k, err := Import(store, archive(t, entry{name: "result.json", text: recordText(t, sample(testID))}, entry{name: "logs/001-build.log", text: "one\n"}))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "out.zip")
	if err := Export(k, file); err != nil {
		t.Fatal(err)
	}
	there, err := Import(record.ProjectStore(t.TempDir(), "/q"), file)
	if err != nil {
		t.Fatal(err)
	}
	text, whole, err := there.Log("001-build.log", 100)
	if string(text) != "one\n" || !whole || err != nil {
		t.Errorf("the log came back as %q, %v", text, err)
	}
	if _, err := store.Find(""); err != record.ErrNoRun {
		t.Errorf("an imported run is the last one: %v", err)
	}
	if got, err := store.Find("2026"); err != nil || got.ID != testID {
		t.Errorf("found %v, %v", got, err)
	}
}
