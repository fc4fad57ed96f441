// Package planner turns a resolved definition into a plan: the union of the
// stage graphs of all targets, where equal work is one vertex, and the builds
// that have to be solved, in topological order.
//
// New is a function of the definition and of the files it is handed; it opens
// no connection, asks no daemon and looks at no clock. A plan is never changed
// after New. What runs when, and with what result, is the runner's business.
package planner

import (
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/config/policy"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/planner/dockerfile"
)

// Options are what New needs besides the definition.
type Options struct {
	Files Files
	// BuildPlatform is the platform of the builder, such as "linux/amd64":
	// the value of BUILDPLATFORM, and the platform of a target that names
	// none.
	BuildPlatform string
	// Dir is the working directory that relative paths start from, which
	// makes the directories of Locals absolute; "" is the process's.
	Dir string
	// Policies returns the policies that hold for a target; nil finds those on
	// this machine.
	Policies func(*config.Target) (*policy.Set, fault.Diagnostics)
}

// Plan is what a run does: the union graph and the builds over it. It is never
// changed once New has returned it.
type Plan struct {
	Graph *Graph
	// Platform is the builder's, for targets that name none.
	Platform ocispecs.Platform
	// Builds holds one build for each target, every build after the builds
	// that it takes as inputs.
	Builds []*Build
	// Locals holds every directory that the builds read, each once for each
	// set of ignore patterns, in a stable order.
	Locals []*Local
	// Caches are the cache destinations that the run writes once for several
	// builds.
	Caches []*SharedCache
	// CacheImages are stages that are pushed as images which hold their own
	// cache, and for nothing else. They are not targets; their
	// vertices are among the Builds'.
	CacheImages []*Build
	// Sources maps the name of each Dockerfile that was read to its bytes.
	Sources map[string][]byte
	// Lock says what is locked of what the targets take from outside; nil is no
	// lock.
	Lock *lock.Lock
	// Sensitive says that the definition has values that must not be kept, such
	// as sensitive variables and passwords in URLs.
	Sensitive bool
	// Credentials are the passwords and tokens in URLs of Dockerfiles, which must
	// not be shown.
	Credentials []string
}

// Reached lists for each target the vertices that it reaches, in the order of
// the graph.
func (p *Plan) Reached() map[string][]*Vertex {
	out := make(map[string][]*Vertex, len(p.Builds))
	for _, v := range p.Graph.Vertices {
		for _, name := range v.Targets {
			out[name] = append(out[name], v)
		}
	}
	return out
}

// Graph is the union of the stage graphs of all targets.
type Graph struct {
	// Vertices are in topological order: a vertex after all its inputs,
	// and otherwise in an order that depends only on the vertices themselves.
	Vertices []*Vertex
}

// Kind says what a vertex is.
type Kind int

const (
	// Stage is a stage of a Dockerfile, for one platform and one set of the
	// arguments that it can see.
	Stage Kind = iota
	// Image is an image of a registry or an OCI layout.
	Image
	// LocalContext is a directory of this machine.
	LocalContext
	// RemoteContext is a git repository or an URL that the builder fetches.
	RemoteContext
	// Opaque is a whole build that cannot be read beforehand: a remote
	// Dockerfile, or one with a frontend that is not Dockerfile syntax.
	Opaque
	// Scratch is the empty image.
	Scratch
)

// String is the word for a kind in printed plans.
func (k Kind) String() string {
	switch k {
	case Stage:
		return "stage"
	case Image:
		return "image"
	case LocalContext:
		return "local"
	case RemoteContext:
		return "remote"
	case Opaque:
		return "opaque"
	default:
		return "scratch"
	}
}

// Vertex is one piece of work that several targets may share.
type Vertex struct {
	// ID is the digest of what defines the vertex, so that equal work has
	// the same ID whichever targets reach it.
	ID   string
	Kind Kind
	// Name is the name of a stage as BuildKit shows it (in lower case), its
	// index if it has none, the reference of an image, or the directory or URL
	// of a context.
	Name string
	// Names holds every name that stages which are this vertex have, in order:
	// equal stages of one file or of several are one vertex, and BuildKit may
	// show it by any of them. It is empty unless Kind is Stage.
	Names []string
	// Platform is the platform that the vertex is built for, such as
	// "linux/amd64"; "" where none applies.
	Platform string
	// Dockerfile is where the stage is written; nil unless Kind is Stage or
	// Opaque.
	Dockerfile *Dockerfile
	// Range is where the vertex is written: all lines of a stage, or the line
	// that names an image or a context.
	Range fault.Range
	// Steps are the instructions of the stage that BuildKit counts and shows:
	// the FROM of an image, COPY, ADD, RUN and WORKDIR, triggers of ONBUILD
	// first. The nth is the one shown as "[name n/total]".
	Steps []Step
	// Inputs says what the vertex starts from and takes from.
	Inputs []Edge
	// Credentials are the secrets and ssh keys that the steps of a stage mount.
	Credentials []Credential
	// Mounts are the cache mounts of the steps of a stage, in their order.
	Mounts []MountUse
	// Args holds the build arguments that the stage and the stages below it
	// declare, with their values; one whose value depends on the environment
	// of an image is left out.
	Args *dockerfile.Arguments
	// Targets names the targets that reach the vertex, in order.
	Targets []string
	// Local is the directory of a LocalContext.
	Local *Local
	// Work is what a stage or an opaque build consists of; nil for others.
	Work *Work
}

// Shared reports whether two or more targets reach the vertex.
func (v *Vertex) Shared() bool { return len(v.Targets) > 1 }

// Runs reports whether the vertex is work, and not only something to read.
func (v *Vertex) Runs() bool { return v.Kind == Stage || v.Kind == Opaque }

