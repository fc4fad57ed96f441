// Package jobs reads the grammar of --jobs, which is bake's: how many targets run
// steps at a time, and what a failure ends. It runs nothing.
package jobs

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tonistiigi/go-csvvalue"
)

// Jobs is the value of --jobs.
type Jobs struct {
	// Mode is one of Modes.
	Mode string
	// Parallel is how many targets run steps at a time; 0 means no limit of the
	// user's.
	Parallel int
}

// Parse reads the grammar of bake: a number, or comma separated fields
// mode=MODE and parallel=N, where "mode=" may be left out. A field may be
// quoted as in CSV; blanks around fields, keys and values do not count, nor
// does the case of keys.
func Parse(text string) (Jobs, error) {
	j := Jobs{Mode: "fail-fast"}
	text = strings.TrimSpace(text)
	if text == "" {
		return j, nil
	}
	if _, err := strconv.Atoi(text); err == nil {
		text = "parallel=" + text
	}
	fields, err := csvvalue.Fields(text, nil)
	if err != nil {
		return j, errors.New("it is not a list of comma separated fields")
	}
	seen := map[string]bool{}
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			key, value = "mode", field
		}
		key = strings.ToLower(strings.TrimSpace(key))
		if seen[key] {
			return j, fmt.Errorf("%s is there twice", key)
		}
		seen[key] = true
		if err := j.set(key, strings.TrimSpace(value)); err != nil {
			return j, err
		}
	}
	return j, nil
}

// set sets one field of --jobs.
func (j *Jobs) set(key, value string) error {
	switch key {
	case "mode":
		if !slices.Contains(Modes, value) {
			return fmt.Errorf("unknown mode %q; there are %s", value, strings.Join(Modes, ", "))
		}
		j.Mode = value
	case "parallel":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return fmt.Errorf("parallel=%s is not a number of targets: write a whole number that is not negative", value)
		}
		j.Parallel = n
	default:
		return fmt.Errorf("there is no option %q; write a number, or MODE[,parallel=N]", key)
	}
	return nil
}

// Modes say what a failure ends, the default first.
var Modes = []string{"fail-fast", "defer-error", "defer-output"}
