package sourcepolicy

import (
	"encoding/json"
	"fmt"

	spb "github.com/moby/buildkit/sourcepolicy/pb"
)

// Static is a policy that every source of a build has to pass, in the
// form of BuildKit.
type Static = spb.Policy

// ParseStatic reads a policy from BuildKit's JSON.
func ParseStatic(data []byte) (*Static, error) {
	var policy spb.Policy
	if err := json.Unmarshal(data, &policy); err != nil {
		return nil, fmt.Errorf("reading a source policy: %w", err)
	}
	return &policy, nil
}
