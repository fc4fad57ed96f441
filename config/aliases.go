package config

import (
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/decide"
	"github.com/orch-build/orch/config/eval"
	"github.com/orch-build/orch/config/files"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/internal/urlsecret"
)

// The results have their home in package spec, and their names here too.
type (
	// Target is one image target, decided.
	Target = spec.Target
	// Context is where a build takes files from.
	Context = spec.Context
	// ContextKind says where a build context comes from.
	ContextKind = spec.ContextKind
	// Entry is one exporter, cache or attestation as it is written.
	Entry = spec.Entry
	// Output is one exporter of a target.
	Output = spec.Output
	// Form is what an exporter writes.
	Form = spec.Form
	// CacheEntry is a cache that is read or written.
	CacheEntry = spec.CacheEntry
	// Attest is an attestation.
	Attest = spec.Attest
	// Platform is one that a target is built for.
	Platform = spec.Platform
	// Cache says where the build cache of a target is kept.
	Cache = spec.Cache
	// Lane is what is known about the run before the definition is read.
	Lane = spec.Lane
	// Secret is a value that a RUN step may read.
	Secret = spec.Secret
	// SSH is an agent socket or a list of keys.
	SSH = spec.SSH
	// Resources limits what a RUN step may use.
	Resources = spec.Resources
	// Policy is one source policy of a target.
	Policy = spec.Policy
	// PolicyFile is a file that holds a source policy.
	PolicyFile = spec.PolicyFile
	// Limits say how a target is scheduled.
	Limits = spec.Limits
	// Test is a command that is run in the image of a target.
	Test = spec.Test
	// Skip says when a target need not be built.
	Skip = spec.Skip
	// Group is a named list of targets and other groups.
	Group = spec.Group
	// Override changes one attribute of the targets that a pattern matches.
	Override = attribute.Override
	// Access is what overrides name of this machine.
	Access = attribute.Access
	// VarFile holds the values of one file of variables.
	VarFile = eval.VarFile
	// ListedVariable is a variable as a list shows it.
	ListedVariable = eval.ListedVariable
	// EnvVar is a variable of the environment that gave a variable of a definition
	// its value.
	EnvVar = eval.EnvVar
	// Files is where imported files are read from.
	Files = files.Files
	// Host is what a definition needs to know about files of this machine.
	Host = files.Host
	// Remote is where a definition was fetched from.
	Remote = decide.Remote
)

// Stdin is the name of a definition that comes over standard input.
const Stdin = files.Stdin

// ErrNotGranted is the kind of error of a Files, a Host or a reader of Compose
// files that may not read a file for the definition.
var ErrNotGranted = files.ErrNotGranted

// SkipModes are the words of the flag --skip, and of mode in a skip block.
var SkipModes = decide.SkipModes

// GitFacts are the values that expressions read as git.FACT.
var GitFacts = eval.GitFacts

// The kinds of contexts, and the forms of what an exporter writes.
const (
	Local        = spec.Local
	Git          = spec.Git
	HTTP         = spec.HTTP
	Image        = spec.Image
	OCILayout    = spec.OCILayout
	Archive      = spec.Archive
	LinkedTarget = spec.LinkedTarget

	NoForm     = spec.NoForm
	ImageForm  = spec.ImageForm
	FileForm   = spec.FileForm
	FolderForm = spec.FolderForm
	EngineForm = spec.EngineForm
)

// NewOutput reads an exporter.
func NewOutput(e Entry) Output { return spec.NewOutput(e) }

// NewCacheEntry reads a cache.
func NewCacheEntry(e Entry) CacheEntry { return spec.NewCacheEntry(e) }

// NewAttest reads an attestation.
func NewAttest(e Entry) Attest { return spec.NewAttest(e) }

// HostGateway stands for the address of the builder's own host in extra-hosts.
const HostGateway = spec.HostGateway

// HostAddress is an address of extra-hosts as it is given on.
func HostAddress(text string) (ip string, ok bool) { return spec.HostAddress(text) }

// ParsePlatforms reads platforms.
func ParsePlatforms(texts []string) ([]Platform, error) { return spec.ParsePlatforms(texts) }

// ParsePlatform reads one platform that is written elsewhere than in build.hcl: in a
// Dockerfile, a lock, or as the name that a builder has for its own.
func ParsePlatform(text string) (ocispecs.Platform, error) { return spec.ParsePlatform(text) }

// ParseOverride reads PATTERN.KEY[.SUB][+]=VALUE, the form of --set.
func ParseOverride(text string) (Override, error) { return attribute.ParseOverride(text) }

// OverrideAccess reads what overrides name of this machine.
func OverrideAccess(overrides []Override) Access { return attribute.OverrideAccess(overrides) }

// Attestation writes the value of --sbom or --provenance as an attestation.
func Attestation(kind, value string) string { return attribute.Attestation(kind, value) }

// ParsePolicy reads a policy as --policy has it.
func ParsePolicy(text string) (Policy, error) { return attribute.ParsePolicy(text) }

// PrintedName is the name that Print has for a target or a group.
func PrintedName(name string) string { return attribute.PrintedName(name) }

// IsRemote reports whether a text is a URL or a git reference.
func IsRemote(s string) bool { return decide.IsRemote(s) }

// IsGit reports whether a text is a git reference.
func IsGit(s string) bool {
	kind, _ := attribute.Classify(s)
	return kind == Git
}

// HostOf returns the host of a URL or git reference, with its port, or "".
func HostOf(ref string) string { return decide.HostOf(ref) }

// HostName returns the host of a URL without its port, or "".
func HostName(ref string) string { return urlsecret.HostName(ref) }

// Credentials lists the passwords and tokens in the URLs in texts, in every form in
// which a program may show them.
func Credentials(texts ...string) []string { return urlsecret.Find(texts...) }

// WithoutCredentials returns a URL as it may be written into files.
func WithoutCredentials(ref string) string { return urlsecret.WithoutCredentials(ref) }

// Redacted returns a URL without the passwords and tokens in it, for messages.
func Redacted(ref string) string { return urlsecret.Redacted(ref) }

// CutChecksum takes "?checksum=sha256:…" out of the URL of a file.
func CutChecksum(ref string) (plain, checksum string, err error) { return decide.CutChecksum(ref) }
