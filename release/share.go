package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"time"
)

// completions are the shells that orch completes for, and the name of the file
// that each looks for.
var completions = []struct{ shell, file string }{
	{"bash", "orch"},
	{"zsh", "_orch"},
	{"fish", "orch.fish"},
	{"powershell", "orch.ps1"},
}

// readDate reads the day of the version out of the list of changes. A version
// that is not there is of no day: it is a trial.
func (r *release) readDate() error {
	if !regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`).MatchString(r.version) {
		return fmt.Errorf("%q is not a version such as v1.2.3", r.version)
	}
	text, err := os.ReadFile(filepath.Join(r.docs, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	r.date = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC) // the first that a zip file can have
	heading := regexp.MustCompile(`(?m)^## ` + regexp.QuoteMeta(r.version) + ` \((\d{4}-\d{2}-\d{2})\)$`)
	if m := heading.FindSubmatch(text); m != nil {
		r.date, err = time.Parse(time.DateOnly, string(m[1]))
	}
	return err
}

// readShare asks the program of this machine for its completions and manual pages.
func (r *release) readShare() error {
	program := filepath.Join(r.programs, platform{runtime.GOOS, runtime.GOARCH}.folder(), "orch")
	for _, c := range completions {
		text, err := output(program, "completion", c.shell)
		if err != nil {
			return err
		}
		r.share = append(r.share, file{"completions/" + c.shell + "/" + c.file, 0o644, text})
	}
	dir, err := os.MkdirTemp("", "man-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if _, err := output(program, "man", "--output", dir); err != nil {
		return err
	}
	pages, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(pages) == 0 {
		return errors.New("orch man wrote no page")
	}
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join(dir, page.Name()))
		if err != nil {
			return err
		}
		r.share = append(r.share, file{"man/man1/" + page.Name(), 0o644, text})
	}
	return nil
}

func output(name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w\n%s", name, args, err, stderr.Bytes())
	}
	return out, nil
}
