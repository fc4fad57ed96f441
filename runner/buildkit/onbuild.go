package buildkit

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"

	"github.com/orch-build/orch/planner/dockerfile"
)

// contextName is what the progress calls the main context.
const contextName = "[internal] load build context"

// noteTriggers remembers the ONBUILD triggers of an image that the frontend
// looked at: they may read files of the context that the plan knows nothing
// of. A configuration that cannot be read is the frontend's to refuse.
func (t *target) noteTriggers(config []byte) {
	var img struct {
		Config struct{ OnBuild []string }
	}
	if json.Unmarshal(config, &img) != nil || len(img.Config.OnBuild) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, trigger := range img.Config.OnBuild {
		t.triggers[trigger] = true
		if failsFrontend(trigger) {
			t.badTrigger = trigger
		}
	}
}

// widen prepares another conversion if the triggers of the base images need
// more than the plan says: files of the context, or stages of the Dockerfile.
// It returns false if the first conversion had all.
func (t *target) widen() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.triggers) == 0 || t.plan.Dockerfile == nil {
		return false
	}
	triggers := slices.Sorted(maps.Keys(t.triggers))
	t.whole = dockerfile.TriggersTakeStages(triggers)
	if !t.widenContext(triggers) && !t.whole {
		return false
	}
	t.defs = map[gateway.Reference]*pb.Definition{}
	return true
}

// widenContext has the main context hold what the triggers read. It returns
// false if it does so already.
func (t *target) widenContext(triggers []string) bool {
	l := t.plan.Context
	if l == nil || l.Paths == nil {
		return false
	}
	wide := *l
	wide.Paths = nil
	if more := dockerfile.TriggerPaths(triggers); more != nil {
		wide.Paths = slices.Concat(l.Paths, more)
		slices.Sort(wide.Paths)
		wide.Paths = slices.Compact(wide.Paths)
		if slices.Equal(wide.Paths, l.Paths) {
			return false
		}
	}
	t.inputs["context"] = t.run.localState(&wide, t.anchor.files.session.ID(), t.group(), contextName)
	return true
}

// plainTriggers returns the configuration of an image without the comments in
// its ONBUILD triggers: BuildKit's frontend fails on a "# check=" among them.
func plainTriggers(config []byte) []byte {
	var img, inner map[string]json.RawMessage
	if json.Unmarshal(config, &img) != nil || json.Unmarshal(img["config"], &inner) != nil {
		return config
	}
	var triggers []string
	if json.Unmarshal(inner["OnBuild"], &triggers) != nil {
		return config
	}
	changed := false
	for i, trigger := range triggers {
		triggers[i] = plainTrigger(trigger)
		changed = changed || triggers[i] != trigger
	}
	if !changed {
		return config
	}
	var err error
	if inner["OnBuild"], err = json.Marshal(triggers); err != nil {
		return config
	}
	if img["config"], err = json.Marshal(inner); err != nil {
		return config
	}
	plain, err := json.Marshal(img)
	if err != nil {
		return config
	}
	return plain
}

// failsFrontend says whether a trigger is one on which BuildKit's frontend
// fails if it sees it as it is.
func failsFrontend(trigger string) bool {
	res, err := parser.Parse(strings.NewReader(trigger))
	if err != nil || len(res.AST.Children) == 0 {
		return false
	}
	return slices.ContainsFunc(res.AST.Children[0].PrevComment, func(comment string) bool {
		name, _, ok := strings.Cut(comment, "=")
		return ok && strings.EqualFold(strings.TrimSpace(name), "check")
	})
}

// plainTrigger leaves out the comments above the instruction of a trigger, but
// for the directive that says what the escape character is.
func plainTrigger(trigger string) string {
	res, err := parser.Parse(strings.NewReader(trigger))
	if err != nil || len(res.AST.Children) == 0 || len(res.AST.Children[0].PrevComment) == 0 {
		return trigger
	}
	lines := strings.SplitAfter(trigger, "\n")
	plain := strings.Join(lines[res.AST.Children[0].StartLine-1:], "")
	if res.EscapeToken != parser.DefaultEscapeToken {
		plain = "# escape=" + string(res.EscapeToken) + "\n" + plain
	}
	return plain
}
