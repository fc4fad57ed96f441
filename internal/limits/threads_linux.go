package limits

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
)

// Threads returns an error that names the limit if the control groups of this process
// leave room for fewer processes and threads than needed. Go ends a program that gets
// no thread, with pages of its own text.
func Threads(needed int) error { return threads(needed, os.ReadFile) }

// threads takes what it cannot read for no limit.
func threads(needed int, read func(string) ([]byte, error)) error {
	groups, err := read("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		root := ""
		switch fields[1] {
		case "":
			root = "/sys/fs/cgroup"
		case "pids":
			root = "/sys/fs/cgroup/pids"
		default:
			continue
		}
		// A limit of a group holds for those inside it too.
		for dir := path.Clean("/" + fields[2]); ; dir = path.Dir(dir) {
			most, ok := number(read, root+path.Join(dir, "pids.max"))
			now, counted := number(read, root+path.Join(dir, "pids.current"))
			if ok && counted && most-now < needed {
				return fmt.Errorf("the limit of processes and threads is %d (pids.max of the control group %s), and %d are there: %d more are needed at least; raise it, as with 'docker run --pids-limit 500'",
					most, dir, now, needed)
			}
			if dir == "/" {
				break
			}
		}
	}
	return nil
}

// number reads a file with a number in it; "max" is none.
func number(read func(string) ([]byte, error), name string) (int, bool) {
	data, err := read(name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	return n, err == nil
}
