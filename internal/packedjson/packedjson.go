// Package packedjson keeps a value in a file, as JSON that is compressed with gzip. It
// knows nothing of what the value is: whoever reads one checks it.
package packedjson

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"

	"github.com/orch-build/orch/internal/output"
)

// Write gives the file a value. Nobody but the user can read it.
func Write(path string, v any) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err == nil {
		err = json.NewEncoder(z).Encode(v)
	}
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = output.WriteFile(path, b.Bytes(), 0o600)
	}
	return err
}

// Read reads the value of a file, of which it unpacks at most so many bytes.
func Read(path string, most int64, v any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	return json.NewDecoder(io.LimitReader(z, most)).Decode(v)
}
