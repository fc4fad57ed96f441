package attribute

import (
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/schema"
)

// attribute is one attribute of a target: its description in package schema,
// from which all else follows, and what needs code: how its values are read, and
// where they go.
type attribute struct {
	schema.Attribute
	name string
	// Kind reads, merges and shows the values. If it is nil, the type that is
	// described has one.
	Kind Kind
	// apply holds the keys of --set that do not set the attribute as its kind
	// does, by their names; behind those with a name of their own is ".".
	apply map[string]applyFunc
	Keys  []SetKey
	// Check lists what is wrong with a value, as far as the value alone can
	// say; nil finds nothing.
	Check func(v any) []error
	// Store puts the decided value into the target's field.
	Store func(t *spec.Target, v any)
}

// Kind is what attributes of one shape have in common. Values are plain Go
// values, a type for each kind; nil is "not written".
type Kind interface {
	// Decode reads a value of the language; it is neither null nor unknown.
	Decode(v cty.Value) (any, error)
	// Encode gives the value that another block sees that refers to this
	// attribute; v may be nil.
	Encode(v any) cty.Value
	// Merge puts a later value over an earlier one; neither is nil, and
	// neither is changed.
	Merge(earlier, later any) any
	// Normalize removes duplicates.
	Normalize(v any) any
	// Override gives the value after an override; v may be nil.
	Override(v any, o *Change) (any, error)
	// Show gives what --print shows, or nil to leave the attribute out.
	Show(v any) any
}

// Membered is a kind whose values are objects, or lists in which objects may be, that
// have certain members. What else they have is passed over, as in bake.
type Membered interface {
	Members() []string
}

