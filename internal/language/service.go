// Package language knows what an editor asks about definitions and Dockerfiles: what
// is wrong, what could be written at a place, what a name means, where it is
// written and used, and what could be changed.
//
// It answers from the texts as they are at the moment, and from the last analysis of
// the project, for which an answer never waits but at the beginning. It knows
// nothing of how it is asked: package server does.
package language

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orch-build/orch/internal/language/document"
	"github.com/orch-build/orch/internal/language/lsp"
	"github.com/orch-build/orch/internal/language/project"
	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/planner"
)

// Options say what a Service works with.
type Options struct {
	project.Machine
	// Publish is called with what is wrong in a file, for one file at a time.
	Publish func(lsp.PublishDiagnostics)
	// Digests finds the digests of the targets of a plan, by their names; nil
	// knows none.
	Digests func(ctx context.Context, plan *planner.Plan) (map[string]string, error)
	// Log takes what went wrong in orch itself; nil loses it.
	Log func(text string)
	// Debounce is how long after a change the analysis begins.
	Debounce time.Duration
	// Lenses shows commands above targets.
	Lenses bool
}

// Service answers what editors ask. It is for several goroutines.
type Service struct {
	opt   Options
	store *document.Store
	files *fileCache
	kick  chan struct{}

	mu        sync.Mutex
	roots     []string
	languages map[string]string // of open documents
	analyses  []*project.Analysis
	// changes counts changes, analyzed is the count that the analyses have, and reported
	// the count of which it was published what is wrong.
	changes, analyzed, reported int

	settled   chan struct{} // closed when the next analysis is done
	cancel    context.CancelFunc
	published map[string]bool
	digests   *digests
}

// New returns a Service; Run has to be called for it to analyze.
func New(opt Options) *Service {
	files := newFileCache()
	opt.Repair = func(d *document.Document) project.Repaired { return files.definition(d).Repaired }
	return &Service{
		opt: opt, store: document.NewStore(), files: files, kick: make(chan struct{}, 1),
		languages: map[string]string{}, settled: make(chan struct{}), published: map[string]bool{},
		digests: &digests{find: opt.Digests},
	}
}

// SetRoots says which folders are open in the editor.
func (s *Service) SetRoots(roots []string) {
	s.mu.Lock()
	s.roots = roots
	s.mu.Unlock()
	s.changed()
}

// Configure changes settings.
func (s *Service) Configure(set lsp.Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if set.Debounce != nil && *set.Debounce >= 0 {
		s.opt.Debounce = min(time.Duration(*set.Debounce)*time.Millisecond, maxDebounce)
	}
	if set.CodeLens != nil {
		s.opt.Lenses = *set.CodeLens
	}
}

// maxDebounce is how long diagnostics may be put off at most.
const maxDebounce = 10 * time.Second

// Open enters a document of the editor.
func (s *Service) Open(item lsp.DocumentItem) {
	path := lsp.PathOf(item.URI)
	if path == "" {
		return
	}
	s.store.Open(path, item.Version, item.Text)
	s.mu.Lock()
	s.languages[path] = item.LanguageID
	s.mu.Unlock()
	s.changed()
}

// Change changes a document.
func (s *Service) Change(p lsp.DidChange) {
	path, version := lsp.PathOf(p.TextDocument.URI), 0
	if p.TextDocument.Version != nil {
		version = *p.TextDocument.Version
	}
	if s.store.Change(path, version, p.ContentChanges) != nil {
		s.changed()
	}
}

// Close makes the file on the disk count again.
func (s *Service) Close(uri string) {
	path := lsp.PathOf(uri)
	s.store.Close(path)
	s.files.forget(path)
	s.mu.Lock()
	delete(s.languages, path)
	s.mu.Unlock()
	s.changed()
}

// Changed says that files changed on the disk.
func (s *Service) Changed() { s.changed() }

// changed makes the running analysis out of date, and has another begin.
func (s *Service) changed() {
	s.mu.Lock()
	s.changes++
	if s.cancel != nil {
		s.cancel()
	}
	s.mu.Unlock()
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// Run analyzes after changes until ctx is done.
func (s *Service) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.kick:
		}
		if !s.quiet(ctx) {
			return
		}
		s.analyze(ctx)
	}
}

// quiet waits until nothing was changed for a while. The first analysis is not put
// off.
func (s *Service) quiet(ctx context.Context) bool {
	for {
		s.mu.Lock()
		wait := s.opt.Debounce
		if s.analyzed == 0 {
			wait = 0
		}
		s.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-s.kick:
			timer.Stop()
		case <-timer.C:
			return true
		}
	}
}

// analyze reads all projects that have an open document, and reports what is wrong.
func (s *Service) analyze(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.cancel = cancel
	began, last := s.changes, s.analyses
	s.mu.Unlock()
	var done []*project.Analysis
	for _, p := range s.projects() {
		i := slices.IndexFunc(last, func(a *project.Analysis) bool { return sameProject(a.Project, p) })
		var before *project.Analysis
		if i >= 0 {
			before = last[i]
		}
		view := s.store.View(p.Dir)
		if before != nil {
			view.Earlier = before.Documents
		}
		a := s.safely(ctx, p, view, before)
		if a == nil {
			return // another change came, and with it another analysis
		}
		done = append(done, a)
	}
	s.mu.Lock()
	s.cancel = nil
	s.analyses, s.analyzed = done, began
	settled := s.settled
	s.settled = make(chan struct{})
	current := began == s.changes
	s.mu.Unlock()
	close(settled)
	if !current {
		return
	}
	s.report(done)
	s.mu.Lock()
	s.reported = began
	s.mu.Unlock()
}

