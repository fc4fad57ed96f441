package digest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	godigest "github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/proto"

	"github.com/orch-build/orch/planner/inputs"
)

// skeleton is the definition of a target for one platform, without what its
// local sources and linked targets hold.
type skeleton struct {
	Sum   string          `json:"sum"`
	Image json.RawMessage `json:"image,omitempty"` // the configuration
	Epoch string          `json:"epoch,omitempty"`
	// Reads is what operations take of local contexts, and Links which linked
	// targets are used, both in the order in which they are met.
	Reads   []read    `json:"reads,omitempty"`
	Links   []string  `json:"links,omitempty"`
	Opens   []opening `json:"opens,omitempty"`
	Secrets []string  `json:"secrets,omitempty"`
	SSH     []string  `json:"ssh,omitempty"`
	Asked   []asked   `json:"asked,omitempty"`
	// Outside are the repositories and URLs that are taken, and the lines of images.
	Outside []outside `json:"outside,omitempty"`
	Steps   []step    `json:"steps,omitempty"`
	// Whole is a sum of the Dockerfile if all of it was converted.
	Whole string `json:"whole,omitempty"`
	// Failed says why the frontend refuses the Dockerfile.
	Failed string `json:"failed,omitempty"`
}

// read is what an operation takes of a context.
type read struct {
	Context string       `json:"context"`
	Query   inputs.Query `json:"query"`
	Line    int          `json:"line,omitempty"`
}

// opening is something that a definition leaves open.
type opening struct {
	Why  inputs.Reason `json:"why"`
	Text string        `json:"text"`
	Line int           `json:"line,omitempty"`
}

// step is an operation, for words: its sum is without what it is built on.
type step struct {
	Line int    `json:"line,omitempty"`
	Sum  string `json:"sum"`
	// Name is what the builder shows, and Kind what the operation does.
	Name string `json:"name,omitempty"`
	Kind string `json:"kind"`
	// Source is what a source is; "" for others.
	Source string `json:"source,omitempty"`
	// Inputs are the operations below it.
	Inputs []stepInput `json:"inputs,omitempty"`
	// Reads are the places in the skeleton's Reads of what it takes.
	Reads []int `json:"reads,omitempty"`
	// Env are the variables of a RUN as NAME=SUM.
	Env     []string `json:"env,omitempty"`
	NoCache bool     `json:"noCache,omitempty"`
	// Loose is true of a source that is not pinned to what it holds.
	Loose bool `json:"loose,omitempty"`
}

// stepInput is an operation below another, by its place in the list.
type stepInput struct {
	Step int `json:"step"`
	// Content is true if the builder looks at what is taken, and not only at
	// how that was made.
	Content bool `json:"content,omitempty"`
}

// newSkeleton takes a definition apart.
func newSkeleton(def *llb.Definition, c *conversion) (*skeleton, error) {
	w := &walk{
		skeleton: &skeleton{}, conversion: c, def: def,
		ops: make(map[string]*pb.Op, len(def.Def)), sums: make(map[string]string, len(def.Def)),
		places: make(map[string]int, len(def.Def)),
	}
	if len(def.Def) == 0 {
		w.Sum = hash("nothing")
		return w.skeleton, nil
	}
	end := ""
	for _, data := range def.Def {
		op := &pb.Op{}
		if err := op.UnmarshalVT(data); err != nil {
			return nil, fmt.Errorf("reading a definition: %w", err)
		}
		end = godigest.FromBytes(data).String()
		w.ops[end] = op
	}
	sum, err := w.of(end)
	if err != nil {
		return nil, err
	}
	w.Sum = sum
	slices.Sort(w.Secrets)
	w.Secrets = slices.Compact(w.Secrets)
	slices.Sort(w.SSH)
	w.SSH = slices.Compact(w.SSH)
	return w.skeleton, nil
}

// walk goes through a definition, each operation once, what it is built on first.
type walk struct {
	*skeleton
	*conversion
	def  *llb.Definition
	ops  map[string]*pb.Op
	sums map[string]string
	// places are the indexes of the operations in Steps.
	places map[string]int
}

