//go:build linux

package pack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// Help is the side in the container: a process whose arguments say what to do,
// as [SaveOptions] or [RestoreOptions] in JSON. What it saves goes to
// out, its statuses to out when it restores, and to state when it saves.
func Help(args []string, in io.Reader, out, state io.Writer) error {
	if len(args) != 2 {
		return errors.New("it takes an order and its options")
	}
	unix.Umask(0)
	switch args[0] {
	case "save":
		var opt SaveOptions
		if err := json.Unmarshal([]byte(args[1]), &opt); err != nil {
			return err
		}
		s, err := Save(out, opt)
		if err != nil {
			return err
		}
		return json.NewEncoder(state).Encode(s)
	case "restore":
		var opt RestoreOptions
		if err := json.Unmarshal([]byte(args[1]), &opt); err != nil {
			return err
		}
		report := json.NewEncoder(out)
		s, err := Restore(in, func(s Status) error { return report.Encode(s) }, opt)
		if err != nil {
			return err
		}
		return report.Encode(s)
	}
	return fmt.Errorf("unknown order %q", args[0])
}