// Foreign lists the members of such a value, or of its elements, that its kind does
// not have.
func Foreign(k Membered, v cty.Value) []string {
	var out []string
	add := func(v cty.Value) {
		if v.IsNull() || !v.Type().IsObjectType() && !v.Type().IsMapType() {
			return
		}
		for name := range v.AsValueMap() {
			if !slices.Contains(k.Members(), name) {
				out = append(out, name)
			}
		}
	}
	add(v)
	if t := v.Type(); t.IsTupleType() || t.IsListType() || t.IsSetType() {
		for _, e := range v.AsValueSlice() {
			add(e)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// The attributes of a target, in the order in which --print shows them, which
// is the order of bake's JSON.
const (
	AtDescription = iota
	atAnnotations
	atAttest
	AtContext
	AtContexts
	AtDockerfile
	AtDockerfileInline
	AtArgs
	atLabels
	AtTags
	AtCacheFrom
	AtCacheTo
	atTarget
	AtSecret
	AtSSH
	AtPlatforms
	AtOutput
	atPull
	atNoCache
	AtNetwork
	atNoCacheFilter
	atShmSize
	atUlimits
	atResources
	atCall
	AtEntitlements
	atExtraHosts
	AtPolicy
	AtTraits
	AtCache
	atWeight
	atExclusive
	atRetry
	AtContextModes
	AtReproducible
	AtSkip
	AtInherits
	NumAttributes
)

// Attributes lists the attributes of a target.
var Attributes = bind([NumAttributes]attribute{
	AtDescription: {name: "description", Kind: description{},
		Store: func(t *spec.Target, v any) { t.Description = v.(string) }},
	atAnnotations: {name: "annotations", Kind: List{grows: true, onlyGrows: true}, Check: eachOf(checkAnnotation),
		Store: func(t *spec.Target, v any) { t.Annotations = v.([]string) }},
	atAttest: {name: "attest", Kind: attests{},
		Store: func(t *spec.Target, v any) { t.Attest = readEach(v, spec.NewAttest) }},
	AtContext: {name: "context", Kind: contextKind{},
		Store: func(t *spec.Target, v any) { t.Context = v.(Place).Context() }},
	AtContexts: {name: "contexts", Kind: ContextMap{},
		Store: func(t *spec.Target, v any) { t.Contexts = v.(Places).contexts() }},
	AtDockerfile: {name: "dockerfile", Store: func(t *spec.Target, v any) { t.Dockerfile = v.(string) }},
	AtDockerfileInline: {name: "dockerfile-inline", Kind: Text{},
		Store: func(t *spec.Target, v any) { s := v.(string); t.DockerfileInline = &s }},
	AtArgs: {name: "args", Kind: Table{},
		Store: func(t *spec.Target, v any) { t.Args = Plain(v) }},
	atLabels: {name: "labels", Kind: Table{},
		Store: func(t *spec.Target, v any) { t.Labels = Plain(v) }},
	AtTags: {name: "tags", Store: func(t *spec.Target, v any) { t.Tags = v.([]string) }},
	AtCacheFrom: {name: "cache-from", Kind: caches{grows: true},
		Store: func(t *spec.Target, v any) { t.CacheFrom = readEach(v, spec.NewCacheEntry) }},
	AtCacheTo: {name: "cache-to", Kind: caches{},
		Store: func(t *spec.Target, v any) { t.CacheTo = readEach(v, spec.NewCacheEntry) }},
	atTarget: {name: "target", Store: func(t *spec.Target, v any) { t.Stage = v.(string) }},
	AtSecret: {name: "secret", Kind: secrets{}, apply: map[string]applyFunc{"secret.": overrideSecret},
		Store: func(t *spec.Target, v any) { t.Secrets = v.([]spec.Secret) }},
	AtSSH: {name: "ssh", Kind: sshKeys{},
		Store: func(t *spec.Target, v any) { t.SSH = v.([]spec.SSH) }},
	AtPlatforms: {name: "platforms", Check: checkPlatforms, Store: func(t *spec.Target, v any) { t.Platforms = BuiltFor(v) }},
	AtOutput: {name: "output", Kind: outputs{}, apply: map[string]applyFunc{"push": overridePush, "load": overrideLoad},
		Store: func(t *spec.Target, v any) { t.Outputs = readEach(v, spec.NewOutput) }},
	atPull:          {name: "pull", Store: func(t *spec.Target, v any) { b := v.(bool); t.Pull = &b }},
	atNoCache:       {name: "no-cache", Store: func(t *spec.Target, v any) { b := v.(bool); t.NoCache = &b }},
	AtNetwork:       {name: "network", Store: func(t *spec.Target, v any) { t.Network = v.(string) }},
	atNoCacheFilter: {name: "no-cache-filter", Store: func(t *spec.Target, v any) { t.NoCacheFilter = v.([]string) }},
	atShmSize:       {name: "shm-size", Check: checkSize, Store: func(t *spec.Target, v any) { t.ShmSize = v.(string) }},
	atUlimits:       {name: "ulimits", Check: eachOf(checkUlimit), Store: func(t *spec.Target, v any) { t.Ulimits = v.([]string) }},
	atResources: {name: "resources", Kind: Resources{}, Check: checkResources,
		Store: func(t *spec.Target, v any) { r := v.(spec.Resources); t.Resources = &r }},
	atCall:         {name: "call", Store: func(t *spec.Target, v any) { t.Call = v.(string) }},
	AtEntitlements: {name: "entitlements", Store: func(t *spec.Target, v any) { t.Entitlements = v.([]string) }},
	atExtraHosts: {name: "extra-hosts", Kind: Table{},
		Store: func(t *spec.Target, v any) { t.ExtraHosts = Plain(v) }},
	AtPolicy: {name: "policy", Kind: policies{},
		Store: func(t *spec.Target, v any) { t.Policy = v.([]spec.Policy) }},
	AtTraits: {name: "traits", Store: func(t *spec.Target, v any) { t.Traits = Plain(v) }},
	AtCache: {name: "cache", Kind: CacheKind{},
		Store: func(*spec.Target, any) {}},
	atWeight: {name: "weight", Kind: Number{Max: spec.MaxWeight, min: 1},
		Store: func(t *spec.Target, v any) { t.Weight = v.(int) }},
	atExclusive: {name: "exclusive", Store: func(t *spec.Target, v any) { t.Exclusive = v.(bool) }},
	atRetry: {name: "retry", Kind: Number{Max: spec.MaxRetry},
		Store: func(t *spec.Target, v any) { t.Retry = v.(int) }},
	AtContextModes: {name: "context-modes", Check: checkModes,
		Store: func(t *spec.Target, v any) { t.GitModes = v.(string) == gitModes }},
	AtReproducible: {name: "reproducible", Store: func(t *spec.Target, v any) { t.Reproducible = v.(bool) }},
	AtSkip: {name: "skip", Kind: SkipKind{},
		Store: func(*spec.Target, any) {}},
	AtInherits: {name: "inherits", Store: func(*spec.Target, any) {}},
})

// bind puts what is described and what is done together. That a part is
// missing is a fault of orch, which no run survives.
func bind(list [NumAttributes]attribute) [NumAttributes]attribute {
	for i := range list {
		a := &list[i]
		described, ok := schema.TargetAttribute(a.name)
		if !ok || a.Store == nil {
			panic(fmt.Sprintf("the attribute %d (%q) of a target is not described in package schema, or has no field", i, a.name))
		}
		a.Attribute = described
		if a.Kind == nil {
			a.Kind = kindOf(&described)
		}
		for _, key := range described.Set {
			name := key.Name
			if key.Shape == schema.Named {
				name += "."
			}
			a.Keys = append(a.Keys, SetKey{SetKey: key, Apply: a.apply[name]})
		}
	}
	return list
}

// kindOf is the kind of attributes of a type.
func kindOf(a *schema.Attribute) Kind {
	switch a.Type {
	case "string":
		return Text{}
	case "bool":
		return boolean{}
	case "list(string)":
		return List{grows: a.Merge != schema.Replaces, onlyGrows: a.Merge == schema.OnlyGrows}
	case "map(string)":
		return Table{}
	}
	panic(fmt.Sprintf("the attribute %s has the type %s, which needs a kind of its own", a.Name, a.Type))
}

// AttributeIndex returns the place of an attribute, or -1.
func AttributeIndex(name string) int {
	return slices.IndexFunc(Attributes[:], func(a attribute) bool { return a.name == name })
}

// Values holds the attributes of one target, in the order of attributes.
type Values [NumAttributes]any
