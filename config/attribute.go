package config

import (
	"fmt"
	"slices"

	"github.com/orch-build/orch/schema"
	"github.com/zclconf/go-cty/cty"
)

// attribute is one attribute of a target: its description in package schema,
// from which all else follows, and what takes code: how its values are read,
// and where they go.
type attribute struct {
	schema.Attribute
	name string
	// kind reads, merges and shows the values. If it is nil, the type that is
	// described has one.
	kind kind
	// apply holds the keys of --set that do not set the attribute as its kind
	// does, by their names; behind those with a name of their own is ".".
	apply map[string]applyFunc
	set   []setKey
	// check lists what is wrong with a value, as far as the value alone can
	// say; nil finds nothing.
	check func(v any) []error
	// store puts the decided value into the target's field.
	store func(t *Target, v any)
}

// kind is what attributes of one shape have in common. Values are plain Go
// values, a type for each kind; nil is "not written".
type kind interface {
	// decode reads a value of the language; it is neither null nor unknown.
	decode(v cty.Value) (any, error)
	// encode gives the value that another block sees that refers to this
	// attribute; v may be nil.
	encode(v any) cty.Value
	// merge puts a later value over an earlier one; neither is nil, and
	// neither is changed.
	merge(earlier, later any) any
	// normalize removes duplicates.
	normalize(v any) any
	// override gives the value after an override; v may be nil.
	override(v any, o *override) (any, error)
	// show gives what --print shows, or nil to leave the attribute out.
	show(v any) any
}

// The attributes of a target, in the order in which --print shows them, which
// is that of bake's JSON.
const (
	atDescription = iota
	atAnnotations
	atAttest
	atContext
	atContexts
	atDockerfile
	atDockerfileInline
	atArgs
	atLabels
	atTags
	atCacheFrom
	atCacheTo
	atTarget
	atSecret
	atSSH
	atPlatforms
	atOutput
	atPull
	atNoCache
	atNetwork
	atNoCacheFilter
	atShmSize
	atUlimits
	atResources
	atCall
	atEntitlements
	atExtraHosts
	atPolicy
	atTraits
	atCache
	atWeight
	atExclusive
	atRetry
	atContextModes
	atInherits
	numAttributes
)

