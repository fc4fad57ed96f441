package shard

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/jsonfault"
)

// Version is the version of File's format. A field may be added without a new
// version; a field that goes, or means something else, makes one.
const Version = 1

// maxText bounds a name or a platform in a file.
const maxText = 1024

// File is a plan of shards, as it is handed from one job to the next. The schema
// is in shards.schema.json beside this file.
type File struct {
	Version int `json:"version"`
	// ID is a digest of all the rest, by which results say what plan they are of.
	ID   string `json:"id"`
	Orch string `json:"orch,omitempty"` // the version of orch
	// Reason says why there are no targets; "" if there are.
	Reason string `json:"reason,omitempty"`
	// BuildPlatform is the platform that the digests of Targets take for the
	// builder's.
	BuildPlatform string     `json:"buildPlatform"`
	Definition    Definition `json:"definition"`
	Estimate      Estimate   `json:"estimate"`
	Targets       []Target   `json:"targets"`
	// Order names the targets in the order of the plan, with those that are only
	// linked to.
	Order  []string `json:"order,omitempty"`
	Shards []Shard  `json:"shards"`
	// Shared are the stages that several shards need.
	Shared []Shared `json:"shared,omitempty"`
	// Wave is what is built before the shards; nil is nothing.
	Wave *Wave `json:"wave,omitempty"`
}

// Definition is what the command line said of the definition. Shards are run
// with the same.
type Definition struct {
	URL        string   `json:"url,omitempty"`
	CmdContext string   `json:"commandContext,omitempty"`
	Files      []string `json:"files,omitempty"`
	Set        []string `json:"set,omitempty"`
	Vars       []string `json:"vars,omitempty"`
	VarFiles   []string `json:"varFiles,omitempty"`
	// Time is what timestamp() returns, in seconds since 1970; 0 if nothing asks.
	Time int64 `json:"time,omitempty"`
}

// Estimate is what the shards are expected to take, in seconds.
type Estimate struct {
	// Longest is the longest shard, with the wave before it; Bound is what no
	// division is shorter than; Unsharded is all work in one job.
	Longest   float64 `json:"longestSeconds"`
	Bound     float64 `json:"lowerBoundSeconds"`
	Unsharded float64 `json:"unshardedSeconds"`
	// Recorded of Stages have a time that was recorded; the others are counted
	// by their steps.
	Recorded int `json:"recordedStages"`
	Stages   int `json:"stages"`
}

// Target is a target of the plan as a whole.
type Target struct {
	Name      string   `json:"name"`
	Platforms []string `json:"platforms,omitempty"`
	// Digest is the sum of its inputs and tests: a shard is of the same commit if the
	// target has the same there.
	Digest string `json:"digest"`
	// Tags are those that its images are pushed with.
	Tags []string `json:"tags,omitempty"`
	// Pushed says that it is pushed: its parts are joined in the registry.
	Pushed bool `json:"pushed,omitempty"`
	// Tests names its tests.
	Tests []string `json:"tests,omitempty"`
}

// Shard is what one job builds. Its number counts from 1.
type Shard struct {
	Index   int     `json:"index"`
	Seconds float64 `json:"seconds"`
	Parts   []Part  `json:"parts"`
}

// Part is a target with the platforms that one shard builds of it; none are all
// of a target that names none.
type Part struct {
	Target    string   `json:"target"`
	Platforms []string `json:"platforms,omitempty"`
	// Tests says that the tests of the target are run in this part.
	Tests bool `json:"tests,omitempty"`
}

// The ways in which a shard comes to a stage that others need too.
const (
	HowWave  = "wave"  // it is built before the shards, and read from the lane
	HowLane  = "lane"  // it is read from the lane, and built if it is not there
	HowBuild = "build" // each shard builds it
)

// Shared is a stage that several shards need.
type Shared struct {
	Stage    string `json:"stage"`
	Platform string `json:"platform,omitempty"`
	// Target is one that the stage is written in.
	Target string `json:"target"`
	Shards []int  `json:"shards"`
	How    string `json:"how"`
	// Build is how long it is expected to take, Read how long to read it from the
	// lane.
	Build float64 `json:"buildSeconds"`
	Read  float64 `json:"readSeconds"`
}

// Wave is a job before the shards. Its number is 0.
type Wave struct {
	Seconds float64     `json:"seconds"`
	Stages  []WaveStage `json:"stages"`
}

