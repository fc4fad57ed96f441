package schema

// Target is a target block: one image, or with a matrix several.
type Target struct {
	Block
	Cache *Cache // nil if there is none
	Skip  *Skip  // nil if there is none
}

// targetKind describes the target block.
var targetKind = blockKind{
	name:  "target",
	doc:   "Image targets, by name.",
	label: true,
	attrs: []Attribute{
		{Name: "inherits", Type: "list(string)", Merge: Grows, spent: true, Effect: "what is inherited counts", Permission: NoPermission,
			Doc: "Names of targets whose attributes this one starts from; later ones win."},
		{Name: "matrix", Type: "map(list)", Effect: "what the targets have counts", Permission: NoPermission,
			Doc: "Axes; every combination of their values makes one target."},
		{Name: "name", Type: "string", Effect: "what it is called", Permission: NoPermission,
			Doc: "The name of each target of a matrix; it may use the names of the axes."},
		{Name: "description", Type: "string", Effect: "a comment", Permission: NoPermission,
			Doc: "What the target is, for lists."},
		{Name: "traits", Type: "map(string)", buildOnly: true, Effect: "what it is chosen by", Permission: NoPermission,
			Doc: "What the target is chosen by with --filter, such as { team = \"web\" }."},
		{Name: "context", Type: "string", Set: textKey("context"), Effect: ChangesResult, Permission: MayTakePermission,
			Doc: "Where the build takes its files from: a folder, a git reference or a URL."},
		{Name: "contexts", Type: "map(string)", Set: namedKey("contexts"), Effect: ChangesResult, Permission: MayTakePermission,
			Doc: "Named contexts, which a Dockerfile uses with FROM or --from; \"target:NAME\" is the result of another target."},
		{Name: "dockerfile", Type: "string", Set: textKey("dockerfile"), Effect: ChangesResult, Permission: MayTakePermission,
			Doc: "Path of the Dockerfile, relative to the context."},
		{Name: "dockerfile-inline", Type: "string", Effect: ChangesResult, Permission: NoPermission,
			Doc: "The text of a Dockerfile; it wins over dockerfile."},
		{Name: "target", Type: "string", Set: textKey("target"), Effect: ChangesResult, Permission: NoPermission,
			Doc: "The stage to build; the last one if not given."},
		{Name: "args", Type: "map(string)", Set: []SetKey{{Name: "arg", Aliases: []string{"args"}, Shape: Named, FromEnv: true}}, Effect: ChangesResult, Permission: NoPermission,
			Doc: "Build arguments."},
		{Name: "labels", Type: "map(string)", Set: namedKey("label", "labels"), Effect: ChangesResult, Permission: NoPermission,
			Doc: "Labels of the image."},
		{Name: "annotations", Type: "list(string)", Merge: OnlyGrows, Set: listKey("annotation", "annotations"), Effect: ChangesResult, Permission: NoPermission,
			Doc: "OCI annotations, as [TYPE:]KEY=VALUE."},
		{Name: "tags", Type: "list(string)", Set: listKey("tag", "tags"), Effect: "where the result goes", Permission: NoPermission,
			Doc: "Names and tags of the image."},
		{Name: "platforms", Type: "list(string)", Set: listKey("platform", "platforms"), Effect: ChangesResult, Permission: NoPermission,
			Doc: "Platforms to build for, such as linux/arm64."},
		{Name: "output", Type: "list(object)", Fields: outputFields, Set: []SetKey{{Name: "output", Shape: Listed}, {Name: "push"}, {Name: "load"}}, Effect: ChangesResult, Permission: MayTakePermission,
			Doc: "Where the result goes: a list of exporters."},
		{Name: "cache-from", Type: "list(object)", Fields: cacheFields, Merge: Grows, Set: listKey("cache-from"), Effect: "saves work", Permission: MayTakePermission,
			Doc: "Cache sources."},
		{Name: "cache-to", Type: "list(object)", Fields: cacheFields, Set: listKey("cache-to"), Effect: "saves work", Permission: MayTakePermission,
			Doc: "Cache destinations."},
		{Name: "attest", Type: "list(object)", Fields: attestFields, Merge: ByName, Set: listKey("attest"), Effect: ChangesResult, Permission: NoPermission,
			Doc: "Attestations: provenance, sbom."},
		{Name: "secret", Type: "list(object)", Fields: secretFields, Merge: ByName, Set: []SetKey{{Name: "secret", Aliases: []string{"secrets"}, Shape: Listed}, {Name: "secret", Shape: Named, NoAppend: true}}, Effect: ChangesResult, Permission: MayTakePermission,
			Doc: "Secrets that a RUN step may mount."},
		{Name: "ssh", Type: "list(object)", Fields: sshFields, Merge: ByName, Set: listKey("ssh"), Effect: ChangesResult, Permission: MayTakePermission,
			Doc: "SSH agents or keys that a RUN step may mount."},
		{Name: "no-cache", Type: "bool", Set: textKey("no-cache"), Effect: ChangesResult, Permission: NoPermission,
			Doc: "Build every step anew."},
		{Name: "no-cache-filter", Type: "list(string)", Merge: Grows, Set: listKey("no-cache-filter"), Effect: ChangesResult, Permission: NoPermission,
			Doc: "Stages to build anew."},
		{Name: "pull", Type: "bool", Set: textKey("pull"), Effect: "asks what a tag means now; a digest that is not exact says so", Permission: NoPermission,
			Doc: "Look for a newer base image even if one is there."},
		{Name: "call", Type: "string", Set: textKey("call"), Effect: "asks for something else than a build", Permission: NoPermission,
			Doc: "What the frontend is asked: build, check, outline, targets."},
		{Name: "network", Type: "string", Set: textKey("network"), Effect: ChangesResult, Permission: MayTakePermission,
			Doc: "Network of RUN steps: default, none or host."},
		{Name: "entitlements", Type: "list(string)", Merge: OnlyGrows, Set: listKey("entitlement", "entitlements"), Effect: "permits what an instruction asks for", Permission: MayTakePermission,
			Doc: "Privileges of RUN steps: network.host, security.insecure, device."},
		{Name: "extra-hosts", Type: "map(string)", Set: namedKey("extra-host", "extra-hosts"), Effect: ChangesResult, Permission: NoPermission,
			Doc: "Addresses of host names, for RUN steps."},
		{Name: "shm-size", Type: "string", Set: textKey("shm-size"), Effect: ChangesResult, Permission: NoPermission,
			Doc: "Size of /dev/shm in RUN steps."},
		{Name: "ulimits", Type: "list(string)", Merge: Grows, Set: listKey("ulimit", "ulimits"), Effect: ChangesResult, Permission: NoPermission,
			Doc: "Limits of RUN steps, as NAME=SOFT[:HARD]."},
		{Name: "resources", Type: "object", Fields: resourceFields, Set: []SetKey{{Name: "resource", Aliases: []string{"resources"}, Shape: Named, NoAppend: true}}, Effect: ChangesResult, Permission: NoPermission,
			Doc: "Memory and CPU limits of RUN steps."},
		{Name: "policy", Type: "list(object)", Fields: policyFields, Merge: Grows, Set: listKey("policy"), Effect: ChangesResult, Permission: MayTakePermission,
			Doc: "Source policies."},
		{Name: "weight", Type: "number", buildOnly: true, Set: textKey("weight"), Effect: "says when it is built", Permission: NoPermission,
			Doc: "How many places of the builder's capacity (--jobs) the target takes; 1 if not given."},
		{Name: "exclusive", Type: "bool", buildOnly: true, Set: textKey("exclusive"), Effect: "says when it is built", Permission: NoPermission,
			Doc: "Build the target while no other is being built."},
		{Name: "retry", Type: "number", buildOnly: true, Set: textKey("retry"), Effect: "says how often it is tried", Permission: NoPermission,
			Doc: "How many times a failed RUN step is tried again; 0 if not given."},
		{Name: "context-modes", Type: "string", buildOnly: true, Set: textKey("context-modes"), Effect: ChangesResult, Permission: NoPermission,
			Doc: "\"git\" sends local contexts with the modes that git keeps: 0644 or 0755 for files, 0755 for folders."},
		{Name: "reproducible", Type: "bool", buildOnly: true, Set: textKey("reproducible"), Effect: ChangesResult, Permission: NoPermission,
			Doc: "Images bear the time of the commit in the place of that of the build, and a push of what is there leaves the tag as it is."},
	},
	blocks: []string{targetCacheKind.name, targetSkipKind.name},
	add:    func(f *File, b Block) { f.Targets = append(f.Targets, &Target{Block: b}) },
	nested: addNested,
}

