package dockerfile

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// PlainTriggers returns the configuration of an image without the comments in
// its ONBUILD triggers: BuildKit's frontend fails on a "# check=" among them.
func PlainTriggers(config []byte) []byte {
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

// FailsFrontend says whether a trigger is one on which BuildKit's frontend
// fails if it sees it as it is.
func FailsFrontend(trigger string) bool {
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