// attributes lists the attributes of a target.
var attributes = bind([numAttributes]attribute{
	atDescription: {name: "description", kind: description{},
		store: func(t *Target, v any) { t.Description = v.(string) }},
	atAnnotations: {name: "annotations", kind: list{grows: true, onlyGrows: true, escape: true}, check: eachOf(checkAnnotation),
		store: func(t *Target, v any) { t.Annotations = v.([]string) }},
	atAttest: {name: "attest", kind: attests{},
		store: func(t *Target, v any) { t.Attest = readEach(v, NewAttest) }},
	atContext: {name: "context", kind: contextKind{},
		store: func(t *Target, v any) { t.Context = v.(place).context() }},
	atContexts: {name: "contexts", kind: contextMap{},
		store: func(t *Target, v any) { t.Contexts = v.(places).contexts() }},
	atDockerfile: {name: "dockerfile", store: func(t *Target, v any) { t.Dockerfile = v.(string) }},
	atDockerfileInline: {name: "dockerfile-inline", kind: text{escape: true},
		store: func(t *Target, v any) { s := v.(string); t.DockerfileInline = &s }},
	atArgs: {name: "args", kind: table{escape: true},
		store: func(t *Target, v any) { t.Args = plain(v) }},
	atLabels: {name: "labels", kind: table{escape: true},
		store: func(t *Target, v any) { t.Labels = plain(v) }},
	atTags: {name: "tags", store: func(t *Target, v any) { t.Tags = v.([]string) }},
	atCacheFrom: {name: "cache-from", kind: caches{grows: true},
		store: func(t *Target, v any) { t.CacheFrom = readEach(v, NewCacheEntry) }},
	atCacheTo: {name: "cache-to", kind: caches{},
		store: func(t *Target, v any) { t.CacheTo = readEach(v, NewCacheEntry) }},
	atTarget: {name: "target", store: func(t *Target, v any) { t.Stage = v.(string) }},
	atSecret: {name: "secret", kind: secrets{}, apply: map[string]applyFunc{"secret.": overrideSecret},
		store: func(t *Target, v any) { t.Secrets = v.([]Secret) }},
	atSSH: {name: "ssh", kind: sshKeys{},
		store: func(t *Target, v any) { t.SSH = v.([]SSH) }},
	atPlatforms: {name: "platforms", check: checkPlatforms, store: func(t *Target, v any) { t.Platforms = builtFor(v) }},
	atOutput: {name: "output", kind: outputs{}, apply: map[string]applyFunc{"push": overridePush, "load": overrideLoad},
		store: func(t *Target, v any) { t.Outputs = readEach(v, NewOutput) }},
	atPull:          {name: "pull", store: func(t *Target, v any) { b := v.(bool); t.Pull = &b }},
	atNoCache:       {name: "no-cache", store: func(t *Target, v any) { b := v.(bool); t.NoCache = &b }},
	atNetwork:       {name: "network", store: func(t *Target, v any) { t.Network = v.(string) }},
	atNoCacheFilter: {name: "no-cache-filter", store: func(t *Target, v any) { t.NoCacheFilter = v.([]string) }},
	atShmSize:       {name: "shm-size", check: checkSize, store: func(t *Target, v any) { t.ShmSize = v.(string) }},
	atUlimits:       {name: "ulimits", check: eachOf(checkUlimit), store: func(t *Target, v any) { t.Ulimits = v.([]string) }},
	atResources: {name: "resources", kind: resources{}, check: checkResources,
		store: func(t *Target, v any) { r := v.(Resources); t.Resources = &r }},
	atCall:         {name: "call", store: func(t *Target, v any) { t.Call = v.(string) }},
	atEntitlements: {name: "entitlements", store: func(t *Target, v any) { t.Entitlements = v.([]string) }},
	atExtraHosts: {name: "extra-hosts", kind: table{escape: true},
		store: func(t *Target, v any) { t.ExtraHosts = plain(v) }},
	atPolicy: {name: "policy", kind: policies{},
		store: func(t *Target, v any) { t.Policy = v.([]Policy) }},
	atTraits: {name: "traits", store: func(t *Target, v any) { t.Traits = plain(v) }},
	atCache: {name: "cache", kind: cacheKind{},
		store: func(*Target, any) {}},
	atWeight: {name: "weight", kind: number{max: MaxWeight, min: 1},
		store: func(t *Target, v any) { t.Weight = v.(int) }},
	atExclusive: {name: "exclusive", store: func(t *Target, v any) { t.Exclusive = v.(bool) }},
	atRetry: {name: "retry", kind: number{max: MaxRetry},
		store: func(t *Target, v any) { t.Retry = v.(int) }},
	atContextModes: {name: "context-modes", kind: hiddenText{}, check: checkModes,
		store: func(t *Target, v any) { t.GitModes = v.(string) == gitModes }},
	atInherits: {name: "inherits", store: func(*Target, any) {}},
})

// bind puts what is described and what is done together. That a part is
// missing is a fault of orch, which no run survives.
func bind(list [numAttributes]attribute) [numAttributes]attribute {
	for i := range list {
		a := &list[i]
		described, ok := schema.TargetAttribute(a.name)
		if !ok || a.store == nil {
			panic(fmt.Sprintf("the attribute %d (%q) of a target is not described in package schema, or has no field", i, a.name))
		}
		a.Attribute = described
		if a.kind == nil {
			a.kind = kindOf(&described)
		}
		for _, key := range described.Set {
			name := key.Name
			if key.Shape == schema.Named {
				name += "."
			}
			a.set = append(a.set, setKey{SetKey: key, apply: a.apply[name]})
		}
	}
	return list
}

// kindOf is the kind of attributes of a type.
func kindOf(a *schema.Attribute) kind {
	switch a.Type {
	case "string":
		return text{}
	case "bool":
		return boolean{}
	case "list(string)":
		return list{grows: a.Merge != schema.Replaces, onlyGrows: a.Merge == schema.OnlyGrows}
	case "map(string)":
		return table{}
	}
	panic(fmt.Sprintf("the attribute %s has the type %s, which needs a kind of its own", a.Name, a.Type))
}

// attributeIndex returns the place of an attribute, or -1.
func attributeIndex(name string) int {
	return slices.IndexFunc(attributes[:], func(a attribute) bool { return a.name == name })
}

// values holds the attributes of one target, in the order of attributes.
type values [numAttributes]any
