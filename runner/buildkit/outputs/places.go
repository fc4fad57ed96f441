package outputs

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/planner"
)

// Places are where the names of outputs and caches led when a run began. A link that a
// build makes must not lead the output of another one, or a cache, out of what the user
// has allowed.
type Places map[string]string

// PlacesOf says where the outputs and caches of a plan lead to now.
func PlacesOf(plan *planner.Plan) (Places, error) {
	p := Places{}
	caches := func(name string, list ...planner.Cache) error {
		for _, c := range list {
			if c.Type == "local" {
				if err := p.note(name, c.Attrs["dest"], true); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, b := range plan.Builds {
		for _, o := range b.Target.Outputs {
			if err := p.note(b.Name(), filepath.FromSlash(o.Attrs["dest"]), o.Type != "local"); err != nil {
				return nil, err
			}
		}
		if err := caches(b.Name(), b.CacheTo...); err != nil {
			return nil, err
		}
	}
	for _, s := range plan.Caches {
		if err := caches(s.Builds[0].Name(), s.Cache); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// note remembers where a path of a target leads, and the links in it, if it is a folder of
// images or of a cache.
func (p Places) note(target, path string, layout bool) error {
	if _, known := p[path]; known || path == "" || path == "-" {
		return nil
	}
	paths := []string{path}
	if layout {
		paths = append(paths, output.Links(path)...)
	}
	for _, path := range paths {
		place, err := output.Real(path)
		if err != nil {
			return fmt.Errorf("target %s: %w", target, err)
		}
		p[path] = place
	}
	return nil
}

// Check makes sure that a path leads where it led when the run began.
func (p Places) Check(path string) error {
	was, known := p[path]
	if !known {
		return nil
	}
	now, err := output.Real(path)
	if err == nil && now != was {
		err = fmt.Errorf("it leads to %s now, and led to %s when the run began; nothing is written there", output.Show(now), output.Show(was))
	}
	if err != nil {
		return &output.Error{Name: path, Err: err}
	}
	return nil
}

// CheckLayout is Check for a folder of images or of a cache, in which no new link may lead
// out of it either.
func (p Places) CheckLayout(dir string) error {
	if err := p.Check(dir); err != nil {
		return err
	}
	inside, err := output.Real(dir)
	if err != nil {
		return &output.Error{Name: dir, Err: err}
	}
	for _, link := range output.Links(dir) {
		if _, known := p[link]; known {
			if err := p.Check(link); err != nil {
				return err
			}
			continue
		}
		to, err := output.Real(link)
		if err == nil && !strings.HasPrefix(to, inside+string(filepath.Separator)) {
			err = fmt.Errorf("it is a link to %s, and was none when the run began; nothing is written there", output.Show(to))
		}
		if err != nil {
			return &output.Error{Name: link, Err: err}
		}
	}
	return nil
}