func (w *walk) of(id string) (string, error) {
	if sum, ok := w.sums[id]; ok {
		return sum, nil
	}
	op, ok := w.ops[id]
	if !ok {
		return "", errors.New("reading a definition: a vertex is missing")
	}
	below := make([]string, len(op.Inputs))
	for i, in := range op.Inputs {
		sum, err := w.of(in.Digest)
		if err != nil {
			return "", err
		}
		below[i] = sum
	}
	before := len(w.Reads)
	one := w.described(id, op, w.reads(id, op))
	for i := before; i < len(w.Reads); i++ {
		one.Reads = append(one.Reads, i)
	}
	plain := op.CloneVT()
	for _, in := range plain.Inputs {
		in.Digest = ""
	}
	w.plain(id, plain)
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(plain)
	if err != nil {
		return "", fmt.Errorf("reading a definition: %w", err)
	}
	own := hash(string(data))
	one.Sum = own[:16]
	w.places[id] = len(w.Steps)
	w.Steps = append(w.Steps, one)
	w.sums[id] = hash(append([]string{own}, below...)...)
	return w.sums[id], nil
}

// line is where an operation is written in the whole Dockerfile, or 0.
func (w *walk) line(id string) int {
	if w.def.Source == nil || w.def.Source.Locations[id] == nil {
		return 0
	}
	for _, loc := range w.def.Source.Locations[id].Locations {
		if len(loc.Ranges) == 0 {
			continue
		}
		line := int(loc.Ranges[0].Start.Line)
		if w.lines != nil {
			line = w.lines.Line(line)
		}
		return line
	}
	return 0
}

func (w *walk) open(why inputs.Reason, line int, format string, args ...any) {
	w.Opens = append(w.Opens, opening{why, fmt.Sprintf(format, args...), line})
}

// plain takes out of an operation what the builder does not look it up by, and
// notes what it leaves open.
func (w *walk) plain(id string, op *pb.Op) {
	if w.def.Metadata[godigest.Digest(id)].IgnoreCache {
		w.open(inputs.NoCache, w.line(id), "no-cache asks to run steps again")
	}
	if src := op.GetSource(); src != nil {
		w.source(id, src)
	}
	exec := op.GetExec()
	if exec == nil {
		return
	}
	if exec.Meta != nil {
		exec.Meta.ProxyEnv = nil
	}
	for _, s := range exec.Secretenv {
		w.Secrets = append(w.Secrets, s.ID)
	}
	for _, m := range exec.Mounts {
		if m.SecretOpt != nil {
			w.Secrets = append(w.Secrets, m.SecretOpt.ID)
		}
		if m.SSHOpt != nil {
			w.SSH = append(w.SSH, cmp.Or(m.SSHOpt.ID, "default"))
		}
	}
}

// source makes a source one of what it holds.
func (w *walk) source(id string, src *pb.SourceOp) {
	w.noteOutside(id, src)
	scheme, name, _ := strings.Cut(src.Identifier, "://")
	switch scheme {
	case "local":
		src.Attrs = nil
	case "docker-image":
		_, dgst, pinned := strings.Cut(name, "@")
		if pinned {
			src.Identifier = "docker-image://@" + dgst
		} else {
			w.open(inputs.MutableTag, w.line(id), "%s is not pinned to a digest: pin it, or ask its registry with --resolve", familiar(name))
		}
		delete(src.Attrs, pb.AttrImageResolveMode)
	case "oci-layout":
		_, dgst, _ := strings.Cut(name, "@")
		src.Identifier = "docker-image://@" + dgst
		delete(src.Attrs, pb.AttrOCILayoutSessionID)
		delete(src.Attrs, pb.AttrOCILayoutStoreID)
	case "git":
		_, ref, _ := strings.Cut(name, "#")
		ref, _, _ = strings.Cut(ref, ":")
		if src.Attrs[pb.AttrGitChecksum] != "" || isCommit(ref) {
			return
		}
		what := "its default branch"
		if ref != "" {
			what = fmt.Sprintf("%q", ref)
		}
		w.open(inputs.GitBranch, w.line(id), "%s is read at %s, which is not a full commit hash: name one, or a checksum", cmp.Or(src.Attrs[pb.AttrFullRemoteURL], src.Identifier), what)
	case "http", "https":
		if src.Attrs[pb.AttrHTTPChecksum] == "" {
			w.open(inputs.RemoteFile, w.line(id), "%s is fetched without a checksum: name one with --checksum", src.Identifier)
		}
	default:
		w.open(inputs.RemoteFile, w.line(id), "orch does not know what %s holds", src.Identifier)
	}
}

func isCommit(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// familiar is the name of an image as it is written in Dockerfiles.
func familiar(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref
	}
	return reference.FamiliarString(named)
}