// Unnamed reports whether the vertex is a stage that has only a number.
func (v *Vertex) Unnamed() bool {
	return v.Kind == Stage && strings.Trim(v.Name, "0123456789") == ""
}

// Credential is a secret or an ssh key that a step mounts.
type Credential struct {
	Kind     string // "secret" or "ssh"
	ID       string
	Required bool // the step fails without it
	Range    fault.Range
	Trigger  string // the ONBUILD of the base that has the step, or ""
}

// Step is one instruction of a stage.
type Step struct {
	Text  string      // the instruction as written, on one line
	Range fault.Range // of a trigger of the base, that of the FROM
}

// EdgeKind says for what a vertex needs another.
type EdgeKind int

const (
	// Base is the FROM of a stage.
	Base EdgeKind = iota
	// Copy is a COPY or ADD out of another vertex.
	Copy
	// Mount is a RUN --mount out of another vertex.
	Mount
	// Context is a COPY, ADD or bind mount out of the build context.
	Context
)

// String is the word for a reason in printed plans.
func (w EdgeKind) String() string {
	switch w {
	case Base:
		return "base"
	case Copy:
		return "copy"
	case Mount:
		return "mount"
	default:
		return "context"
	}
}

// Lines is the range of whole lines of a Dockerfile, counted from 1.
func (d *Dockerfile) Lines(first, last int) fault.Range {
	return dockerfile.NewSource(d.Name, d.Data).Lines(first, last)
}

// Take is what one instruction takes from a context, as written, with its
// variables put in.
type Take struct {
	Sources []string
	Exclude []string
	Parents bool // as --parents has it
	Mount   bool // the source of a mount, which knows no wildcards
}

// Edge is one input of a vertex.
type Edge struct {
	From  *Vertex
	Why   EdgeKind
	Range fault.Range // where it is written, or the FROM of a base whose Trigger has it
	// Trigger is the ONBUILD of the base that takes it, or "".
	Trigger string
	Paths   []string // for Copy, Mount and Context: what is taken, as written, cleaned
	Take    *Take    // for the same: how it is taken; nil if all is
	// Pinned is true if a checksum is written beside it.
	Pinned bool
}

// Dockerfile is a Dockerfile that was read.
type Dockerfile struct {
	// Name is how messages call it: its path, or "Dockerfile (inline in
	// TARGET)" with the first target that has it.
	Name string
	// Filename is its name as the frontend gets it, relative to its folder.
	Filename string
	Data     []byte
	// Syntax is the frontend that the file asks for ("docker/dockerfile:1"),
	// or "".
	Syntax string
}

// Local is a directory of this machine that builds read.
type Local struct {
	// Name is how the session calls it; stable for the same directory and
	// patterns.
	Name string
	Dir  string // absolute
	// Excludes are the patterns of the ignore file that applies.
	Excludes []string
	// GitModes is true if it is sent with the modes that git keeps.
	GitModes bool
	// Paths is the union of what the stages of the plan read below Dir, in
	// the form of BuildKit's FollowPaths: slash paths without a leading slash,
	// sorted, some with wildcards. It is nil if some stage reads all of Dir,
	// or if that cannot be known, and empty but not nil if no stage reads any.
	Paths []string
}

// Build is one target to solve.
type Build struct {
	Target *config.Target
	// Stages is the vertex that the build ends in, one for each of its
	// platforms, in their order.
	Stages []*Vertex
	// Platforms are the platforms to build, normalized; empty means the
	// builder's own.
	Platforms []string
	// Specs are the same platforms, in their parts.
	Specs []ocispecs.Platform
	// Dockerfile is nil if the builder has to fetch it.
	Dockerfile *Dockerfile
	// Context is the local directory of the main context, or nil if the main
	// context is not local.
	Context *Local
	// Contexts holds the named contexts that are local directories, by the
	// name as written in contexts.
	Contexts map[string]*Local
	// Links holds the named contexts that are other targets, by the name as
	// written in contexts.
	Links map[string]*Build
	// Inputs are the builds that must be done before this one, each once, in
	// the order of the plan.
	Inputs []*Build
	// CacheFrom and CacheTo are where the build's cache is read, and where what
	// belongs to this build alone is written; see also Plan.Caches.
	CacheFrom, CacheTo []Cache
	// Policies are the source policies that hold for the target.
	Policies *policy.Set
	// Wanted is true if the target was asked for, false if it is only linked.
	Wanted bool
	// Used holds the named contexts that a stage takes.
	Used map[string]bool

	// Parsed is the Dockerfile taken apart, and what the build reaches of it; nil
	// unless its stages were read.
	Parsed *dockerfile.Part
}

// Name is the name of the build's target.
func (b *Build) Name() string { return b.Target.Name }

// CacheName is how the target is called in the names of caches. One that has a
// part of its platforms leaves alone what is there of the others.
func (b *Build) CacheName() string {
	if !b.Target.Part {
		return b.Name()
	}
	return b.Name() + "-" + strings.ReplaceAll(strings.Join(b.Platforms, "-"), "/", "-")
}

// Reduced returns what the build needs of its Dockerfile, or nil if it has no
// Dockerfile with stages that were read.
func (b *Build) Reduced() *dockerfile.Reduced {
	if b.Dockerfile == nil || b.Parsed == nil {
		return nil
	}
	return b.Parsed.Reduce(b.Dockerfile.Data)
}

// StagesBefore names the stages of the build's Dockerfile that begin above a
// line: those that an instruction there can name.
func (b *Build) StagesBefore(line int) []string {
	var names []string
	if b.Parsed == nil {
		return nil
	}
	for _, s := range b.Parsed.Stages {
		if s.Name != "" && s.First < line {
			names = append(names, s.Name)
		}
	}
	return names
}
