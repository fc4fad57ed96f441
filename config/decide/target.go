package decide

import (
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/files"
	"github.com/orch-build/orch/config/spec"
)

// Inputs is everything outside of the files that a target can depend on.
type Inputs struct {
	// LookupEnv reads one variable of the environment; nil is an empty one.
	LookupEnv func(name string) (string, bool)
	// Remote is where the definition comes from, nil for this machine.
	Remote *Remote
	// Host is where secrets, keys and destinations are looked at; nil checks
	// none of them.
	Host files.Host
	// Git reads a fact about the repository around a folder; nil is outside of any.
	Git func(dir, fact string) (any, error)
	// Lane says whose cache the run may write; it is asked only if there is a
	// cache block. nil knows nothing.
	Lane func() spec.Lane
}

// Outside is what a file says outside of blocks for all its targets.
type Outside struct {
	// Modes are the context-modes, or nil.
	Modes any
	// Cache and Skip are those blocks, or nil.
	Cache attribute.CacheSettings
	Skip  attribute.SkipSettings
	// CacheRanges and SkipRanges say where they are written.
	CacheRanges, SkipRanges map[string]hcl.Range
}

// Decider decides the targets of one definition.
type Decider struct {
	in *Inputs
	// said holds the faults of cache and skip blocks that were reported: several
	// targets may share a block.
	said        map[string]bool
	wrongValues wrongValues
}

// New returns a Decider.
func New(in *Inputs) *Decider {
	return &Decider{in: in, said: map[string]bool{}, wrongValues: wrongValues{}}
}

// Target fills a Target with the values of a Draft, and checks them.
func (d *Decider) Target(r *Draft, outside Outside) (*spec.Target, hcl.Diagnostics) {
	if r.Values[attribute.AtContext] == nil {
		r.Values[attribute.AtContext] = attribute.Place{Raw: ".", Base: r.Base}
	}
	if s, ok := r.Values[attribute.AtDockerfile].(string); !ok || s == "" {
		r.Values[attribute.AtDockerfile] = "Dockerfile"
	}
	d.addSourceDateEpoch(r)
	early := d.reproducible(r)
	d.moveToRemote(r)
	d.placePolicies(r)
	outputsToStdout(r)
	if r.Values[attribute.AtContextModes] == nil {
		r.Values[attribute.AtContextModes] = outside.Modes
	}
	r.inheritCache(outside)
	r.inheritSkip(outside)
	t := &spec.Target{Name: r.Name, Range: r.At, Ranges: r.Ranges, Volatile: r.Volatile, Overridden: r.Overridden}
	diags := append(early, d.check(r)...)
	cache, more := d.cache(r)
	t.Cache, diags = cache, append(diags, more...)
	t.Skip, more = d.skip(r)
	diags = append(diags, more...)
	for i := range attribute.Attributes {
		if r.Values[i] != nil {
			attribute.Attributes[i].Store(t, r.Values[i])
		}
	}
	d.decideSecrets(t)
	d.addRemoteCredentials(t)
	return t, diags
}

func (in *Inputs) env(name string) (string, bool) {
	if in.LookupEnv == nil {
		return "", false
	}
	return in.LookupEnv(name)
}

// outputsToStdout writes out that an archive without a destination goes to
// standard output.
func outputsToStdout(r *Draft) {
	entries, _ := r.Values[attribute.AtOutput].([]spec.Entry)
	for i, e := range entries {
		if spec.NewOutput(e).Form == spec.FileForm && e.Attrs["dest"] == "" {
			e = e.Clone()
			e.Attrs["dest"] = "-"
			entries = slices.Clone(entries)
			entries[i] = e
			r.Values[attribute.AtOutput] = entries
		}
	}
}

// sourceDateEpoch is the variable that asks for a reproducible time stamp; it
// becomes an argument of every target that has none.
const sourceDateEpoch = "SOURCE_DATE_EPOCH"

func (d *Decider) addSourceDateEpoch(r *Draft) {
	if epoch, _ := d.in.env(sourceDateEpoch); epoch != "" {
		r.setDefault(attribute.AtArgs, sourceDateEpoch, epoch)
	}
}

// decideSecrets says where a secret comes from that names no source: the
// variable of the environment with its ID, or else the file.
func (d *Decider) decideSecrets(t *spec.Target) {
	if len(t.Secrets) == 0 {
		return
	}
	t.Secrets = append([]spec.Secret(nil), t.Secrets...)
	for i := range t.Secrets {
		s := &t.Secrets[i]
		if s.Env != "" || s.Src != "" {
			continue
		}
		if _, ok := d.in.env(s.ID); ok {
			s.Env = s.ID
		} else {
			s.Src = s.ID
		}
	}
}
