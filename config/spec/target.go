package spec

import (
	"net"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// ContextKind says where a build context comes from.
type ContextKind int

const (
	// Local is a directory on this machine; Value is its path.
	Local ContextKind = iota
	// Git is a repository that the builder clones; Value is its reference.
	Git
	// HTTP is a file or archive that the builder fetches; Value is its URL.
	HTTP
	// Image is an image of a registry; Value is its reference, without the
	// "docker-image://" in front.
	Image
	// OCILayout is an image in an OCI layout folder on this machine; Value is
	// the path with ":tag" and "@digest", or one of them, or none, without the
	// "oci-layout://" in front.
	OCILayout
	// Archive is a folder in an archive that the builder fetches; Value is its
	// URL, and behind "#:" the folder, if it is not the top.
	Archive
	// LinkedTarget is the result of another target of the same definition;
	// Value is its name, without the "target:" in front.
	LinkedTarget
)

// Context is where a build takes files from. The string that the user wrote
// is read into it once; nobody looks at prefixes again.
type Context struct {
	Kind  ContextKind
	Value string
	// Raw is the string as it was written, for printing.
	Raw string
}

// Target is one image target, decided. Every field holds a plain value; the
// zero value of a field means that it was not written.
type Target struct {
	Name        string
	Description string
	// Traits are what the target was chosen by with a filter.
	Traits map[string]string

	Context          Context
	Contexts         map[string]Context
	Dockerfile       string // relative to the context unless absolute; never empty
	DockerfileInline *string
	Stage            string // the stage to build up to; "" is the last one

	Args        map[string]string
	Labels      map[string]string
	Annotations []string
	Tags        []string
	Platforms   []Platform
	Outputs     []Output // the exporters
	CacheFrom   []CacheEntry
	CacheTo     []CacheEntry
	Cache       *Cache // nil if no cache block applies
	Skip        *Skip  // nil if the target is always built
	Attest      []Attest
	Secrets     []Secret
	SSH         []SSH

	NoCache       *bool
	NoCacheFilter []string // names of stages
	Pull          *bool

	Call         string
	Network      string
	Entitlements []string
	ExtraHosts   map[string]string
	ShmSize      string
	Ulimits      []string
	Resources    *Resources
	Policy       []Policy
	// GitModes sends local contexts with the modes that git keeps.
	GitModes bool
	// Reproducible says that images bear the time of the commit, and that a tag stays
	// that names the same content. The time is in Args, and Outputs say the rest.
	Reproducible bool
	// Tests are run in the image before it goes anywhere.
	Tests []*Test

	// Limits say how the target is scheduled, and when it is tried again.
	Limits

	// Part is true if the target has only some of its platforms, because others
	// are built elsewhere: its image is an index even of one platform, so that one
	// index can be made of all.
	Part bool

	// Template is true for a target that is there to be inherited: it is built
	// only if it is asked for by name.
	Template bool

	// Range is where the target's first block is written.
	Range hcl.Range
	// Ranges holds where each written attribute is, by its name in the
	// language ("context", "cache-from", …); for map attributes also each
	// element as "args.NAME". Values that came from --set have no entry.
	Ranges map[string]hcl.Range

	// Shared holds the keys of Ranges for arguments, contexts, secrets and SSH
	// keys whose line is also of a target that was not chosen, through inheritance or a
	// matrix: what this target does not use may be there for that one.
	Shared map[string]bool

	// Volatile says why arguments have a value that is different in nearly
	// every run, by their names: "git.sha", "timestamp()". It is found in the
	// expressions, not in the values.
	Volatile map[string]string
	// Overridden says what on the command line has set an attribute, such as
	// "--output type=tar", where that is known.
	Overridden map[string]string
}

// Inline says whether the Dockerfile is written in the definition. An empty text is
// none, as in bake.
func (t *Target) Inline() bool { return t.DockerfileInline != nil && *t.DockerfileInline != "" }

// RangeOf returns where the attribute was written, or the target's own range.
func (t *Target) RangeOf(attr string) hcl.Range {
	if r, ok := t.Ranges[attr]; ok {
		return r
	}
	return t.Range
}

// HostGateway stands for the address of the builder's own host in extra-hosts.
const HostGateway = "host-gateway"

// HostAddress is an address of extra-hosts as it is given on, which may be
// HostGateway.
func HostAddress(text string) (ip string, ok bool) {
	ip = strings.Trim(strings.TrimSpace(text), "[]")
	return ip, ip == HostGateway || net.ParseIP(ip) != nil
}

// Secret is a value that a RUN step may read while it runs.
type Secret struct {
	ID  string
	Src string // a file, or "" if the value comes from the environment
	Env string // a variable of the environment, or ""
	// Unset is true if Env names a variable that is not set.
	Unset bool
}

// SSH is an agent socket or a list of keys that a RUN step may use.
type SSH struct {
	ID    string
	Paths []string // empty for the agent of SSH_AUTH_SOCK
}

// Resources limits what a RUN step may use.
type Resources struct {
	Memory     string
	MemorySwap string
	CPUShares  *int64
	CPUPeriod  *int64
	CPUQuota   *int64
	CpusetCpus string
	CpusetMems string
}

// Policy is one source policy of a target. The names of its fields are those
// of bake's JSON.
type Policy struct {
	Files    []PolicyFile
	Reset    bool
	Disabled bool
	Strict   *bool
	LogLevel *string
}

// PolicyFile is a file that holds a source policy. Its name starts from the
// context of the target, or from the working directory behind "cwd://".
type PolicyFile struct {
	Filename string
	Data     []byte
	// Tree is the remote definition whose tree the name starts from, if it
	// starts from there.
	Tree *Context `json:"-"`

	// Imported says that the name starts from the folder of the imported file,
	// which is Base.
	Imported bool   `json:"-"`
	Base     string `json:"-"`
}