// openImages notes the images of which the configuration is not known: what
// triggers they have, which variables, and which user.
func (s *skeleton) openImages() {
	for _, q := range s.Asked {
		if !q.Unknown || q.Digest == "" && q.Why == "" && s.opens(inputs.MutableTag, familiar(q.Ref)) {
			continue
		}
		text := familiar(strings.TrimPrefix(q.Ref, layoutScheme)) + " has triggers and variables that are not known here: ask its registry with --resolve"
		if q.Why != "" {
			text = familiar(q.Ref) + ": " + q.Why
			if strings.HasPrefix(q.Ref, layoutScheme) || strings.HasPrefix(q.Why, familiar(q.Ref)+" ") {
				text = q.Why
			}
		}
		if q.Digest == "" && q.Why != "" && s.failed(familiar(q.Ref), text) {
			continue
		}
		s.Opens = append(s.Opens, opening{Why: inputs.UnknownImage, Text: text})
	}
}

// failed puts the answer of a registry in the place of the advice to ask it, and
// says whether there was any.
func (s *skeleton) failed(name, text string) (found bool) {
	for i, o := range s.Opens {
		if o.Why == inputs.MutableTag && strings.HasPrefix(o.Text, name+" ") {
			s.Opens[i].Text, found = text, true
		}
	}
	return found
}

func (s *skeleton) opens(why inputs.Reason, begin string) bool {
	return slices.ContainsFunc(s.Opens, func(o opening) bool { return o.Why == why && strings.HasPrefix(o.Text, begin+" ") })
}

// reads notes what an operation takes from local contexts and linked targets,
// and returns which of its inputs it takes only some of.
func (w *walk) reads(id string, op *pb.Op) []bool {
	if op.GetSource() != nil {
		return nil
	}
	taken := make([]bool, len(op.Inputs)) // by queries
	switch {
	case op.GetFile() != nil:
		w.copies(id, op, taken)
	case op.GetExec() != nil:
		w.mounts(id, op, taken)
	}
	for i := range op.Inputs {
		if !taken[i] {
			w.read(id, op, int64(i), inputs.Query{})
		}
	}
	return taken
}

func (w *walk) copies(id string, op *pb.Op, taken []bool) {
	actions := op.GetFile().Actions
	for _, a := range actions {
		c := a.GetCopy()
		if c == nil || a.SecondaryInput < 0 || a.SecondaryInput >= int64(len(taken)) {
			continue
		}
		taken[a.SecondaryInput] = true
		w.read(id, op, a.SecondaryInput, inputs.Query{
			Path: strings.TrimPrefix(c.Src, "/"), Wildcard: c.AllowWildcard, Include: c.IncludePatterns, Exclude: c.ExcludePatterns,
		})
	}
	whole := func(i int64) {
		if i >= 0 && i < int64(len(taken)) {
			taken[i] = false
		}
	}
	for _, a := range actions {
		whole(a.Input)
		for _, owner := range owners(a) {
			if n := owner.GetByName(); n != nil {
				whole(n.Input)
			}
		}
	}
}

// owners are the users that an action looks up.
func owners(a *pb.FileAction) []*pb.UserOpt {
	var chown *pb.ChownOpt
	switch {
	case a.GetCopy() != nil:
		chown = a.GetCopy().Owner
	case a.GetMkdir() != nil:
		chown = a.GetMkdir().Owner
	case a.GetMkfile() != nil:
		chown = a.GetMkfile().Owner
	}
	if chown == nil {
		return nil
	}
	return []*pb.UserOpt{chown.User, chown.Group}
}

func (w *walk) mounts(id string, op *pb.Op, taken []bool) {
	for _, m := range op.GetExec().Mounts {
		if m.Input < 0 || m.Input >= int64(len(taken)) || m.Dest == "/" {
			continue
		}
		taken[m.Input] = true
		w.read(id, op, m.Input, inputs.Query{Path: strings.TrimPrefix(m.Selector, "/")})
	}
	for _, m := range op.GetExec().Mounts {
		if m.Dest == "/" && m.Input >= 0 && m.Input < int64(len(taken)) {
			taken[m.Input] = false
		}
	}
}

// read notes a query, if the input is a local source.
func (w *walk) read(id string, op *pb.Op, input int64, q inputs.Query) {
	src := w.ops[op.Inputs[input].Digest].GetSource()
	if src == nil {
		return
	}
	name, local := strings.CutPrefix(src.Identifier, "local://")
	if !local {
		return
	}
	if strings.HasPrefix(name, linkContext) {
		w.Links = append(w.Links, name)
		return
	}
	w.Reads = append(w.Reads, read{name, q, w.line(id)})
}
