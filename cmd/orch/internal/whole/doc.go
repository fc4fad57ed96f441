// Package whole has what is not in the part of orch that starts first: the reader
// of Compose files, what sends traces, and the evaluation of policies. In the whole
// program its methods do the work; in the split one, which has the tag orch_split,
// they start the same command over in the whole program. Only cmd/orch imports it,
// so that no test of a package below links all of orch. It knows no flag and no
// command.
package whole

import "github.com/orch-build/orch/cmd/orch/internal/parts"

// Parts are the parts that this program has.
type Parts struct{}

var _ parts.Parts = Parts{}
