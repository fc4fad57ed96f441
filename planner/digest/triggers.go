package digest

import (
	"encoding/json"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// triggersOf are the ONBUILD instructions of a configuration.
func triggersOf(config []byte) []string {
	var img struct {
		Config struct{ OnBuild []string }
	}
	if json.Unmarshal(config, &img) != nil {
		return nil
	}
	return img.Config.OnBuild
}

func hasTriggers(config []byte) bool { return len(triggersOf(config)) > 0 }

// plainTriggers returns a configuration without the comments in its triggers:
// the frontend fails on a "# check=" among them, and a run leaves them out too.
func plainTriggers(config []byte) []byte {
	triggers := triggersOf(config)
	changed := false
	for i, t := range triggers {
		triggers[i] = plainTrigger(t)
		changed = changed || triggers[i] != t
	}
	if !changed {
		return config
	}
	var img, inner map[string]json.RawMessage
	if json.Unmarshal(config, &img) != nil || json.Unmarshal(img["config"], &inner) != nil {
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
