// Package room decides how much a run may do at once on the builder of this
// machine, which it shares with the user. It knows nothing of builds.
package room

import (
	"bufio"
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/proctree"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/embedded"
)

// The embedded builder is given places by the machine that it shares with the
// user; more of them while what runs leaves cores and memory free, as steps do
// that wait for a network. A builder elsewhere, of which nothing is known, has
// limits of its own, and gets everything.
const (
	// freeCores is the part of the cores that has to be free for more places.
	freeCores = 0.25
	// reserve is the memory that is left alone, and perPlace what each further
	// place has to find, in bytes.
	reserve  = 1 << 30
	perPlace = 256 << 20
)

// Limit decides how many places a run on the embedded builder has.
func Limit(ctx context.Context, getenv func(string) string, opt *runner.Options) {
	opt.Jobs = runner.Capacity(cores(), memory())
	r := &room{pid: func() int {
		o, err := embedded.OptionsFromEnv(getenv)
		if err != nil {
			return 0
		}
		info, err := embedded.Status(ctx, o)
		if err != nil {
			return 0
		}
		return info.PID
	}}
	opt.Room = r.ask
}

// room finds out whether the builder on this machine has room for more.
type room struct {
	pid   func() int
	known int // what pid said
	used  time.Duration
	at    time.Time
}

// stale is how old the last look at the builder may be for what it has used
// since to tell anything.
const stale = time.Second

// ask returns how many more places there may be.
func (r *room) ask(want int) int {
	if r.known == 0 {
		if r.known = r.pid(); r.known == 0 {
			r.known = -1
		}
	}
	if r.known < 0 {
		return 0
	}
	used, err := proctree.CPU(r.known)
	if err != nil {
		r.known = 0
		return 0
	}
	now := time.Now()
	busy, since := used-r.used, now.Sub(r.at)
	r.used, r.at = used, now
	if since > stale || float64(busy) > (1-freeCores)*float64(cores())*float64(since) {
		return 0
	}
	return min(want, int((memory()-reserve)/perPlace))
}

// cores is how many cores this process may use; Go minds what a container is
// limited to.
func cores() int { return runtime.GOMAXPROCS(0) }

// memory is the memory of this machine that could be used now, in bytes, as
// Linux has it in /proc/meminfo; 0 elsewhere.
func memory() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), ":")
		if !ok || name != "MemAvailable" {
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return 0
		}
		return kb << 10
	}
	return 0
}