// The keys of the objects that attributes of a target hold. Exporters and
// caches have further keys, each its own.
var (
	outputFields = []Attribute{
		{Name: "type", Type: "string", Required: true, Doc: "The exporter: image, registry, docker, oci, local, tar or cacheonly."},
		{Name: "dest", Type: "string", Doc: "The file or folder that it writes."},
		{Name: "push", Type: "bool", Doc: "Whether an image is pushed."},
	}
	cacheFields = []Attribute{
		{Name: "type", Type: "string", Required: true, Doc: "The kind of cache: registry, local, inline, gha, s3 or azblob."},
		{Name: "ref", Type: "string", Doc: "The image that holds a cache of type registry."},
		{Name: "mode", Type: "string", Doc: "What is kept: min, the layers of the result, or max, those of every stage."},
	}
	attestFields = []Attribute{
		{Name: "type", Type: "string", Required: true, Doc: "provenance or sbom."},
		{Name: "mode", Type: "string", Doc: "How much provenance says: min or max."},
		{Name: "disabled", Type: "bool", Doc: "Whether there is to be none."},
	}
	secretFields = []Attribute{
		{Name: "id", Type: "string", Doc: "The name under which a RUN step mounts it."},
		{Name: "src", Type: "string", Doc: "The file that holds it."},
		{Name: "env", Type: "string", Doc: "The variable of the environment that holds it."},
		{Name: "type", Type: "string", Doc: "file or env: what src names."},
	}
	sshFields = []Attribute{
		{Name: "id", Type: "string", Doc: "The name under which a RUN step mounts it."},
		{Name: "paths", Type: "list(string)", Doc: "Sockets or keys; without any, the agent of SSH_AUTH_SOCK."},
	}
	resourceFields = []Attribute{
		{Name: "memory", Type: "string", Doc: "Most memory, with its unit."},
		{Name: "memory-swap", Type: "string", Doc: "Most memory and swap together, with its unit."},
		{Name: "cpu-shares", Type: "string", Doc: "Weight against other steps."},
		{Name: "cpu-period", Type: "string", Doc: "Period of the CPU quota, in microseconds."},
		{Name: "cpu-quota", Type: "string", Doc: "CPU time in a period, in microseconds."},
		{Name: "cpuset-cpus", Type: "string", Doc: "CPUs that may be used, such as 0-2."},
		{Name: "cpuset-mems", Type: "string", Doc: "Memory nodes that may be used, such as 0."},
	}
	policyFields = []Attribute{
		{Name: "filename", Type: "string", Doc: "The file that holds the policy."},
		{Name: "reset", Type: "bool", Doc: "Forget the policies before this one."},
		{Name: "disabled", Type: "bool", Doc: "Whether there is to be none."},
		{Name: "strict", Type: "bool", Doc: "Whether what the policy does not cover is refused."},
		{Name: "log-level", Type: "string", Doc: "How much the policy logs."},
	}
)
