// Package options writes the attributes of a target as the options that
// BuildKit's Dockerfile frontend has for them. What the builder gets and what
// digests are made from both come from here, so that an attribute that is in
// one cannot be missing in the other.
//
// It knows nothing of contexts, which depend on where a build runs, and asks
// nothing of a builder.
package options

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/docker/go-units"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// Of returns the attributes of a build's target that can change what comes
// out, by the names that the frontend has for them, but for its contexts.
func Of(b *planner.Build) map[string]string {
	t := b.Target
	opts := map[string]string{}
	set := func(key, value string) {
		if value != "" {
			opts[key] = value
		}
	}
	set("target", t.Stage)
	set("platform", strings.Join(b.Platforms, ","))
	if t.Part {
		opts["multi-platform"] = "true"
	}
	if t.Network != "default" {
		set("force-network-mode", t.Network)
	}
	set("shm-size", size(t.ShmSize))
	set("ulimit", strings.Join(t.Ulimits, ","))
	set("add-hosts", extraHosts(t.ExtraHosts))
	for k, v := range t.Args {
		opts["build-arg:"+k] = v
	}
	for k, v := range t.Labels {
		opts["label:"+k] = v
	}
	switch {
	case t.NoCache != nil && *t.NoCache:
		opts["no-cache"] = ""
	case len(t.NoCacheFilter) > 0:
		opts["no-cache"] = strings.Join(t.NoCacheFilter, ",")
	}
	if t.Resources != nil {
		maps.Copy(opts, limits(t.Resources))
	}
	return opts
}

// limits are the limits of the target's steps.
func limits(res *config.Resources) map[string]string {
	opts := map[string]string{}
	set := func(key, value string) {
		if value != "" {
			opts[key] = value
		}
	}
	number := func(key string, value *int64) {
		if value != nil {
			opts[key] = fmt.Sprint(*value)
		}
	}
	set("memory", size(res.Memory))
	if res.MemorySwap == "-1" { // no limit
		set("memswap", res.MemorySwap)
	} else {
		set("memswap", size(res.MemorySwap))
	}
	set("cpusetcpus", res.CpusetCpus)
	set("cpusetmems", res.CpusetMems)
	number("cpushares", res.CPUShares)
	number("cpuperiod", res.CPUPeriod)
	number("cpuquota", res.CPUQuota)
	return opts
}

// size is a number of bytes, from one with a unit.
func size(text string) string {
	n, err := units.RAMInBytes(text)
	if text == "" || err != nil {
		return text
	}
	return fmt.Sprint(n)
}

// extraHosts is the frontend's list of names and addresses.
func extraHosts(hosts map[string]string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		for ip := range strings.SplitSeq(hosts[name], ",") {
			if ip, ok := config.HostAddress(ip); ok {
				out = append(out, name+"="+ip)
			}
		}
	}
	return strings.Join(out, ",")
}

var errNoGateway = errors.New("does not say which address " + config.HostGateway + " is, as a Docker engine with a bridge does: write the address")

// OnHost is the frontend's list of names and addresses for a builder whose host has
// that address for its steps, or "" if that is not known.
func OnHost(hosts, gateway string) (string, error) {
	list := strings.Split(hosts, ",")
	for i, h := range list {
		name, ip, _ := strings.Cut(h, "=")
		if ip != config.HostGateway {
			continue
		}
		if gateway == "" {
			return "", errNoGateway
		}
		list[i] = name + "=" + gateway
	}
	return strings.Join(list, ","), nil
}
