// Package facts writes down what the digests of targets were made of, so that a
// later call can say by what they differ: the steps with what they read, the
// instructions, the arguments, the images and the attributes.
//
// Of files and of sensitive values it keeps sums only. It does not compare, and
// it knows nothing of runs and repositories.
package facts

import "time"

// Version is the version of the form of a Snapshot; another version is not read.
const Version = 1

// Snapshot is what the targets of a plan were made of at one time.
type Snapshot struct {
	Version int    `json:"version"`
	Engine  string `json:"engine"` // what makes the digests
	// Platform is the builder's.
	Platform string    `json:"platform,omitempty"`
	Taken    time.Time `json:"taken"`
	// Commit is the working tree's, if there is a repository.
	Commit  string             `json:"commit,omitempty"`
	Targets map[string]*Target `json:"targets"`
	// Selections are what steps read of local contexts, each once.
	Selections []Selection `json:"selections,omitempty"`

	sum string // what Sum has said
}

// Selection is what was found in a context.
type Selection struct {
	Sum string `json:"sum"`
	Dir string `json:"dir"` // from the project
	// Files are what was found; nil if that is too much to keep.
	Files []File `json:"files,omitempty"`
}

// File is a file, a folder or a link that a step reads.
type File struct {
	Path string `json:"path"` // in Dir
	Sum  string `json:"sum,omitempty"`
	Mode string `json:"mode"`
	Size int64  `json:"size,omitempty"`
	// Same is another name of the same file, which comes before it.
	Same string `json:"same,omitempty"`
}

// Target is what a target was made of.
type Target struct {
	Image       string `json:"image"`
	Publication string `json:"publication"`
	// Open says what could change the result without changing the digests.
	Open       []string `json:"open,omitempty"`
	Dockerfile string   `json:"dockerfile,omitempty"`
	// Attributes are those that count, by the names that build.hcl has for them.
	Attributes map[string]Value `json:"attributes,omitempty"`
	// Published are those that count only for what is made of the image.
	Published map[string]Value `json:"published,omitempty"`
	Args      map[string]Value `json:"args,omitempty"`
	// Places says where attributes are written, as FILE:LINE.
	Places       map[string]string   `json:"places,omitempty"`
	Instructions []Instruction       `json:"instructions,omitempty"`
	Images       map[string]Image    `json:"images,omitempty"`
	Ignores      map[string][]string `json:"ignores,omitempty"` // patterns, by context
	Links        []string            `json:"links,omitempty"`   // linked targets
	// Linked is true of a target that is there for others alone: what would be made
	// of its image if it were asked for is not known.
	Linked    bool       `json:"linked,omitempty"`
	Platforms []Platform `json:"platforms"`
}

// Value is the value of an argument or an attribute.
type Value struct {
	Text string `json:"text,omitempty"`
	// Sealed stands for a sensitive value: it tells values apart, for those who
	// have the key of this machine, and gives none away.
	Sealed string `json:"sealed,omitempty"`
}

// String is the value as it may be shown.
func (v Value) String() string {
	if v.Sealed != "" {
		return "***"
	}
	return v.Text
}

// Instruction is one of the instructions of the stages that a target reaches.
type Instruction struct {
	Line int    `json:"line"`
	End  int    `json:"end"`
	Text string `json:"text"` // on one line, shortened
	Sum  string `json:"sum"`  // of all of it
}

// Image is what the name of an image meant.
type Image struct {
	Digest  string    `json:"digest,omitempty"`
	Created time.Time `json:"created,omitzero"`
}

// Platform is the part of a target for one platform.
type Platform struct {
	ID    string `json:"id,omitempty"`
	Steps []Step `json:"steps"`
}

// Step is one operation of a definition.
type Step struct {
	Kind string `json:"kind"`
	// Text is what the builder shows behind the brackets.
	Text   string `json:"text,omitempty"`
	Source string `json:"source,omitempty"`
	// Stage, Nth and Of are where it is shown, and Vertex is the stage's ID in the
	// plan. Nth is 0 for an operation that is not a step of a Dockerfile.
	Stage  string `json:"stage,omitempty"`
	Nth    int    `json:"nth,omitempty"`
	Of     int    `json:"of,omitempty"`
	Vertex string `json:"vertex,omitempty"`
	// Instruction is the place in the target's Instructions, or -1.
	Instruction int       `json:"instruction"`
	Own         string    `json:"own"`
	Key         string    `json:"key"`
	Class       string    `json:"class"`
	Inputs      []Input   `json:"inputs,omitempty"`
	Reads       []Reading `json:"reads,omitempty"`
	Env         []string  `json:"env,omitempty"`
	NoCache     bool      `json:"noCache,omitempty"`
	Anew        bool      `json:"anew,omitempty"`
	// Loose is true of a source that is not known by its content.
	Loose bool `json:"loose,omitempty"`
}

// Input is a step that another one takes from.
type Input struct {
	Step    int  `json:"step"`
	Content bool `json:"content,omitempty"`
}

// Reading is what a step takes of a local context.
type Reading struct {
	Context   string `json:"context,omitempty"`
	Query     string `json:"query,omitempty"`
	Selection int    `json:"selection"`
}

// Options say what a snapshot is to keep.
type Options struct {
	// Dir is the project's folder, which paths are shown from.
	Dir      string
	Engine   string
	Platform string
	Commit   string
	Now      time.Time
	// Sensitive says whether the value of an argument must not be kept.
	Sensitive func(name, value string) bool
	// Key seals values that are not kept.
	Key []byte
	// Mask takes the secrets out of a text; nil leaves it as it is.
	Mask func(string) string
	// Most is how many files are kept at most; 0 is a sensible number.
	Most int
}

// StepName is what a step is called when all else of it has changed: its stage
// and its instruction as written.
func (t *Target) StepName(s *Step) string {
	text := s.Text
	if s.Instruction >= 0 {
		text = t.Instructions[s.Instruction].Sum
	}
	return sum(s.Stage + "\x00" + text)
}

// Sound reports whether the numbers in a snapshot that was read point to
// something.
func (s *Snapshot) Sound() bool {
	for _, t := range s.Targets {
		if t == nil {
			return false
		}
		for _, p := range t.Platforms {
			for i, st := range p.Steps {
				if st.Instruction >= len(t.Instructions) {
					return false
				}
				for _, in := range st.Inputs {
					if in.Step < 0 || in.Step >= i {
						return false
					}
				}
				for _, r := range st.Reads {
					if r.Selection < 0 || r.Selection >= len(s.Selections) {
						return false
					}
				}
			}
		}
	}
	return true
}
