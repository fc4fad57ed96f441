package config

import (
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
)

// target fills a Target with the values of a resolved one, and checks them.
func (d *Definition) target(r *resolved) (*spec.Target, hcl.Diagnostics) {
	if r.values[attribute.AtContext] == nil {
		r.values[attribute.AtContext] = attribute.Place{Raw: ".", Base: r.base}
	}
	if s, ok := r.values[attribute.AtDockerfile].(string); !ok || s == "" {
		r.values[attribute.AtDockerfile] = "Dockerfile"
	}
	d.addSourceDateEpoch(r)
	d.moveToRemote(r)
	d.placePolicies(r)
	outputsToStdout(r)
	d.inheritModes(r)
	d.inheritCache(r)
	d.inheritSkip(r)
	t := &spec.Target{Name: r.name, Range: r.at, Ranges: r.ranges, Volatile: r.volatile}
	diags := d.checkTarget(r)
	cache, more := d.decideCache(r)
	t.Cache, diags = cache, append(diags, more...)
	t.Skip, more = d.decideSkip(r)
	diags = append(diags, more...)
	for i := range attribute.Attributes {
		if r.values[i] != nil {
			attribute.Attributes[i].Store(t, r.values[i])
		}
	}
	decideSecrets(t, &d.opts)
	d.addRemoteCredentials(t)
	return t, diags
}

// outputsToStdout writes out that an archive without a destination goes to
// standard output.
func outputsToStdout(r *resolved) {
	entries, _ := r.values[attribute.AtOutput].([]spec.Entry)
	for i, e := range entries {
		if spec.NewOutput(e).Form == spec.FileForm && e.Attrs["dest"] == "" {
			e = e.Clone()
			e.Attrs["dest"] = "-"
			entries = slices.Clone(entries)
			entries[i] = e
			r.values[attribute.AtOutput] = entries
		}
	}
}

// sourceDateEpoch is the variable that asks for a reproducible time stamp; it
// becomes an argument of every target that has none.
const sourceDateEpoch = "SOURCE_DATE_EPOCH"

func (d *Definition) addSourceDateEpoch(r *resolved) {
	epoch, _ := d.opts.env(sourceDateEpoch)
	if epoch == "" {
		return
	}
	args, _ := r.values[attribute.AtArgs].(map[string]*string)
	if args[sourceDateEpoch] != nil {
		return
	}
	r.values[attribute.AtArgs], _ = attribute.Table{}.Override(r.values[attribute.AtArgs], &attribute.Change{Sub: sourceDateEpoch, Values: []string{epoch}})
}

// decideSecrets says where a secret comes from that names no source: the
// variable of the environment with its ID, or else the file.
func decideSecrets(t *spec.Target, opts *Options) {
	if len(t.Secrets) == 0 {
		return
	}
	t.Secrets = append([]spec.Secret(nil), t.Secrets...)
	for i := range t.Secrets {
		s := &t.Secrets[i]
		if s.Env != "" || s.Src != "" {
			continue
		}
		if _, ok := opts.env(s.ID); ok {
			s.Env = s.ID
		} else {
			s.Src = s.ID
		}
	}
}
