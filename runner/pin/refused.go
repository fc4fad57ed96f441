package pin

import (
	"fmt"
	"strings"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/registry"
)

// whenRefused says what to do where a registry refuses to say what an image is; else "".
// What failed while targets were looked at is there as text alone.
func whenRefused(key lock.Key, err error) string {
	if key.Kind != lock.Image && key.Kind != lock.Frontend {
		return ""
	}
	if text := err.Error(); !strings.Contains(text, "401 Unauthorized") && !strings.Contains(text, "403 Forbidden") {
		return ""
	}
	plain, _ := lock.SplitDigest(key.Name)
	ref, err := registry.Parse(plain)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("\nThe registry %s refuses: look at the name, and run 'docker login %[1]s' as somebody who may read %s.", ref.Repo.Domain, ref.Repo.Path)
}
