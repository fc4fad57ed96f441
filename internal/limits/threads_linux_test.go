package limits

import (
	"os"
	"strings"
	"testing"
)

func TestThreads(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"version 2":          {map[string]string{"/proc/self/cgroup": "0::/box\n", "/sys/fs/cgroup/box/pids.max": "16\n", "/sys/fs/cgroup/box/pids.current": "2\n"}, "is 16 (pids.max of the control group /box), and 2 are there: 16 more"},
		"version 1":          {map[string]string{"/proc/self/cgroup": "8:pids:/box\n0::/\n", "/sys/fs/cgroup/pids/box/pids.max": "30\n", "/sys/fs/cgroup/pids/box/pids.current": "20\n"}, "is 30"},
		"a group outside":    {map[string]string{"/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/pids.max": "max\n", "/sys/fs/cgroup/a/b/pids.current": "2\n", "/sys/fs/cgroup/a/pids.max": "10\n", "/sys/fs/cgroup/a/pids.current": "9\n"}, "control group /a)"},
		"a container's own":  {map[string]string{"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/pids.max": "12\n", "/sys/fs/cgroup/pids.current": "1\n"}, "control group /)"},
		"enough":             {map[string]string{"/proc/self/cgroup": "0::/box\n", "/sys/fs/cgroup/box/pids.max": "200\n", "/sys/fs/cgroup/box/pids.current": "2\n"}, ""},
		"no limit":           {map[string]string{"/proc/self/cgroup": "0::/box\n", "/sys/fs/cgroup/box/pids.max": "max\n", "/sys/fs/cgroup/box/pids.current": "2000\n"}, ""},
		"no counter":         {map[string]string{"/proc/self/cgroup": "0::/box\n", "/sys/fs/cgroup/box/pids.max": "3\n"}, ""},
		"something else":     {map[string]string{"/proc/self/cgroup": "what\n:::\n0::../..\n"}, ""},
		"no control groups":  {nil, ""},
		"of something else":  {map[string]string{"/proc/self/cgroup": "4:memory:/box\n", "/sys/fs/cgroup/pids/box/pids.max": "3\n", "/sys/fs/cgroup/pids/box/pids.current": "2\n"}, ""},
		"garbage in a limit": {map[string]string{"/proc/self/cgroup": "0::/box\n", "/sys/fs/cgroup/box/pids.max": "\x00\n", "/sys/fs/cgroup/box/pids.current": "2\n"}, ""},
	} {
		err := threads(16, func(name string) ([]byte, error) {
			text, ok := c.files[name]
			if !ok {
				return nil, os.ErrNotExist
			}
			return []byte(text), nil
		})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
