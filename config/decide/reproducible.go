package decide

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
)

// rewriteTimestamp has an exporter give no file a later time than SOURCE_DATE_EPOCH.
const rewriteTimestamp = "rewrite-timestamp"

// reproducible writes out what makes a target reproducible: the time of the commit,
// unless another one is given, and outputs whose files have no later one.
func (d *Decider) reproducible(r *Draft) hcl.Diagnostics {
	if on, _ := r.Values[attribute.AtReproducible].(bool); !on {
		return nil
	}
	timelessOutputs(r)
	if r.written(attribute.AtArgs, sourceDateEpoch) {
		return nil
	}
	epoch, err := d.commitTime(filepath.Dir(r.At.Filename))
	if err != nil {
		at := r.Ranges[attribute.Attributes[attribute.AtReproducible].Name]
		if at.Filename == "" {
			at = r.At
		}
		return hcl.Diagnostics{{
			Severity: hcl.DiagError, Summary: "No commit to take the time from", Subject: &at,
			Detail: fmt.Sprintf("Target %q is reproducible, and its images bear the time of the commit: %v. "+
				"Commit the definition, or give a time in seconds since 1970: SOURCE_DATE_EPOCH in args or in the environment.", r.Name, err),
		}}
	}
	r.setDefault(attribute.AtArgs, sourceDateEpoch, epoch)
	return nil
}

// commitTime is the time of the commit that is checked out around a folder, in
// seconds since 1970.
func (d *Decider) commitTime(dir string) (string, error) {
	if d.in.Git == nil {
		return "", fmt.Errorf("there is no git repository")
	}
	fact, err := d.in.Git(dir, "commit_time")
	if err != nil {
		return "", fmt.Errorf("reading the commit: %w", err)
	}
	text, _ := fact.(string)
	if text == "" {
		return "", fmt.Errorf("%s is in no git repository that has one", dir)
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "", fmt.Errorf("reading the time of the commit: %w", err)
	}
	return strconv.FormatInt(at.Unix(), 10), nil
}

// timelessOutputs has outputs give files no later time than SOURCE_DATE_EPOCH,
// where they do not say.
func timelessOutputs(r *Draft) {
	entries, _ := r.Values[attribute.AtOutput].([]spec.Entry)
	if len(entries) == 0 {
		return
	}
	entries = slices.Clone(entries)
	for i, e := range entries {
		if _, said := e.Attrs[rewriteTimestamp]; said || e.Type == "cacheonly" || unpacked(e) {
			continue
		}
		e.Attrs = maps.Clone(e.Attrs)
		if e.Attrs == nil {
			e.Attrs = map[string]string{}
		}
		e.Attrs[rewriteTimestamp] = "true"
		entries[i] = e
	}
	r.Values[attribute.AtOutput] = entries
}

// unpacked says whether an image is unpacked in the builder's store, which takes no
// rewritten layers.
func unpacked(e spec.Entry) bool {
	on, err := strconv.ParseBool(e.Attrs["unpack"])
	return err == nil && on
}
