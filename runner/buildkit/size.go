package buildkit

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/platforms"
	controlapi "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/frontend"
	"github.com/orch-build/orch/runner/buildkit/steps"
	"github.com/orch-build/orch/runner/meter"
)

// measureTimeout bounds what finding out the sizes may add to a run. The sizes
// are for the reader; a builder with a very large cache is not held up.
const measureTimeout = 3 * time.Second

// askSizes asks for the builder's records, while the anchors are open: when
// they end, the builder is busy writing down when each record was used last. The
// answer is nil after a run that is not complete, or if it does not come.
func (r *run) askSizes(ctx context.Context, how runner.Ending) <-chan *records {
	out := make(chan *records, 1)
	if how == runner.Incomplete {
		close(out)
		return out
	}
	go func() {
		defer close(out)
		ctx, cancel := context.WithTimeout(ctx, measureTimeout)
		defer cancel()
		usage, unpacked, err := r.builder.Conn.DiskUsage(ctx)
		if err != nil {
			return
		}
		records := newRecords(usage)
		records.unpacked = unpacked
		out <- records
	}()
	return out
}

// measure finds out how large each image is, and the stages it was built in.
// BuildKit keeps a record for each layer, described by the step that made it;
// the size of a file system is that of its record and of all below it.
func (r *run) measure(ctx context.Context, records *records) {
	if records == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, measureTimeout)
	defer cancel()
	for _, t := range r.targets {
		if t.measured == nil || t.result == nil {
			continue
		}
		t.measure(ctx, records)
	}
}

// measure takes the first platform whose steps have records: where the work of
// two platforms is equal, the builder keeps it under the name of one.
func (t *target) measure(ctx context.Context, records *records) {
	if ids, err := frontend.Platforms(t.result); err == nil && ids[0] != "" {
		for _, id := range ids {
			if t.measureRef(ctx, records, t.result.Refs[id], id) {
				return
			}
		}
		return
	}
	t.measureRef(ctx, records, t.result.Ref, "")
}

// measureRef reports whether there are records of what ref holds.
func (t *target) measureRef(ctx context.Context, records *records, ref gateway.Reference, platform string) bool {
	def, err := t.definition(ctx, ref)
	if err != nil || def == nil {
		return false
	}
	g := newOpGraph(def)
	if !records.unpacked {
		t.measured.ImageSize = records.without(g, g.root, t.packedLayers(ctx, platform))
		return t.measured.ImageSize > 0
	}
	t.measured.ImageSize = records.size(g, g.root)
	if t.measured.ImageSize == 0 {
		return false
	}
	for _, id := range g.sources() {
		if size := records.size(g, id); size > t.measured.BuildStageSize {
			t.measured.BuildStageSize = size
			t.measured.BuildStage = stageOf(g.name(id))
		}
	}
	return true
}

// packedLayers are the layers of the exported image as the builder's content
// store has them, the lowest first; nil if no image was exported, or if it is
// not there.
func (t *target) packedLayers(ctx context.Context, platform string) []ocispecs.Descriptor {
	store := t.run.builder.Conn.ContentStore()
	next := digest.Digest(t.report.Digest)
	for range 2 { // an index, and a manifest in it
		if next == "" {
			return nil
		}
		data, err := content.ReadBlob(ctx, store, ocispecs.Descriptor{Digest: next})
		if err != nil {
			return nil
		}
		var m struct {
			Manifests []ocispecs.Descriptor `json:"manifests"`
			Layers    []ocispecs.Descriptor `json:"layers"`
		}
		if json.Unmarshal(data, &m) != nil {
			return nil
		}
		if len(m.Manifests) == 0 {
			return m.Layers
		}
		next = manifestOf(m.Manifests, platform)
	}
	return nil
}

// manifestOf chooses the manifest of a platform in an index; that of the first
// image if the platform is "" or not there.
func manifestOf(list []ocispecs.Descriptor, platform string) digest.Digest {
	var first digest.Digest
	for _, m := range list {
		if m.Platform == nil || m.Platform.OS == "unknown" {
			continue
		}
		if platforms.FormatAll(platforms.Normalize(*m.Platform)) == platform {
			return m.Digest
		}
		if first == "" {
			first = m.Digest
		}
	}
	return first
}

// stageOf takes the stage's name out of a step's.
func stageOf(step string) string {
	name, _ := steps.ParseName(step)
	return name.Stage
}

// records are a builder's cache records.
type records struct {
	byID   map[string]*controlapi.UsageRecord
	byText map[string]*controlapi.UsageRecord // the one used last
	byBare map[string]*controlapi.UsageRecord // by bareName; the one used last
	// unpacked is true if the sizes are those of file systems alone, as the
	// embedded builder gives them.
	unpacked bool
}

func newRecords(usage []*controlapi.UsageRecord) *records {
	r := &records{
		byID:   map[string]*controlapi.UsageRecord{},
		byText: map[string]*controlapi.UsageRecord{},
		byBare: map[string]*controlapi.UsageRecord{},
	}
	for _, u := range usage {
		r.byID[u.ID] = u
		keepLatest(r.byText, u.Description, u)
		if bare := bareName(u.Description); bare != "" {
			keepLatest(r.byBare, bare, u)
		}
	}
	return r
}

