package imageconfig

import (
	"bytes"
	"os"
	"path/filepath"

	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/internal/output"
)

// Store is a folder with the configurations of images, by their digests. "" is
// no folder.
type Store string

func (s Store) path(dgst, platform string) (string, bool) {
	d, err := digest.Parse(dgst)
	if s == "" || err != nil {
		return "", false
	}
	return filepath.Join(string(s), d.Encoded()+"-"+digest.FromString(platform).Encoded()[:12]), true
}

// Load returns the configuration of an image for a platform, or nil. What is
// damaged is not there.
func (s Store) Load(dgst, platform string) []byte {
	path, ok := s.path(dgst, platform)
	if !ok {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	sum, config, ok := bytes.Cut(data, []byte("\n"))
	if !ok || string(sum) != digest.FromBytes(config).String() {
		return nil
	}
	return config
}

// Save remembers a configuration. Where nothing can be written, it is asked for
// again the next time.
func (s Store) Save(dgst, platform string, config []byte) {
	path, ok := s.path(dgst, platform)
	if !ok || os.MkdirAll(string(s), 0o700) != nil {
		return
	}
	text := digest.FromBytes(config).String() + "\n"
	_ = output.WriteFile(path, []byte(text+string(config)), 0o600)
}
