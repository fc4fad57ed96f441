package output

import "os"

// Spool is a file in the folder for temporary files that has no name for others,
// and is gone once it is closed.
type Spool struct {
	*os.File
	remove bool
}

// NewSpool makes an empty one.
func NewSpool() (*Spool, error) {
	f, err := os.CreateTemp("", "orch-*")
	if err != nil {
		return nil, failed(os.TempDir(), os.TempDir(), err)
	}
	// Where an open file cannot be removed, it is when it is closed.
	return &Spool{File: f, remove: os.Remove(f.Name()) != nil}, nil
}

// Write writes to the file; the error of a full disk says which.
func (s *Spool) Write(p []byte) (int, error) {
	n, err := s.File.Write(p)
	if err != nil {
		err = failed(os.TempDir(), os.TempDir(), err)
	}
	return n, err
}

// Close ends the file.
func (s *Spool) Close() error {
	err := s.File.Close()
	if s.remove {
		_ = os.Remove(s.Name())
	}
	return err
}
