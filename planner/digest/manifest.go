package digest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	godigest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// configOf finds the configuration of an image for a platform, from its
// manifest or index; blob fetches what that names.
func configOf(data []byte, p ocispecs.Platform, blob func(godigest.Digest) ([]byte, error)) ([]byte, error) {
	const depth = 3
	for range depth {
		var m struct {
			Config    *ocispecs.Descriptor
			Manifests []ocispecs.Descriptor
		}
		if err := json.Unmarshal(data, &m); err != nil {
			return nil, fmt.Errorf("reading a manifest: %w", err)
		}
		if m.Config != nil {
			return blob(m.Config.Digest)
		}
		next, ok := forPlatform(m.Manifests, p)
		if !ok {
			return nil, fmt.Errorf("the image is not there for %s", platforms.FormatAll(p))
		}
		var err error
		if data, err = blob(next); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("reading a manifest: indexes in indexes")
}

// forPlatform chooses the best manifest of an index, as containerd does.
func forPlatform(list []ocispecs.Descriptor, p ocispecs.Platform) (godigest.Digest, bool) {
	match := platforms.Only(p)
	var best *ocispecs.Descriptor
	for i := range list {
		d := &list[i]
		if d.Platform == nil {
			if len(list) == 1 {
				return d.Digest, true
			}
			continue
		}
		if match.Match(*d.Platform) && (best == nil || match.Less(*d.Platform, *best.Platform)) {
			best = d
		}
	}
	if best == nil {
		return "", false
	}
	return best.Digest, true
}

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
