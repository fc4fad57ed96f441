package merge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/internal/jsonfault"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/runner/record"
)

// maxFile bounds a result.
const maxFile = 256 << 20

// maxCount bounds what a result may say of the number of shards.
const maxCount = 1 << 16

// Result is the result of one shard.
type Result struct {
	// Path is the file.
	Path string
	*record.Record
}

// Read reads the result of a shard. The error says what is wrong with it.
func Read(path string) (*Result, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	r, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.Path = path
	return r, nil
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such file; 'orch bake' writes results, and the job that it ran in has to hand it on", path)
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: it is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: it is larger than any result of a shard", path)
	}
	return data, nil
}

// ReadRecord reads the result of a run, of a shard or not.
func ReadRecord(path string) (*record.Record, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	rec, err := decodeRecord(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rec, nil
}

func decode(data []byte) (*Result, error) {
	rec, err := decodeRecord(data)
	if err != nil {
		return nil, err
	}
	if rec.Shard == nil {
		return nil, errors.New("it is the result of a whole run, not of a shard: 'orch bake --shard i/N' writes those")
	}
	if err := checkShard(rec); err != nil {
		return nil, fmt.Errorf("it is not a result of a shard: %w", err)
	}
	return &Result{Record: rec}, nil
}

func decodeRecord(data []byte) (*record.Record, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("it is empty: the job that wrote it was cut off")
	}
	var head struct {
		Version int              `json:"version"`
		Targets *json.RawMessage `json:"targets"`
		Shards  *json.RawMessage `json:"shards"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("it is not JSON, or cut off: %w", jsonfault.Plain(data, err))
	}
	if head.Shards != nil {
		return nil, errors.New("it is the plan of shards, not a result: give it with --plan")
	}
	if head.Targets == nil {
		return nil, errors.New("it is not a result of orch")
	}
	if head.Version != record.Version {
		return nil, fmt.Errorf("it has version %d, and this orch reads version %d: use one orch in all jobs", head.Version, record.Version)
	}
	rec := &record.Record{}
	if err := json.Unmarshal(data, rec); err != nil {
		return nil, fmt.Errorf("it is not a result of orch: %w", jsonfault.Plain(data, err))
	}
	return rec, keepMetadata(data, rec)
}

// keepMetadata puts the metadata back as it was written, with the order that its
// fields have.
func keepMetadata(data []byte, rec *record.Record) error {
	var raw struct {
		Targets []struct {
			Metadata map[string]json.RawMessage `json:"metadata"`
		} `json:"targets"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return jsonfault.Plain(data, err)
	}
	for i, t := range raw.Targets {
		if rec.Targets[i] == nil {
			return errors.New("it has a target without anything")
		}
		for k, v := range t.Metadata {
			rec.Targets[i].Metadata[k] = v
		}
	}
	return nil
}

// checkShard says what in the result of a shard cannot be.
func checkShard(rec *record.Record) error {
	s := rec.Shard
	switch {
	case s.Plan == "" || s.Count < 1 || s.Count > maxCount:
		return errors.New("it does not say of which plan it is")
	case s.Index < 0 || s.Index > s.Count:
		return fmt.Errorf("it is shard %d of %d", s.Index, s.Count)
	}
	for _, n := range s.Filled {
		if n < 1 || n > s.Count {
			return fmt.Errorf("it names shard %d of %d", n, s.Count)
		}
	}
	if s.Index > 0 && len(s.Parts) > 0 && !slices.Contains(s.Filled, s.Index) {
		return errors.New("it has targets, and says that the shard has nothing to build")
	}
	seen := map[string]bool{}
	for _, t := range rec.Targets {
		if err := checkTarget(t); err != nil {
			return err
		}
		if seen[t.Name] {
			return fmt.Errorf("it has the target %q twice", t.Name)
		}
		seen[t.Name] = true
	}
	for _, v := range rec.Vertices {
		if v == nil {
			return errors.New("it has a stage without anything")
		}
	}
	for _, step := range rec.Steps {
		if step == nil {
			return errors.New("it has a step without anything")
		}
	}
	for _, p := range s.Parts {
		if s.Index > 0 && !seen[p.Target] {
			return fmt.Errorf("it has nothing of the target %q, which it was to build", p.Target)
		}
	}
	return nil
}

func checkTarget(t *record.Target) error {
	if t.Name == "" || strings.ContainsAny(t.Name, "\n\r\x00") {
		return fmt.Errorf("%q is not the name of a target", t.Name)
	}
	if t.Digest != "" {
		if _, err := digest.Parse(t.Digest); err != nil {
			return fmt.Errorf("target %q: %q is not a digest", t.Name, t.Digest)
		}
	}
	for _, tag := range t.Unpublished {
		ref, err := registry.Name{Text: tag.Name, Insecure: tag.Insecure}.Parse()
		if err != nil {
			return fmt.Errorf("target %q: %q is not the name of an image", t.Name, tag.Name)
		}
		if _, err := digest.Parse(ref.Tag); err == nil {
			return fmt.Errorf("target %q: %q has no tag", t.Name, tag.Name)
		}
		if _, err := digest.Parse(tag.Digest); err != nil {
			return fmt.Errorf("target %q: %q is not a digest", t.Name, tag.Digest)
		}
	}
	return checkUnpublished(t)
}

// checkUnpublished says where the tags that are to move contradict what else a
// result has of the target: its tags, and the digest of its image.
func checkUnpublished(t *record.Target) error {
	images := 0
	for _, o := range t.Outputs {
		switch o.Type {
		case "image", "registry", "oci", "docker":
			images++
		}
	}
	same := 0
	for _, tag := range t.Unpublished {
		if len(t.Tags) > 0 && !slices.ContainsFunc(t.Tags, func(name string) bool { return sameTag(name, tag.Name) }) {
			return fmt.Errorf("target %q: the tag %q is to move, which the target does not have", t.Name, tag.Name)
		}
		switch {
		case tag.Digest == t.Digest:
			same++
		case t.Digest != "" && images <= 1:
			return fmt.Errorf("target %q: the tag %q is to point to %s, and the image is %s", t.Name, tag.Name, tag.Digest, t.Digest)
		}
	}
	// Several outputs may be several images, but the target's is one of them.
	if t.Digest != "" && len(t.Unpublished) > 0 && same == 0 {
		return fmt.Errorf("target %q: no tag is to point to its image, %s", t.Name, t.Digest)
	}
	return nil
}
