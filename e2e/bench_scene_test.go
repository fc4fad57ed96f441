//go:build linux

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// scene is one situation that the load is built in.
type scene struct {
	short string // by which it is chosen
	name  string
	env   []string
	delay time.Duration // added to each request to the registry
	// before brings the project and the builder into the situation, for one
	// contender; it is not counted.
	noRaw  bool // one definition cannot do it
	before func(b *testing.B, r *rig, who runner, round int)
}

// chosenScenes are those that the environment names.
func chosenScenes(b *testing.B) []scene {
	names := os.Getenv(situationsEnv)
	if names == "" {
		return scenes
	}
	var out []scene
	var known []string
	for _, s := range scenes {
		known = append(known, s.short)
	}
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, s := range scenes {
			if s.short == strings.TrimSpace(name) {
				out, found = append(out, s), true
			}
		}
		if !found {
			b.Fatalf("%s: no situation %q; known are %s", situationsEnv, name, strings.Join(known, ", "))
		}
	}
	return out
}

var scenes = []scene{
	{short: "cold", name: "cold", before: func(b *testing.B, r *rig, _ runner, _ int) { r.prune(b) }},
	{short: "unchanged", name: "unchanged", before: func(b *testing.B, r *rig, who runner, round int) {
		if round == 0 {
			r.run(b, who, nil)
		}
	}},
	{short: "leaf", name: "leaf changed", before: func(b *testing.B, r *rig, who runner, round int) {
		r.run(b, who, nil)
		r.load.write(b, "svc-0/0.txt", fmt.Sprintf("%s in round %d at %d\n", who.name, round, time.Now().UnixNano()))
	}},
	{short: "base", name: "base changed", before: func(b *testing.B, r *rig, who runner, round int) {
		r.load.write(b, "base.txt", fmt.Sprintf("%s in round %d at %d\n", who.name, round, time.Now().UnixNano()))
	}},
	{short: "write", name: "cache written", env: []string{"WRITE=true"}, before: func(b *testing.B, r *rig, who runner, round int) {
		r.load.write(b, "base.txt", fmt.Sprintf("%s in round %d at %d\n", who.name, round, time.Now().UnixNano()))
		r.run(b, who, nil)
	}},
	{short: "rewrite", name: "cache written again", env: []string{"WRITE=true"}, before: func(b *testing.B, r *rig, who runner, _ int) {
		r.run(b, who, []string{"WRITE=true"})
	}},
	{short: "read", name: "empty builder, cache read", env: []string{"READ=true"}, before: readBefore},
	{short: "read30", name: "empty builder, cache read, 30 ms away", env: []string{"READ=true"}, delay: 30 * time.Millisecond, before: readBefore},
	{short: "block", name: "cache block written", env: blockEnv, before: func(b *testing.B, r *rig, who runner, round int) {
		r.load.write(b, "base.txt", fmt.Sprintf("%s in round %d at %d\n", who.name, round, time.Now().UnixNano()))
		r.run(b, who, nil)
	}},
	{short: "reblock", name: "cache block written again", env: blockEnv, before: func(b *testing.B, r *rig, who runner, _ int) {
		r.run(b, who, blockEnv)
	}},
	{short: "readblock", name: "empty builder, cache block read", env: []string{"READ=true", "BLOCK=read"}, before: func(b *testing.B, r *rig, who runner, round int) {
		if round == 0 {
			r.run(b, who, blockEnv)
		}
		r.prune(b)
	}},
	{short: "push", name: "images pushed", noRaw: true, env: []string{"PUSH=true"}, before: func(b *testing.B, r *rig, who runner, round int) {
		r.load.write(b, "base.txt", fmt.Sprintf("%s in round %d at %d\n", who.name, round, time.Now().UnixNano()))
		r.run(b, who, nil)
	}},
}

// blockEnv has orch use a cache block, which is read by every run; so the others
// read theirs too.
var blockEnv = []string{"READ=true", "WRITE=true", "BLOCK=write"}

// readBefore fills the registry with the contender's cache and empties the
// builder.
func readBefore(b *testing.B, r *rig, who runner, round int) {
	if round == 0 {
		r.run(b, who, []string{"WRITE=true"})
	}
	r.prune(b)
}
