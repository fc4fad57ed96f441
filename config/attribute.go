package config

import (
	"github.com/zclconf/go-cty/cty"
)

// attribute describes one attribute of a target: the only place where its
// name, its kind, the way it is merged and overridden, and its field of
// Target are put together.
type attribute struct {
	name string
	kind kind
	// set lists the keys of --set that change it; they are applied in this
	// order.
	set []setKey
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

// numAttributes is how many attributes a target has.
const numAttributes = 34

// attributes lists the attributes of a target in the order in which --print
// shows them. The peer's JSON has this order too.
var attributes = [numAttributes]attribute{
	{name: "description", kind: description{},
		store: func(t *Target, v any) { t.Description = v.(string) }},
	{name: "annotations", kind: list{grows: true, onlyGrows: true, escape: true}, set: listKey("annotation", "annotations"),
		store: func(t *Target, v any) { t.Annotations = v.([]string) }},
	{name: "attest", kind: attests{}, set: listKey("attest"),
		store: func(t *Target, v any) { t.Attest = readEach(v, NewAttest) }},
	{name: "context", kind: contextKind{}, set: textKey("context"),
		store: func(t *Target, v any) { t.Context = v.(place).context() }},
	{name: "contexts", kind: contextMap{}, set: namedKey("contexts"),
		store: func(t *Target, v any) { t.Contexts = v.(places).contexts() }},
	{name: "dockerfile", kind: text{}, set: textKey("dockerfile"),
		store: func(t *Target, v any) { t.Dockerfile = v.(string) }},
	{name: "dockerfile-inline", kind: text{escape: true},
		store: func(t *Target, v any) { s := v.(string); t.DockerfileInline = &s }},
	{name: "args", kind: table{escape: true}, set: []setKey{{name: "arg", aliases: []string{"args"}, shape: named, fromEnv: true}},
		store: func(t *Target, v any) { t.Args = plain(v) }},
	{name: "labels", kind: table{escape: true}, set: namedKey("label", "labels"),
		store: func(t *Target, v any) { t.Labels = plain(v) }},
	{name: "tags", kind: list{}, set: listKey("tag", "tags"),
		store: func(t *Target, v any) { t.Tags = v.([]string) }},
	{name: "cache-from", kind: caches{grows: true}, set: listKey("cache-from"),
		store: func(t *Target, v any) { t.CacheFrom = readEach(v, NewCacheEntry) }},
	{name: "cache-to", kind: caches{}, set: listKey("cache-to"),
		store: func(t *Target, v any) { t.CacheTo = readEach(v, NewCacheEntry) }},
	{name: "target", kind: text{}, set: textKey("target"),
		store: func(t *Target, v any) { t.Stage = v.(string) }},
	{name: "secret", kind: secrets{}, set: []setKey{
		{name: "secret", aliases: []string{"secrets"}, shape: listed},
		{name: "secret", shape: named, noAppend: true, apply: overrideSecret},
	}, store: func(t *Target, v any) { t.Secrets = v.([]Secret) }},
	{name: "ssh", kind: sshKeys{}, set: listKey("ssh"),
		store: func(t *Target, v any) { t.SSH = v.([]SSH) }},
	{name: "platforms", kind: list{}, set: listKey("platform", "platforms"),
		store: func(t *Target, v any) { t.Platforms = builtFor(v) }},
	{name: "output", kind: outputs{}, set: []setKey{
		{name: "output", shape: listed},
		{name: "push", shape: single, apply: overridePush},
		{name: "load", shape: single, apply: overrideLoad},
	}, store: func(t *Target, v any) { t.Outputs = readEach(v, NewOutput) }},
	{name: "pull", kind: boolean{}, set: textKey("pull"),
		store: func(t *Target, v any) { b := v.(bool); t.Pull = &b }},
	{name: "no-cache", kind: boolean{}, set: textKey("no-cache"),
		store: func(t *Target, v any) { b := v.(bool); t.NoCache = &b }},
	{name: "network", kind: text{}, set: textKey("network"),
		store: func(t *Target, v any) { t.Network = v.(string) }},
	{name: "no-cache-filter", kind: list{grows: true}, set: listKey("no-cache-filter"),
		store: func(t *Target, v any) { t.NoCacheFilter = v.([]string) }},
	{name: "shm-size", kind: text{}, set: textKey("shm-size"),
		store: func(t *Target, v any) { t.ShmSize = v.(string) }},
	{name: "ulimits", kind: list{grows: true}, set: listKey("ulimit", "ulimits"),
		store: func(t *Target, v any) { t.Ulimits = v.([]string) }},
	{name: "resources", kind: resources{}, set: []setKey{{name: "resource", aliases: []string{"resources"}, shape: named, noAppend: true}},
		store: func(t *Target, v any) { r := v.(Resources); t.Resources = &r }},
	{name: "call", kind: text{}, set: textKey("call"),
		store: func(t *Target, v any) { t.Call = v.(string) }},
	{name: "entitlements", kind: list{grows: true, onlyGrows: true}, set: listKey("entitlement", "entitlements"),
		store: func(t *Target, v any) { t.Entitlements = v.([]string) }},
	{name: "extra-hosts", kind: table{escape: true}, set: namedKey("extra-host", "extra-hosts"),
		store: func(t *Target, v any) { t.ExtraHosts = plain(v) }},
	{name: "policy", kind: policies{}, set: listKey("policy"),
		store: func(t *Target, v any) { t.Policy = v.([]Policy) }},
	{name: "traits", kind: hiddenTable{},
		store: func(t *Target, v any) { t.Traits = plain(v) }},
	{name: "cache", kind: cacheKind{}, set: []setKey{{name: "cache", shape: named, noAppend: true}},
		store: func(*Target, any) {}},
	{name: "weight", kind: number{max: MaxWeight, min: 1}, set: textKey("weight"),
		store: func(t *Target, v any) { t.Weight = v.(int) }},
	{name: "exclusive", kind: hiddenBool{}, set: textKey("exclusive"),
		store: func(t *Target, v any) { t.Exclusive = v.(bool) }},
	{name: "retry", kind: number{max: MaxRetry}, set: textKey("retry"),
		store: func(t *Target, v any) { t.Retry = v.(int) }},
	{name: "inherits", kind: list{grows: true, hidden: true},
		store: func(*Target, any) {}},
}

// The places in attributes of those that the code speaks of.
var (
	atContext      = attributeIndex("context")
	atContexts     = attributeIndex("contexts")
	atDockerfile   = attributeIndex("dockerfile")
	atOutput       = attributeIndex("output")
	atPlatforms    = attributeIndex("platforms")
	atNetwork      = attributeIndex("network")
	atEntitlements = attributeIndex("entitlements")
	atArgs         = attributeIndex("args")
	atInherits     = attributeIndex("inherits")
	atDescription  = attributeIndex("description")
	atCacheFrom    = attributeIndex("cache-from")
	atCacheTo      = attributeIndex("cache-to")
	atCache        = attributeIndex("cache")
	atSecret       = attributeIndex("secret")
	atSSH          = attributeIndex("ssh")
	atPolicy       = attributeIndex("policy")
)

// attributeIndex returns the place of an attribute, or -1.
func attributeIndex(name string) int {
	for i := range attributes {
		if attributes[i].name == name {
			return i
		}
	}
	return -1
}

// values holds the attributes of one target, in the order of attributes.
type values [numAttributes]any
