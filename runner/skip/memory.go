package skip

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/orch-build/orch/internal/output"
)

const (
	// memoryTime is for how long a record that was seen is believed without
	// asking for it again, as long as no tag moves.
	memoryTime = 24 * time.Hour
	// mostMemory bounds how many records are kept.
	mostMemory = 5000
)

// Memory is a folder with records that were seen; "" keeps none.
type Memory string

// seen is a record of the memory: the artifact, and when it was read.
type seen struct {
	Read     time.Time `json:"read"`
	Manifest []byte    `json:"manifest"`
}

func (m Memory) path(repo, tag string) string {
	sum := sha256.Sum256([]byte(repo + "\n" + tag))
	return filepath.Join(string(m), hex.EncodeToString(sum[:16]))
}

// load returns the artifact of a record; nil if it is not known, or was read
// longer ago than it is believed.
func (m Memory) load(repo, tag string, now time.Time) []byte {
	if m == "" {
		return nil
	}
	var s seen
	data, err := os.ReadFile(m.path(repo, tag))
	if err != nil || json.Unmarshal(data, &s) != nil {
		return nil
	}
	if age := now.Sub(s.Read); repo != "" && (age < 0 || age > memoryTime) {
		return nil
	}
	return s.Manifest
}

// save keeps the artifact of a record. Where that fails, it is asked for again.
func (m Memory) save(repo, tag string, now time.Time, manifest []byte) {
	if m == "" || os.MkdirAll(string(m), 0o700) != nil {
		return
	}
	if data, err := json.Marshal(seen{now, manifest}); err == nil {
		_ = output.WriteFile(m.path(repo, tag), data, 0o600)
	}
}

// forget drops a record.
func (m Memory) forget(repo, tag string) {
	if m != "" {
		_ = os.Remove(m.path(repo, tag))
	}
}

// prune drops the records that were not read for the longest time.
func (m Memory) prune() {
	if m != "" {
		output.KeepNewest(string(m), mostMemory)
	}
}
