package steps

import (
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/meter"
)

// The beginnings of the names of the vertices that read and write caches.
const (
	importPrefix   = "importing cache manifest from "
	exportsPrefix  = "exporting cache"
	transferPrefix = "transferring "
)

// The beginnings of the statuses of an image's layers while they are fetched
// and unpacked.
const (
	layerPrefix   = "sha256:"
	extractPrefix = "extracting "
)

// moves notes how far a part of a step is. It returns true if the status is
// nothing that a user should see.
func (s *step) moves(v *client.VertexStatus) bool {
	if strings.HasPrefix(v.ID, transferPrefix) {
		if s.transfers == nil {
			s.transfers = map[string]int64{}
		}
		s.transfers[v.ID] = max(s.transfers[v.ID], v.Current)
		return false
	}
	if strings.HasPrefix(v.ID, extractPrefix) || strings.HasPrefix(v.ID, layerPrefix) && v.Current > 0 {
		s.fetched = true
	}
	m, ok := meter.Parse(v.ID)
	if ok {
		if s.moved == nil {
			s.moved = map[meter.Movement]int64{}
		}
		s.moved[m] = max(s.moved[m], v.Current)
	}
	return ok
}

// transfer adds what was moved for the step. caches are the repositories that
// caches are read from: layers of a cache are fetched when a step needs them.
func (s *step) transfer(t *runner.Transfer, caches []string) {
	for _, n := range s.transfers {
		t.Sent += n
	}
	for m, n := range s.moved {
		switch {
		case m.Sent && strings.HasPrefix(s.name, exportsPrefix):
			t.CacheWritten += n
		case m.Sent:
			t.Pushed += n
		case strings.HasPrefix(s.name, importPrefix) || slices.Contains(caches, m.Repository):
			t.CacheRead += n
		}
	}
}

// cacheRepositories are the repositories that a run reads caches from.
func cacheRepositories(plan *planner.Plan) []string {
	var out []string
	for _, b := range plan.Builds {
		for _, c := range b.CacheFrom {
			if repo := repository(c.Entry); repo != "" && !slices.Contains(out, repo) {
				out = append(out, repo)
			}
		}
	}
	return out
}

// repository is where a cache in a registry is, by the host that is asked.
func repository(e config.Entry) string {
	ref, err := reference.ParseNormalizedNamed(e.Attrs["ref"])
	if e.Type != "registry" || err != nil {
		return ""
	}
	host := reference.Domain(ref)
	if host == "docker.io" {
		host = "registry-1.docker.io"
	}
	return host + "/" + reference.Path(ref)
}
