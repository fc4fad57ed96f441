package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/orch-build/orch/internal/output"
)

// journalVersion is the version of a journal's form.
const journalVersion = 1

const (
	// asideName is the folder, among the journals, of those that were set aside.
	asideName = "aside"
	// journalExt and lockExt are what the names of a journal end with, and of
	// the file that is locked while a process works on it.
	journalExt = ".json"
	lockExt    = ".lock"
	// lockName is the file that is locked while journals are looked through.
	lockName = "lock"
	// lockPause is the time between two looks at a lock.
	lockPause = 50 * time.Millisecond
)

// Stage says how far the moves of a journal have come.
type Stage string

const (
	// Moving is a journal of which some tags may have moved and others not. It
	// is what journals of earlier versions are, which do not say it.
	Moving Stage = ""
	// Looking is one that reserves its tags; none has moved.
	Looking Stage = "looking"
	// Waiting is one whose tags are where they were, after a failure.
	Waiting Stage = "waiting"
)

// journal is a file that says which tags are being moved.
type journal struct {
	Version int       `json:"version"`
	Started time.Time `json:"started"`
	// Project is the folder of the run.
	Project string `json:"project,omitempty"`
	Stage   Stage  `json:"stage,omitempty"`
	// Unseen says that it was not seen where the tags pointed.
	Unseen bool   `json:"unseen,omitempty"`
	Moves  []Move `json:"moves"`
	// Aside is why the journal was set aside.
	Aside string `json:"aside,omitempty"`

	path string
	lock *flock.Flock // held by this process, or nil
	// replaces are journals of some of the same tags, of which nothing had moved.
	replaces []*journal
	// unread is what is wrong with a journal that cannot be read.
	unread error
}

// id is the name by which people call a journal.
func (j *journal) id() string { return strings.TrimSuffix(filepath.Base(j.path), journalExt) }

// shares says whether a journal moves one of some tags.
func (j *journal) shares(tags map[string]bool) bool {
	return slices.ContainsFunc(j.Moves, func(m Move) bool { return tags[m.Name] })
}

// within says whether some tags are all of a journal's.
func (j *journal) within(tags map[string]bool) bool {
	return !slices.ContainsFunc(j.Moves, func(m Move) bool { return !tags[m.Name] })
}

func names(moves []Move) map[string]bool {
	out := map[string]bool{}
	for _, m := range moves {
		out[m.Name] = true
	}
	return out
}

// take locks a journal for this process, and says whether that was possible:
// another process may work on it, or have removed it. An error is that it
// cannot be locked by this process at all.
func (j *journal) take() (bool, error) {
	l := flock.New(strings.TrimSuffix(j.path, journalExt) + lockExt)
	if ok, err := l.TryLock(); err != nil || !ok {
		if err != nil {
			err = fmt.Errorf("it cannot be locked: %w", err)
		}
		return false, err
	}
	if _, err := os.Lstat(j.path); err != nil {
		_ = l.Unlock()
		_ = os.Remove(l.Path())
		return false, nil
	}
	j.lock = l
	return true, nil
}

// drop gives the lock of a journal back. The file of the lock stays as long as
// the journal: another process may just have opened it.
func (j *journal) drop() {
	if j.lock != nil {
		_ = j.lock.Unlock()
		j.lock = nil
	}
}

// gone gives the lock of a journal back that is not there any more.
func (j *journal) gone() {
	j.drop()
	_ = os.Remove(strings.TrimSuffix(j.path, journalExt) + lockExt)
}

