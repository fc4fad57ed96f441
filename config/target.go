package config

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// target fills a Target with the values of a resolved one, and checks them.
func (d *Definition) target(r *resolved) (*Target, hcl.Diagnostics) {
	if r.values[atContext] == nil {
		r.values[atContext] = place{raw: ".", base: r.base}
	}
	if s, ok := r.values[atDockerfile].(string); !ok || s == "" {
		r.values[atDockerfile] = "Dockerfile"
	}
	d.addSourceDateEpoch(r)
	d.moveToRemote(r)
	d.placePolicies(r)
	outputsToStdout(r)
	d.inheritModes(r)
	d.inheritCache(r)
	t := &Target{Name: r.name, Range: r.at, Ranges: r.ranges, Volatile: r.volatile}
	diags := d.checkTarget(r)
	cache, more := d.decideCache(r)
	t.Cache, diags = cache, append(diags, more...)
	for i := range attributes {
		if r.values[i] != nil {
			attributes[i].store(t, r.values[i])
		}
	}
	t.written = r.values
	decideSecrets(t, &d.opts)
	d.addRemoteCredentials(t)
	return t, diags
}

// outputsToStdout writes out that an archive without a destination goes to
// standard output.
func outputsToStdout(r *resolved) {
	entries, _ := r.values[atOutput].([]Entry)
	for i, e := range entries {
		if e.form() == FileForm && e.Attrs["dest"] == "" {
			e = e.clone()
			e.Attrs["dest"] = "-"
			entries = slices.Clone(entries)
			entries[i] = e
			r.values[atOutput] = entries
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
	args, _ := r.values[atArgs].(map[string]*string)
	if args[sourceDateEpoch] != nil {
		return
	}
	r.values[atArgs], _ = table{}.override(r.values[atArgs], &override{sub: sourceDateEpoch, values: []string{epoch}})
}

// decideSecrets says where a secret comes from that names no source: the
// variable of the environment with its ID, or else the file.
func decideSecrets(t *Target, opts *Options) {
	if len(t.Secrets) == 0 {
		return
	}
	t.Secrets = append([]Secret(nil), t.Secrets...)
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
