package definition

import "github.com/moby/buildkit/solver/pb"

// Lines returns the first and the last line of some ranges; 0 of none.
func Lines(ranges []*pb.Range) (first, last int) {
	for i, r := range ranges {
		start, end := int(r.GetStart().GetLine()), int(r.GetEnd().GetLine())
		if i == 0 || start < first {
			first = start
		}
		last = max(last, start, end)
	}
	return first, last
}
