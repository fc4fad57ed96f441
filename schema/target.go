package schema

// Target is a target block: one image, or with a matrix several.
type Target struct {
	Block
	Cache *Cache // nil if there is none
}

// targetKind describes the target block.
var targetKind = blockKind{
	name:  "target",
	doc:   "Image targets, by name.",
	label: true,
	attrs: []Attribute{
		{Name: "inherits", Type: "list(string)", Doc: "Names of targets whose attributes this one starts from; later ones win."},
		{Name: "matrix", Type: "map(list)", Doc: "Axes; every combination of their values makes one target."},
		{Name: "name", Type: "string", Doc: "The name of each target of a matrix; it may use the names of the axes."},
		{Name: "description", Type: "string", Doc: "What the target is, for lists."},
		{Name: "traits", Type: "map(string)", buildOnly: true, Doc: "What the target is chosen by with --filter, such as { team = \"web\" }."},
		{Name: "context", Type: "string", Doc: "Where the build takes its files from: a folder, a git reference or a URL."},
		{Name: "contexts", Type: "map(string)", Doc: "Named contexts, which a Dockerfile uses with FROM or --from; \"target:NAME\" is the result of another target."},
		{Name: "dockerfile", Type: "string", Doc: "Path of the Dockerfile, relative to the context."},
		{Name: "dockerfile-inline", Type: "string", Doc: "The text of a Dockerfile; it wins over dockerfile."},
		{Name: "target", Type: "string", Doc: "The stage to build; the last one if not given."},
		{Name: "args", Type: "map(string)", Doc: "Build arguments."},
		{Name: "labels", Type: "map(string)", Doc: "Labels of the image."},
		{Name: "annotations", Type: "list(string)", Doc: "OCI annotations, as [TYPE:]KEY=VALUE."},
		{Name: "tags", Type: "list(string)", Doc: "Names and tags of the image."},
		{Name: "platforms", Type: "list(string)", Doc: "Platforms to build for, such as linux/arm64."},
		{Name: "output", Type: "list(object)", Fields: outputFields, Doc: "Where the result goes: a list of exporters."},
		{Name: "cache-from", Type: "list(object)", Fields: cacheFields, Doc: "Cache sources."},
		{Name: "cache-to", Type: "list(object)", Fields: cacheFields, Doc: "Cache destinations."},
		{Name: "attest", Type: "list(object)", Fields: attestFields, Doc: "Attestations: provenance, sbom."},
		{Name: "secret", Type: "list(object)", Fields: secretFields, Doc: "Secrets that a RUN step may mount."},
		{Name: "ssh", Type: "list(object)", Fields: sshFields, Doc: "SSH agents or keys that a RUN step may mount."},
		{Name: "no-cache", Type: "bool", Doc: "Build every step anew."},
		{Name: "no-cache-filter", Type: "list(string)", Doc: "Stages to build anew."},
		{Name: "pull", Type: "bool", Doc: "Look for a newer base image even if one is there."},
		{Name: "call", Type: "string", Doc: "What the frontend is asked: build, check, outline, targets."},
		{Name: "network", Type: "string", Doc: "Network of RUN steps: default, none or host."},
		{Name: "entitlements", Type: "list(string)", Doc: "Privileges of RUN steps: network.host, security.insecure, device."},
		{Name: "extra-hosts", Type: "map(string)", Doc: "Addresses of host names, for RUN steps."},
		{Name: "shm-size", Type: "string", Doc: "Size of /dev/shm in RUN steps."},
		{Name: "ulimits", Type: "list(string)", Doc: "Limits of RUN steps, as NAME=SOFT[:HARD]."},
		{Name: "resources", Type: "object", Fields: resourceFields, Doc: "Memory and CPU limits of RUN steps."},
		{Name: "policy", Type: "list(object)", Fields: policyFields, Doc: "Source policies."},
		{Name: "weight", Type: "number", buildOnly: true, Doc: "How many places of the builder's capacity (--jobs) the target takes; 1 if not given."},
		{Name: "exclusive", Type: "bool", buildOnly: true, Doc: "Build the target while no other is being built."},
		{Name: "retry", Type: "number", buildOnly: true, Doc: "How many times a failed RUN step is tried again; 0 if not given."},
	},
	blocks: []string{targetCacheKind.name},
	add:    func(f *File, b Block) { f.Targets = append(f.Targets, &Target{Block: b}) },
	nested: addCache,
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
