package pin

import (
	"context"
	"fmt"
	"strings"

	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/registry"
)

// Lost are the images of a lock of which one of the errors says that their registry
// does not have what they are locked to.
func Lost(held *lock.Lock, errs []error) []*lock.Entry {
	var out []*lock.Entry
	for _, e := range held.Entries() {
		for _, err := range errs {
			text := err.Error()
			if e.Kind != lock.Git && strings.Contains(text, "@"+e.Digest) && (strings.Contains(text, "not found") || strings.Contains(text, "404")) {
				out = append(out, e)
				break
			}
		}
	}
	return out
}

// WhereLost says what to do about an image whose registry has lost what it is locked
// to, and which mirror of the builder still has it.
func (r *Resolver) WhereLost(ctx context.Context, name, sum string) string {
	text := "If the registry has lost it: " + r.Mends(name)
	plain, _ := lock.SplitDigest(name)
	ref, err := registry.Parse(plain)
	if err != nil {
		return text
	}
	for _, mirror := range r.Mirrors[ref.Repo.Domain] {
		if _, err := r.Registry.Manifest(ctx, registry.Ref{Repo: ref.Repo.At(mirror), Tag: digest.Digest(sum).String()}); err == nil {
			return fmt.Sprintf("The mirror %s has it. %s", mirror, text)
		}
	}
	return text
}