func keepLatest(m map[string]*controlapi.UsageRecord, key string, u *controlapi.UsageRecord) {
	if old := m[key]; old == nil || lastUse(u).After(lastUse(old)) {
		m[key] = u
	}
}

// bareName is the name of a step without its platform, which the frontend
// writes down only if several are built: a record keeps the name under which its
// step ran first. It is "" for what is not a step.
func bareName(description string) string {
	name, ok := steps.ParseName(description)
	if !ok {
		return ""
	}
	name.Platform = ""
	return "[" + name.Label() + "] " + name.Text
}

// of is the record of a step, or nil.
func (r *records) of(description string) *controlapi.UsageRecord {
	if u := r.byText[description]; u != nil {
		return u
	}
	return r.byBare[bareName(description)]
}

func lastUse(u *controlapi.UsageRecord) time.Time {
	if u.LastUsedAt != nil {
		return u.LastUsedAt.AsTime()
	}
	return u.CreatedAt.AsTime()
}

// size is that of the file system that a vertex makes, in bytes; 0 if it is not
// known, as where a layer has not been unpacked.
func (r *records) size(g *opGraph, id digest.Digest) int64 {
	u := r.of(g.description(id))
	if u == nil {
		return 0
	}
	var total int64
	seen := map[string]bool{}
	queue := []string{u.ID}
	for len(queue) > 0 {
		id := queue[0]
		queue = queue[1:]
		u := r.byID[id]
		if u == nil || seen[id] {
			continue
		}
		seen[id] = true
		if u.Size == meter.NotUnpacked && r.unpacked {
			return 0
		}
		total += max(0, u.Size)
		queue = append(queue, u.Parents...)
	}
	return total
}

// without is the size of the file system that a vertex makes where a record
// counts the packed form of its layer too, which most builders do. It is known
// only if each layer of the exported image has its record, and if each record
// has more than the packed form; otherwise the result is 0.
func (r *records) without(g *opGraph, id digest.Digest, packed []ocispecs.Descriptor) int64 {
	u := r.of(g.description(id))
	var total int64
	for _, layer := range slices.Backward(packed) {
		if u == nil || len(u.Parents) > 1 || u.Size <= layer.Size {
			return 0
		}
		total += u.Size - layer.Size
		id := ""
		if len(u.Parents) == 1 {
			id = u.Parents[0]
		}
		u = r.byID[id]
	}
	if u != nil {
		return 0 // a layer that the image does not have
	}
	return total
}

// opGraph is a definition that can be walked.
type opGraph struct {
	root  digest.Digest
	ops   map[digest.Digest]*pb.Op
	names map[digest.Digest]string
}

func newOpGraph(def *pb.Definition) *opGraph {
	g := &opGraph{ops: map[digest.Digest]*pb.Op{}, names: map[digest.Digest]string{}}
	for _, dt := range def.Def {
		var op pb.Op
		if err := op.UnmarshalVT(dt); err != nil {
			continue
		}
		id := digest.FromBytes(dt)
		g.ops[id] = &op
		if md := def.Metadata[string(id)]; md != nil {
			g.names[id] = md.Description["llb.customname"]
		}
		if op.Op == nil && len(op.Inputs) > 0 {
			g.root = digest.Digest(op.Inputs[0].Digest)
		}
	}
	return g
}

func (g *opGraph) name(id digest.Digest) string { return g.names[id] }

// description is how BuildKit describes the record that a vertex makes.
func (g *opGraph) description(id digest.Digest) string {
	op := g.ops[id]
	if op == nil {
		return ""
	}
	if exec := op.GetExec(); exec != nil && exec.Meta != nil {
		return "mount / from exec " + strings.Join(exec.Meta.Args, " ")
	}
	if op.GetFile() != nil {
		return g.names[id]
	}
	return ""
}

// sources are the vertices, outside the chain of the last stage, that this
// stage copies from.
func (g *opGraph) sources() []digest.Digest {
	var out []digest.Digest
	for id := g.root; ; {
		op := g.ops[id]
		if op == nil || len(op.Inputs) == 0 {
			return out
		}
		base := 0
		if file := op.GetFile(); file != nil {
			base = baseInput(file)
			for i, in := range op.Inputs {
				src := digest.Digest(in.Digest)
				if i != base && !slices.Contains(out, src) && g.ops[src] != nil && g.ops[src].GetSource() == nil {
					out = append(out, src)
				}
			}
		}
		if base < 0 || base >= len(op.Inputs) {
			return out
		}
		id = digest.Digest(op.Inputs[base].Digest)
	}
}

// baseInput is the input of a file operation that it writes on; -1 if it
// begins with an empty file system.
func baseInput(file *pb.FileOp) int {
	if len(file.Actions) == 0 {
		return -1
	}
	return int(file.Actions[0].Input)
}
