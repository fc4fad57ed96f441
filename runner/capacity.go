package runner

// perPlace is the memory that one place of the capacity stands for, in bytes.
const perPlace = 512 << 20

// Capacity is how much weight a builder is given at once: four places for each
// core, since much of a build is waiting, but no more than there is memory for,
// and never fewer than four.
func Capacity(cores int, memory int64) int {
	n := 4 * cores
	if memory > 0 {
		n = min(n, int(memory/perPlace))
	}
	return min(max(n, 4), 4*DefaultJobs)
}
