package rego

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	peer "github.com/docker/buildx/policy"
	signatures "github.com/moby/policy-helpers"
)

// verifier verifies signatures, once one has to be.
type verifier struct {
	dir string

	mu   sync.Mutex
	made peer.PolicyVerifier
}

func (v *verifier) get() (peer.PolicyVerifier, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.made != nil {
		return v.made, nil
	}
	if err := os.MkdirAll(filepath.Join(v.dir, "tuf"), 0o755); err != nil {
		return nil, fmt.Errorf("preparing to verify signatures: %w", err)
	}
	made, err := signatures.NewVerifier(signatures.Config{StateDir: v.dir})
	if err != nil {
		return nil, fmt.Errorf("preparing to verify signatures: %w", err)
	}
	v.made = made
	return made, nil
}
