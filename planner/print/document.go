package print

import (
	"github.com/orch-build/orch/planner/inputs"
)

// DocumentVersion is the version of the JSON form of a plan. It grows when a
// field changes its meaning or goes away; new fields do not change it.
const DocumentVersion = 1

// Document is a plan in the form that programs read: what `orch plan --format
// json` prints, and what the other forms are drawn from. docs/plan.md
// describes it, docs/plan.schema.json is its JSON Schema. Every list is there,
// if empty, and has a stable order.
type Document struct {
	Version      int              `json:"version"`
	Summary      DocumentSummary  `json:"summary"`
	CriticalPath DocumentPath     `json:"criticalPath"`
	Order        [][]string       `json:"order"` // names of targets; the targets of one list can be built at the same time
	Targets      []DocumentTarget `json:"targets"`
	Vertices     []DocumentVertex `json:"vertices"` // each after all its inputs
	Locals       []DocumentLocal  `json:"locals"`
}

// DocumentSummary counts.
type DocumentSummary struct {
	Targets      int `json:"targets"`
	Stages       int `json:"stages"`       // stages and opaque builds in the union
	SharedStages int `json:"sharedStages"` // those that two or more targets reach
	// SeparateStages is how many stages as many builds would have, each on
	// its own.
	SeparateStages int `json:"separateStages"`
}

// DocumentPath is a chain of stages.
type DocumentPath struct {
	Stages   int      `json:"stages"`
	Vertices []string `json:"vertices"` // IDs, from the base to the result
	// Seconds is what the recorded ones of the vertices took together; Timed
	// is how many have a recorded time.
	Seconds float64 `json:"seconds"`
	Timed   int     `json:"timed"`
}

// DocumentTarget is one target.
type DocumentTarget struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Wanted      bool   `json:"wanted"` // false if it is only linked
	Dockerfile  string `json:"dockerfile"`
	Stage       string `json:"stage,omitempty"` // as written; without it the last one
	// Results are the vertices that the target ends in, one for each platform.
	Results []DocumentResult `json:"results"`
	// Vertices are the IDs of all that the target reaches, in their order.
	Vertices []string       `json:"vertices"`
	After    []string       `json:"after"` // names of the targets that it links to
	Reads    []DocumentRead `json:"reads"`
	// CriticalPath counts the longest chain of stages below the results.
	CriticalPath DocumentLength  `json:"criticalPath"`
	Secrets      []string        `json:"secrets"` // IDs
	SSH          []string        `json:"ssh"`     // IDs
	Tags         []string        `json:"tags"`
	Outputs      []DocumentEntry `json:"outputs"`
	CacheFrom    []DocumentEntry `json:"cacheFrom"`
	CacheTo      []DocumentEntry `json:"cacheTo"`
	// Attributes are others as they are written, by their names in build.hcl.
	Attributes map[string]string `json:"attributes,omitempty"`
	// Policies are the source policies that hold, in the order in which they
	// are asked; PoliciesOff are those that the definition switches off.
	Policies    []DocumentPolicy `json:"policies,omitempty"`
	PoliciesOff []string         `json:"policiesOff,omitempty"`
	DocumentDigest
}

// DocumentPolicy is a source policy.
type DocumentPolicy struct {
	Files    []string `json:"files"`
	BuiltIn  bool     `json:"builtIn,omitempty"` // the one of BUILDX_DEFAULT_POLICY
	Strict   bool     `json:"strict,omitempty"`
	LogLevel string   `json:"logLevel,omitempty"`
	// Unseen is true if it holds only if its file is in the remote context,
	// where nobody has looked.
	Unseen bool `json:"unseen,omitempty"`
}

// DocumentDigest is the digest of a target or vertex, with Options.Inputs; see
// inputs.Inputs. A local context has none.
type DocumentDigest struct {
	Digest string         `json:"digest,omitempty"`
	Image  string         `json:"image_digest,omitempty"`
	Open   []DocumentOpen `json:"open,omitempty"`
}

// DocumentOpen is something that a digest cannot know.
type DocumentOpen struct {
	Why  string `json:"why"` // such as mutable-tag
	Text string `json:"text"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

func documentDigest(d *inputs.Digest) DocumentDigest {
	if d == nil {
		return DocumentDigest{}
	}
	out := DocumentDigest{Digest: d.Sum, Image: d.Image}
	for _, o := range d.Open {
		out.Open = append(out.Open, DocumentOpen{Why: o.Why.String(), Text: o.Text, File: o.Range.Filename, Line: o.Range.Start.Line})
	}
	return out
}

// DocumentResult is what a target ends in on a platform.
type DocumentResult struct {
	Platform string `json:"platform"`
	Vertex   string `json:"vertex"`
}

// DocumentLength is the length of a chain.
type DocumentLength struct {
	Stages  int     `json:"stages"`
	Seconds float64 `json:"seconds"`
}

// DocumentRead is what stages take out of a directory: all of it, or these
// paths, as they are written in COPY, ADD and bind mounts, cleaned.
type DocumentRead struct {
	Directory string   `json:"directory"`
	All       bool     `json:"all"`
	Paths     []string `json:"paths"`
}

// DocumentEntry is an exporter or a cache; attributes that hold a credential
// are masked.
type DocumentEntry struct {
	Type       string            `json:"type"`
	Attributes map[string]string `json:"attributes"`
}

// DocumentVertex is a stage, or an image or context that stages start from.
type DocumentVertex struct {
	ID       string   `json:"id"`
	Kind     string   `json:"kind"` // stage, image, local, remote, opaque or scratch
	Name     string   `json:"name"`
	Names    []string `json:"names,omitempty"` // of a stage that is written more than once
	Platform string   `json:"platform,omitempty"`
	// Place is where the vertex is written; none for scratch.
	Place *DocumentPlace `json:"place,omitempty"`
	// Layer is the length of the longest way below the vertex.
	Layer   int               `json:"layer"`
	Steps   []DocumentStep    `json:"steps"`
	Inputs  []DocumentInput   `json:"inputs"`
	Args    map[string]string `json:"args,omitempty"`
	Mounts  []DocumentMount   `json:"mounts,omitempty"`  // cache mounts of the steps
	Targets []string          `json:"targets"`           // names of the targets that reach it
	Seconds *float64          `json:"seconds,omitempty"` // when it last ran
	DocumentDigest
}

// DocumentPlace is lines of a file, counted from 1.
type DocumentPlace struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	EndLine int    `json:"endLine"`
}

// DocumentStep is one instruction that the builder counts.
type DocumentStep struct {
	Text    string `json:"text"`
	Line    int    `json:"line"`
	EndLine int    `json:"endLine"`
}

// DocumentMount is a cache mount of a step.
type DocumentMount struct {
	ID      string `json:"id"`
	Target  string `json:"target"`
	Sharing string `json:"sharing"`
	Line    int    `json:"line"`
}

// DocumentInput is what a vertex starts from or takes from.
type DocumentInput struct {
	Vertex string   `json:"vertex"` // its ID
	Why    string   `json:"why"`    // base, copy, mount or context
	Line   int      `json:"line,omitempty"`
	Paths  []string `json:"paths,omitempty"` // without it, all
}

// DocumentLocal is a directory that is sent to the builder.
type DocumentLocal struct {
	Name     string   `json:"name"` // of the session
	Path     string   `json:"path"` // absolute
	Excludes []string `json:"excludes"`
	All      bool     `json:"all"`
	Paths    []string `json:"paths"`
}
