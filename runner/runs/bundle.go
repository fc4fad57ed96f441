package runs

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/runner/record"
)

const (
	recordFile = "result.json"
	logsFolder = "logs/"

	// mostFiles and mostBytes bound what is taken out of a file from elsewhere.
	mostFiles = 20_000
	mostBytes = 1 << 30
	// mostRecord bounds the record itself, which is read as a whole.
	mostRecord = 256 << 20
)

// belongs says whether a run has a file of that name.
func belongs(name string) bool {
	switch name {
	case recordFile, "plan.json.gz", "inputs.json", "inputs.json.gz", "explanation.json":
		return true
	}
	log, ok := strings.CutPrefix(name, logsFolder)
	return ok && strings.HasSuffix(log, ".log") && filepath.IsLocal(log) && !strings.ContainsAny(log, `/\:`)
}

// Export writes a run to a zip file: its record, its plan, and what its steps
// printed.
func Export(k record.Kept, file string) error {
	if _, err := k.Record(); err != nil {
		return err
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	err := filepath.WalkDir(k.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(k.Dir, path)
		if err != nil || !belongs(filepath.ToSlash(name)) {
			return err
		}
		return addFile(z, filepath.ToSlash(name), path)
	})
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = output.WriteFile(file, b.Bytes(), 0o644)
	}
	if err != nil {
		return fmt.Errorf("exporting the run %s: %w", k.ID, err)
	}
	return nil
}

// addFile adds a file without what tells one export of a run from another.
func addFile(z *zip.Writer, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

// Import takes a run out of a file that Export has written. Nothing in the file
// is trusted: what does not belong to a run, or is too large, is refused.
func Import(store record.Store, file string) (record.Kept, error) {
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a file") // nobody may ever write into a FIFO
	}
	var z *zip.ReadCloser
	if err == nil {
		z, err = zip.OpenReader(file)
	}
	if err != nil {
		return record.Kept{}, fmt.Errorf("%s: not a file that 'orch runs export' has written: %w", output.Show(file), plain(err))
	}
	defer z.Close()
	fail := func(err error) (record.Kept, error) {
		return record.Kept{}, fmt.Errorf("importing %s: %w", output.Show(file), err)
	}
	if err := check(z.File); err != nil {
		return fail(err)
	}
	rec, err := recordIn(&z.Reader)
	if err != nil {
		return fail(err)
	}
	k, err := store.Import(rec.ID, func(dir string) error { return unpack(z.File, dir) })
	if err != nil {
		return fail(err)
	}
	return k, nil
}

// plain is an error of the system without the name of the file.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// check refuses a list of files that cannot be a run's.
func check(files []*zip.File) error {
	if len(files) > mostFiles {
		return fmt.Errorf("it has %d files; a run has %d at most", len(files), mostFiles)
	}
	seen := map[string]bool{}
	for _, f := range files {
		name := strings.ToLower(f.Name)
		switch {
		case !belongs(f.Name):
			return fmt.Errorf("%s does not belong to a run", output.Show(f.Name))
		case !f.Mode().IsRegular():
			return fmt.Errorf("%s is not a regular file", output.Show(f.Name))
		case seen[name]:
			return fmt.Errorf("%s is in it twice", output.Show(f.Name))
		}
		seen[name] = true
	}
	return nil
}

// recordIn reads the record of the run.
func recordIn(z *zip.Reader) (*record.Record, error) {
	f, err := z.Open(recordFile)
	if err != nil {
		return nil, fmt.Errorf("it has no %s", recordFile)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostRecord+1))
	if err != nil {
		return nil, err
	}
	if len(data) > mostRecord {
		return nil, fmt.Errorf("%s is larger than %d bytes", recordFile, mostRecord)
	}
	return record.Decode(data, recordFile)
}

// unpack writes the files into an empty folder. What they say of their sizes is
// not believed.
func unpack(files []*zip.File, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Mkdir(strings.TrimSuffix(logsFolder, "/"), 0o700); err != nil {
		return err
	}
	left := int64(mostBytes)
	for _, f := range files {
		n, err := unpackFile(root, f, left)
		if err != nil {
			return fmt.Errorf("%s: %w", output.Show(f.Name), err)
		}
		if left -= n; left < 0 {
			return fmt.Errorf("it holds more than %d bytes", int64(mostBytes))
		}
	}
	return nil
}

// unpackFile writes one file, and at most one byte more than most.
func unpackFile(root *os.Root, f *zip.File, most int64) (int64, error) {
	in, err := f.Open()
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := root.OpenFile(f.Name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(out, io.LimitReader(in, most+1))
	return n, errors.Join(err, out.Close())
}