// safely is Analyze of a text that may be anything: what orch cannot read must not
// end the editor's session. The last analysis stays then.
func (s *Service) safely(ctx context.Context, p project.Project, view *document.View, last *project.Analysis) (a *project.Analysis) {
	defer func() {
		if fault := recover(); fault != nil {
			s.log("analyzing %s: %v\n%s", p.Dir, fault, debug.Stack())
			if a = last; a == nil {
				a = &project.Analysis{Project: p}
			}
		}
	}()
	return p.Analyze(ctx, s.opt.Machine, view, last)
}

func (s *Service) log(format string, args ...any) {
	if s.opt.Log != nil {
		s.opt.Log(fmt.Sprintf(format, args...))
	}
}

func sameProject(a, b project.Project) bool {
	return a.Dir == b.Dir && slices.Equal(a.Files, b.Files)
}

// projects lists the projects that the open documents may belong to: first those of
// the outermost folders.
func (s *Service) projects() []project.Project {
	var dirs []string
	for _, path := range s.store.Paths() {
		for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
			dirs = append(dirs, dir)
			if !s.below(dir) {
				break
			}
		}
	}
	slices.SortFunc(dirs, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) })
	var out []project.Project
	covered := map[string]bool{}
	for _, dir := range slices.Compact(dirs) {
		view := s.store.View(dir)
		names := s.opt.Machine.Find(view, s.opt.Machine.Options(dir).Compose != nil)
		if len(names) == 0 {
			continue
		}
		out = append(out, project.Project{Dir: dir})
		for _, name := range names {
			covered[view.Abs(name)] = true
		}
	}
	for _, path := range s.store.Paths() {
		if !covered[path] && s.definition(path) {
			dir := s.rootOf(path)
			name, err := filepath.Rel(dir, path)
			if err == nil {
				out = append(out, project.Project{Dir: dir, Files: []string{name}})
			}
		}
	}
	return out
}

// below reports whether a folder is inside an open folder, so that the one above may
// have the project.
func (s *Service) below(dir string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.roots, func(root string) bool { return dir != root && inside(root, dir) })
}

func inside(root, path string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// rootOf is the open folder that a file is in, or else the file's own folder.
func (s *Service) rootOf(path string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	best := filepath.Dir(path)
	for _, root := range s.roots {
		if inside(root, path) {
			best = root
		}
	}
	return best
}

// definitionName is what files are called that hold definitions.
var definitionName = lazyregexp.New(`^(build|build\.override|.*\.build|.*bake.*)\.(hcl|json)$`)

// LanguageID is how editors call the language of definitions.
const LanguageID = "orch"

// definition reports whether a document is a definition.
func (s *Service) definition(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.languages[path] == LanguageID {
		return true
	}
	return definitionName.MatchString(filepath.Base(path))
}

// dockerfileName is what Dockerfiles are called.
var dockerfileName = lazyregexp.New(`(?i)^((docker|container)file(\..*)?|.*\.(docker|container)file)$`)

// dockerfile reports whether a document is a Dockerfile.
func (s *Service) dockerfile(path string) bool {
	s.mu.Lock()
	id := s.languages[path]
	s.mu.Unlock()
	if id == "dockerfile" || dockerfileName.MatchString(filepath.Base(path)) && !strings.HasSuffix(path, ".dockerignore") {
		return true
	}
	a := s.latest(path)
	return a != nil && a.Dockerfiles[path] != nil
}

// latest returns the analysis that a file belongs to, or nil. Of several it is that of
// the outermost folder.
func (s *Service) latest(path string) *project.Analysis {
	s.mu.Lock()
	defer s.mu.Unlock()
	return covering(s.analyses, path)
}

func covering(list []*project.Analysis, path string) *project.Analysis {
	for _, a := range list {
		if a.Covers(path) {
			return a
		}
	}
	return nil
}

// maxWait is how long an answer waits for the first analysis of a document.
const maxWait = 3 * time.Second

// analysis is latest, and waits at the beginning, when nothing is known.
func (s *Service) analysis(ctx context.Context, path string) *project.Analysis {
	deadline := time.NewTimer(maxWait)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		a, settled := covering(s.analyses, path), s.settled
		current := s.analyzed == s.changes
		s.mu.Unlock()
		if a != nil || current {
			return a
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return nil
		case <-deadline.C:
			return nil
		}
	}
}

// Settle waits until the analysis has all changes.
func (s *Service) Settle(ctx context.Context) error {
	for {
		s.mu.Lock()
		settled, current := s.settled, s.analyzed == s.changes
		s.mu.Unlock()
		if current {
			return nil
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// document returns a text: that of the editor, or else that of the disk.
func (s *Service) document(path string) *document.Document {
	if d := s.store.Get(path); d != nil {
		return d
	}
	dir := filepath.Dir(path)
	if a := s.latest(path); a != nil {
		if d := a.Documents[path]; d != nil {
			return d
		}
		dir = a.Dir
	}
	if s.opt.May != nil && !s.opt.May(dir, path) {
		return nil
	}
	d, err := s.store.View(filepath.Dir(path)).Document(path)
	if err != nil {
		return nil
	}
	return d
}

// exists reports whether a file is there, on the disk or in the editor.
func (s *Service) exists(path string) bool {
	if s.store.Get(path) != nil {
		return true
	}
	_, err := os.Stat(path)
	return err == nil
}
