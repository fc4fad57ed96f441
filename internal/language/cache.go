package language

import (
	"sync"

	"github.com/orch-build/orch/internal/language/document"
	"github.com/orch-build/orch/internal/language/project"
	"github.com/orch-build/orch/planner/dockerfile"
)

// fileCache has the texts taken apart, each in its last state.
type fileCache struct {
	mu          sync.Mutex
	definitions map[string]*definitionFile
	dockerfiles map[string]*dockerFile
}

// definitionFile is a definition taken apart.
type definitionFile struct {
	doc *document.Document
	project.Repaired

	mu     sync.Mutex
	of     *project.Analysis // for which names are known
	named  []occurrence
	walked bool
}

// names lists the places where something is named.
func (f *definitionFile) names(n names) []occurrence {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.walked || f.of != n.a {
		f.named, f.of, f.walked = definitionOccurrences(n, f), n.a, true
	}
	return f.named
}

// dockerFile is a Dockerfile taken apart.
type dockerFile struct {
	doc    *document.Document
	parsed *dockerfile.File
	source *dockerfile.Source
}

func newFileCache() *fileCache {
	return &fileCache{definitions: map[string]*definitionFile{}, dockerfiles: map[string]*dockerFile{}}
}

// definition takes a definition apart.
func (c *fileCache) definition(d *document.Document) *definitionFile {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.definitions[d.Path]
	if f == nil || f.doc != d {
		f = &definitionFile{doc: d, Repaired: project.Repair(d.Path, d.Text)}
		c.definitions[d.Path] = f
	}
	return f
}

// dockerfile takes a Dockerfile apart.
func (c *fileCache) dockerfile(d *document.Document) *dockerFile {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.dockerfiles[d.Path]
	if f == nil || f.doc != d {
		f = &dockerFile{d, dockerfile.Parse(d.Text), dockerfile.NewSource(d.Path, d.Text)}
		c.dockerfiles[d.Path] = f
	}
	return f
}

// forget drops a file that was closed.
func (c *fileCache) forget(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.definitions, path)
	delete(c.dockerfiles, path)
}