// write puts a journal on the disk, whole and for good.
func (j *journal) write() error {
	data, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	if err := output.WriteSynced(j.path, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	return nil
}

// remove ends a journal, whatever it is: even a folder by its name is in the way.
func (j *journal) remove() error {
	err := os.RemoveAll(j.path)
	j.gone()
	if err != nil {
		return fmt.Errorf("closing the journal: %w", err)
	}
	return nil
}

// setAside moves a journal to where it is in nobody's way.
func (p *Publisher) setAside(j *journal, why error) {
	if p.stuck[j.path] {
		return
	}
	to, err := p.moveAside(j, why)
	if err != nil {
		j.drop()
		if p.stuck == nil {
			p.stuck = map[string]bool{}
		}
		p.stuck[j.path] = true
		p.warn("the journal %s of an earlier run is of no use (%v), and cannot be set aside: %v", j.path, why, err)
		return
	}
	p.warn("the journal of an earlier run was set aside as %s: %v. 'orch publish --status' lists it, 'orch publish --forget' removes it", to, why)
}

func (p *Publisher) moveAside(j *journal, why error) (string, error) {
	aside := *j
	aside.path, aside.Aside = filepath.Join(p.Dir, asideName, filepath.Base(j.path)), why.Error()
	if err := os.MkdirAll(filepath.Dir(aside.path), 0o700); err != nil {
		return "", err
	}
	if _, err := os.Lstat(aside.path); err == nil {
		aside.path = strings.TrimSuffix(aside.path, journalExt) + time.Now().UTC().Format("-150405.000000000") + journalExt
	}
	if j.unread == nil {
		if err := aside.write(); err != nil {
			return "", err
		}
		return aside.path, j.remove()
	}
	// Whatever it is, it is not read.
	if err := os.Rename(j.path, aside.path); err != nil {
		return "", err
	}
	j.gone()
	return aside.path, nil
}

// journals reads those in a folder, the oldest first. One that cannot be read
// says why.
func journals(dir string) ([]*journal, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for journals: %w", err)
	}
	var out []*journal
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || filepath.Ext(e.Name()) != journalExt {
			continue
		}
		j := readJournal(filepath.Join(dir, e.Name()))
		if errors.Is(j.unread, fs.ErrNotExist) {
			continue // it was ended just now
		}
		out = append(out, j)
	}
	slices.SortStableFunc(out, func(a, b *journal) int { return a.Started.Compare(b.Started) })
	return out, nil
}

// maxJournal bounds the size of a journal, in bytes.
const maxJournal = 64 << 20

func readJournal(path string) *journal {
	unread := func(err error) *journal { return &journal{path: path, unread: err} }
	info, err := os.Stat(path)
	if link, _ := os.Readlink(path); link != "" && errors.Is(err, fs.ErrNotExist) {
		return unread(fmt.Errorf("it is a link to %s, which is not there", link))
	}
	switch {
	case err != nil:
		return unread(err)
	case !info.Mode().IsRegular():
		return unread(errors.New("it is not a file"))
	case info.Size() > maxJournal:
		return unread(errors.New("it is too large"))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return unread(err)
	}
	j := &journal{path: path}
	if err := json.Unmarshal(data, j); err != nil {
		return unread(fmt.Errorf("it cannot be read: %w", err))
	}
	if err := j.sound(); err != nil {
		return unread(err)
	}
	return j
}

// sound says what is wrong with a journal that could be read.
func (j *journal) sound() error {
	if j.Version > journalVersion {
		return fmt.Errorf("it has version %d, which only a later orch knows", j.Version)
	}
	if j.Version != journalVersion || len(j.Moves) == 0 {
		return errors.New("it does not say what was to be moved")
	}
	switch j.Stage {
	case Moving, Looking, Waiting:
	default:
		return fmt.Errorf("it has come to %q, which this orch does not know", j.Stage)
	}
	seen := map[string]bool{}
	for _, m := range j.Moves {
		if err := m.valid(); err != nil {
			return err
		}
		if seen[m.Name] {
			return fmt.Errorf("it moves %s twice", m.Name)
		}
		seen[m.Name] = true
	}
	return nil
}

// locked does something while no other process looks through the journals.
func (p *Publisher) locked(ctx context.Context, do func() error) error {
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		return err
	}
	l := flock.New(filepath.Join(p.Dir, lockName))
	if _, err := l.TryLockContext(ctx, lockPause); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	defer func() { _ = l.Unlock() }()
	return do()
}
