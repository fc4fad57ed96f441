// Package watch builds again what a change of files touches. It sees that something
// has changed below the folders of a project, waits until it is quiet, asks which
// targets have another digest now, and has those built; what is built meanwhile and
// out of date is cancelled. It knows neither definitions nor builders: a Project
// says what there is and builds it.
package watch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/orch-build/orch/internal/termtext"
)

// quiet is for how long nothing must change before something is built: what writes
// one file often writes more.
const quiet = 100 * time.Millisecond

// Project is what is watched.
type Project interface {
	// Look says what there is now. An error is one of the user's files.
	Look(ctx context.Context) (*State, error)
	// Build builds targets. It has printed what was wrong.
	Build(ctx context.Context, targets []string) error
	// Say shows a line.
	Say(line string)
	// Fault shows an error of Look, unless it is the one that was shown last. It says
	// whether it has shown it.
	Fault(err error) bool
}

// State is what there is at one time.
type State struct {
	// Digests are those of the targets, by their names.
	Digests map[string]string
	// Roots are the folders that targets read from, and Files single files.
	Roots []Root
	Files []string
	// Written are files and folders that builds write, which is not a change.
	Written []string
}

// Root is a folder that is watched with all that is in it.
type Root struct {
	Dir string
	// Skip says which folders below are not, by their paths in Dir; nil skips none.
	Skip func(path string) bool
}

// Run builds all targets of a project, and then what changes touch, until the context
// ends. That is not an error, unless something was being built.
func Run(ctx context.Context, p Project) error {
	w, err := newFiles()
	if err != nil {
		return err
	}
	defer w.Close()
	l := &loop{project: p, files: w, built: map[string]string{}}
	if err := l.look(ctx); err != nil {
		return err // nothing is known that could be watched
	}
	for ctx.Err() == nil {
		if err := l.once(ctx); err != nil {
			return err
		}
	}
	return nil
}

// loop is a project that is watched. Only one goroutine uses it.
type loop struct {
	project Project
	files   *files
	state   *State
	// built are the digests of the targets that were built well.
	built map[string]string
	said  bool
}

// look reads what there is, and watches it.
func (l *loop) look(ctx context.Context) error {
	state, err := l.project.Look(ctx)
	if err != nil {
		l.files.all = true
		return err
	}
	l.state = state
	return l.files.watch(state)
}

// touched are the targets that are not built as they are now.
func (l *loop) touched() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(l.state.Digests)), func(name string) bool {
		built, ok := l.built[name]
		return ok && built == l.state.Digests[name]
	})
}

// once builds what is to be built, and waits for the next change.
func (l *loop) once(ctx context.Context) error {
	targets := l.touched()
	if len(targets) == 0 {
		l.waiting()
		if err := l.files.wait(ctx); err != nil {
			return ended(ctx, err)
		}
		return l.again(ctx)
	}
	l.said = false
	state := l.state
	building, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- l.project.Build(building, targets) }()
	for {
		changed := make(chan error, 1)
		waiting, stop := context.WithCancel(ctx)
		go func() { changed <- l.files.wait(waiting) }()
		select {
		case err := <-done:
			stop()
			<-changed
			l.note(state, targets, err)
			if err == nil || ctx.Err() != nil {
				return err
			}
			return l.next(ctx)
		case err := <-changed:
			stop()
			if err != nil {
				cancel()
				stopped := <-done
				if ctx.Err() != nil {
					return stopped
				}
				return err
			}
			if err := l.again(ctx); err != nil {
				cancel()
				<-done
				return err
			}
			if !l.outOfDate(state, targets) {
				continue
			}
			l.project.Say("Something has changed: what is out of date is cancelled.")
			cancel()
			<-done
			return nil
		}
	}
}

// note remembers what came of a build.
func (l *loop) note(state *State, targets []string, err error) {
	for _, name := range targets {
		if err == nil {
			l.built[name] = state.Digests[name]
		} else {
			delete(l.built, name)
		}
	}
}

// next waits for a change after a build that has failed, which is tried again then.
func (l *loop) next(ctx context.Context) error {
	l.waiting()
	if err := l.files.wait(ctx); err != nil {
		return ended(ctx, err)
	}
	return l.again(ctx)
}

// again looks after a change. What is wrong in the user's files is shown, and waited
// for.
func (l *loop) again(ctx context.Context) error {
	for {
		err := l.look(ctx)
		if err == nil {
			return nil
		}
		var limit *LimitError
		if ctx.Err() != nil || errors.As(err, &limit) {
			return ended(ctx, err)
		}
		if l.project.Fault(err) {
			l.said = false
		}
		l.waiting()
		if err := l.files.wait(ctx); err != nil {
			return ended(ctx, err)
		}
	}
}

// outOfDate says whether what is being built is not what there is now.
func (l *loop) outOfDate(state *State, targets []string) bool {
	return slices.ContainsFunc(targets, func(name string) bool { return l.state.Digests[name] != state.Digests[name] })
}

func (l *loop) waiting() {
	if !l.said {
		l.project.Say(fmt.Sprintf("Waiting for changes of %s. Ctrl-C ends it.", termtext.Count(len(l.state.Digests), "target")))
		l.said = true
	}
}

// ended is an error, unless it is that the user has had enough.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
