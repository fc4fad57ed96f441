// Package keptimage remembers which image a Docker Engine was left with under a name, and
// the sum of all that had made it, so that an equal one need not be written again. It
// asks no engine, and does not know what goes into the sum.
package keptimage

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/orch-build/orch/internal/output"
)

// most bounds how many images are remembered.
const most = 5000

// Memory is a folder with images that were kept; "" remembers none.
type Memory string

// Image is an image in an engine.
type Image struct {
	// Of is the sum of what has made it.
	Of string `json:"of"`
	// Response is what the engine's BuildKit said when it had written it.
	Response map[string]string `json:"response"`
}

func (m Memory) path(engine, names string) string {
	sum := sha256.Sum256([]byte(engine + "\n" + names))
	return filepath.Join(string(m), hex.EncodeToString(sum[:16]))
}

// Load returns the image that an engine was left with under some names; nil if that
// is not known.
func (m Memory) Load(engine, names string) *Image {
	if m == "" {
		return nil
	}
	var out Image
	data, err := os.ReadFile(m.path(engine, names))
	if err != nil || json.Unmarshal(data, &out) != nil || out.Of == "" {
		return nil
	}
	return &out
}

// Save remembers an image. Where that fails, it is written again the next time.
func (m Memory) Save(engine, names string, image Image) {
	if m == "" || os.MkdirAll(string(m), 0o700) != nil {
		return
	}
	if data, err := json.Marshal(image); err == nil {
		_ = output.WriteFile(m.path(engine, names), data, 0o600)
	}
	output.KeepNewest(string(m), most)
}
