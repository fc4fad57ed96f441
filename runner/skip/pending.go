package skip

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/internal/registry"
)

// Pending is a build whose tags have not moved yet, with all that its record has to
// say but the image. A shard writes it into its result, for the merge.
type Pending struct {
	Record *Record `json:"record"`
	// Signed says that only signed records of the target are believed, and Key is
	// the public key.
	Signed bool      `json:"signed,omitempty"`
	Key    VerifyKey `json:"key,omitempty"`
}

// Ready is a build that is published, and gets its record.
type Ready struct {
	// Name is the target.
	Name string
	*Pending
	// Repos are the repositories that it was pushed to, and Digest is what its tags
	// point to there. Without any, it has only written files here.
	Repos  []registry.Repo
	Digest string
}

// Pending says of builds what their records need. Those that have only written
// files get their records here and now: no other machine could use them.
func (s *Skipper) Pending(ctx context.Context, about About, list []Built) map[string]*Pending {
	out := map[string]*Pending{}
	var here []Ready
	for _, b := range list {
		p, err := s.draft(about, b)
		if err != nil {
			s.unkept(b.Target.Build.Name(), err)
			continue
		}
		if len(b.Target.Refs) == 0 {
			here = append(here, Ready{Name: b.Target.Build.Name(), Pending: p})
			continue
		}
		out[b.Target.Build.Name()] = p
	}
	s.Keep(ctx, here)
	return out
}

// Encode writes it as a result has it.
func (p *Pending) Encode() (json.RawMessage, error) {
	data, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("writing what a record needs: %w", err)
	}
	return data, nil
}

// DecodePending reads what a result says of a build. Nothing in it is believed but
// what the record of any run can say.
func DecodePending(data []byte) (*Pending, error) {
	p := &Pending{}
	if err := json.Unmarshal(data, p); err != nil || p.Record == nil {
		return nil, errors.New("what it says of its record cannot be read")
	}
	r := p.Record
	switch {
	case r.Version != recordVersion:
		return nil, fmt.Errorf("its record has version %d, and this orch writes version %d: use one orch in all jobs", r.Version, recordVersion)
	case !isRecord(tagOf(r), r.Lane) || r.Rejected != "":
		return nil, errors.New("what it says of its record is not of orch")
	}
	return p, nil
}

// Join makes one of what the shards say that have built platforms of a target. They
// have to agree on what it is made of.
func Join(parts []*Pending) (*Pending, error) {
	out := *parts[0]
	one := *out.Record
	out.Record, one.TestNames = &one, nil
	for _, p := range parts {
		if p.Record.Input != one.Input || p.Record.Publication != one.Publication || p.Record.Lane != one.Lane || p.Record.Tests != one.Tests {
			return nil, errors.New("its shards do not agree on what it is made of")
		}
		one.TestNames = append(one.TestNames, p.Record.TestNames...)
	}
	return &out, nil
}

// fits says whether the records of a build can be written with a key, which is nil
// where there is none.
func (p *Pending) fits(key *SigningKey) (bool, error) {
	switch {
	case !p.Signed:
		return true, nil
	case key == nil:
		return false, nil // others write them
	case !key.Fits(p.Key):
		return false, errors.New("the private key in " + KeyVariable + " is not that of its public key")
	}
	return true, nil
}

// store writes the record of a build, in each repository that it was pushed to.
func (s *Skipper) store(ctx context.Context, b Ready) error {
	one := *b.Record
	r := &one
	place := registry.Ref{Tag: tagOf(r)}
	if len(b.Repos) == 0 {
		m, _, err := r.encode(nil)
		if err == nil {
			s.Memory.save("", place.Tag, s.now(), m.Data)
		}
		return err
	}
	if ok, err := b.fits(s.Key); !ok {
		return err
	}
	d, err := digest.Parse(b.Digest)
	if err != nil {
		return fmt.Errorf("the builder did not say what it pushed: %w", err)
	}
	for _, place.Repo = range b.Repos {
		if err := s.describe(ctx, place.Repo, d, r); err != nil {
			return err
		}
		r.Repository = place.Repo.String()
		data, err := s.put(ctx, place, r)
		if err != nil {
			return err
		}
		s.Memory.save(r.Repository, place.Tag, s.now(), data)
	}
	return nil
}
