package buildkit

import (
	"encoding/json"
	"fmt"

	spb "github.com/moby/buildkit/sourcepolicy/pb"
)

// SourcePolicy is a policy that every source of a build has to pass, in the
// form of BuildKit.
type SourcePolicy = spb.Policy

// ParseSourcePolicy reads a policy from BuildKit's JSON.
func ParseSourcePolicy(data []byte) (*SourcePolicy, error) {
	var policy spb.Policy
	if err := json.Unmarshal(data, &policy); err != nil {
		return nil, fmt.Errorf("reading a source policy: %w", err)
	}
	return &policy, nil
}
