package publication

import (
	"context"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/publish"
)

// tagged is a registry in which tags name digests, of which some are the same.
type tagged struct {
	publish.Registry
	tags map[string]string
	same map[string]string // new to old
}

func (r tagged) Digest(_ context.Context, ref publish.Ref) (string, error) {
	return r.tags[ref.Name], nil
}

func (r tagged) Same(_ context.Context, _ publish.Ref, a, b string) (bool, error) {
	return r.same[b] == a, nil
}

// TestKeep leaves the tags of reproducible targets that name the same content.
func TestKeep(t *testing.T) {
	r := tagged{tags: map[string]string{"a:1": "old", "a:2": "old", "a:3": "other"}, same: map[string]string{"new": "old"}}
	for _, c := range []struct {
		name         string
		reproducible bool
		tags, want   []string
		digest       string
	}{
		{"all of them", true, []string{"a:1", "a:2"}, []string{"old", "old"}, "old"},
		{"some of them", true, []string{"a:1", "a:3", "a:new"}, []string{"old", "new", "new"}, "new"},
		{"none", true, []string{"a:3"}, []string{"new"}, "new"},
		{"not reproducible", false, []string{"a:1"}, []string{"new"}, "new"},
	} {
		res := &runner.Result{Digest: "new", Metadata: map[string]any{"containerimage.digest": "new", "containerimage.descriptor": 1}}
		for _, name := range c.tags {
			res.Unpublished = append(res.Unpublished, runner.Tag{Name: name, Digest: "new"})
		}
		target := &config.Target{Reproducible: c.reproducible}
		Keep(t.Context(), &publish.Publisher{Registry: r}, &runner.Report{Targets: []*runner.TargetReport{{Build: &planner.Build{Target: target}, Result: res}}})
		if res.Digest != c.digest || res.Metadata["containerimage.digest"] != c.digest {
			t.Errorf("%s: %s, %v", c.name, res.Digest, res.Metadata)
		}
		for i, tag := range res.Unpublished {
			if tag.Digest != c.want[i] {
				t.Errorf("%s: %s names %s, and not %s", c.name, tag.Name, tag.Digest, c.want[i])
			}
		}
	}
}
