package runner

// perPlace is the memory that one place of the capacity stands for, in bytes.
const perPlace = 512 << 20

// maxCapacity bounds what a machine is given at once.
const maxCapacity = 64

// Capacity is how many places there are on a machine of which more is not known:
// four for each core, since much of a build is waiting, but no more than there
// is memory for, and never fewer than four.
func Capacity(cores int, memory int64) int {
	n := 4 * cores
	if memory > 0 {
		n = min(n, int(memory/perPlace))
	}
	return min(max(n, 4), maxCapacity)
}