// WaveStage is a stage of a target for one of its platforms.
type WaveStage struct {
	Target   string `json:"target"`
	Stage    string `json:"stage"`
	Platform string `json:"platform,omitempty"`
}

// platforms is the platform of the stage as that of a target; none is the builder's.
func (s WaveStage) platforms() ([]config.Platform, error) {
	if s.Platform == "" {
		return nil, nil
	}
	return config.ParsePlatforms([]string{s.Platform})
}

// Target returns the target of that name, or nil.
func (f *File) Target(name string) *Target {
	for i := range f.Targets {
		if f.Targets[i].Name == name {
			return &f.Targets[i]
		}
	}
	return nil
}

// Filled are the numbers of the shards that have something to build.
func (f *File) Filled() []int {
	var out []int
	for _, s := range f.Shards {
		if len(s.Parts) > 0 {
			out = append(out, s.Index)
		}
	}
	return out
}

// Seal gives the file its ID.
func (f *File) Seal() error {
	sum, err := f.sum()
	f.ID = sum
	return err
}

func (f *File) sum() (string, error) {
	one := *f
	one.ID = ""
	data, err := json.Marshal(one)
	if err != nil {
		return "", fmt.Errorf("summing up the plan of shards: %w", err)
	}
	h := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(h[:]), nil
}

// Encode writes the file as JSON.
func (f *File) Encode() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(f); err != nil {
		return nil, fmt.Errorf("writing the plan of shards: %w", err)
	}
	return out.Bytes(), nil
}

// Decode reads a plan of shards, and checks that it is whole. The error says
// what is wrong, and what to do.
func Decode(data []byte) (*File, error) {
	var head struct {
		Version int              `json:"version"`
		Shards  *json.RawMessage `json:"shards"`
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("the file is empty; make it anew with 'orch plan --shards'")
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("it is not the JSON of a plan of shards, or cut off (%w); make it anew with 'orch plan --shards'", jsonfault.Plain(data, err))
	}
	if head.Shards == nil {
		return nil, errors.New("it is not a plan of shards; make one with 'orch plan --shards N -o shards.json'")
	}
	if head.Version != Version {
		return nil, fmt.Errorf("it has version %d, and this orch reads version %d: use one orch in all jobs", head.Version, Version)
	}
	f := &File{}
	if err := json.Unmarshal(data, f); err != nil {
		return nil, fmt.Errorf("it is not a plan of shards: %w", jsonfault.Plain(data, err))
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	sum, err := f.sum()
	if err != nil {
		return nil, err
	}
	if sum != f.ID {
		return nil, errors.New("it was changed since it was made, or comes from another version of orch: make it anew with 'orch plan --shards', and use one orch in all jobs")
	}
	return f, nil
}

// check says what in a file cannot be meant.
func (f *File) check() error {
	for i, s := range f.Shards {
		if s.Index != i+1 {
			return fmt.Errorf("shard %d has the number %d", i+1, s.Index)
		}
		for _, p := range s.Parts {
			t := f.Target(p.Target)
			if t == nil {
				return fmt.Errorf("shard %d has the target %q, which the plan does not have", s.Index, clip(p.Target))
			}
			for _, pl := range p.Platforms {
				if !slices.Contains(t.Platforms, pl) {
					return fmt.Errorf("shard %d has the target %q for %q, which is not one of its platforms", s.Index, clip(p.Target), clip(pl))
				}
			}
		}
	}
	for _, t := range f.Targets {
		if t.Name == "" || len(t.Name) > maxText || strings.ContainsAny(t.Name, "\n\r\x00") {
			return fmt.Errorf("%q is not the name of a target", clip(t.Name))
		}
	}
	if f.Wave == nil {
		return nil
	}
	for _, s := range f.Wave.Stages {
		if _, err := s.platforms(); err != nil {
			return fmt.Errorf("the wave has the stage %q for %q, which is not a platform", clip(s.Stage), clip(s.Platform))
		}
	}
	return nil
}

func clip(s string) string { return s[:min(len(s), 100)] }

// Text is the part as messages name it.
func (p Part) Text() string {
	if len(p.Platforms) == 0 {
		return p.Target
	}
	return p.Target + " (" + strings.Join(p.Platforms, ", ") + ")"
}
