package print

import (
	"encoding/base64"
	"io"
	"unicode/utf8"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/inputs"
)

// InputsVersion is the version of the document that InputsJSON writes. It
// counts up when a field changes its meaning or goes away.
const InputsVersion = 1

type inputsDocument struct {
	Version   int             `json:"version"`
	Targets   []targetInputs  `json:"targets"`
	Vertices  []vertexInputs  `json:"vertices"`
	Unmatched []unmatchedDoc  `json:"unmatched,omitempty"`
	Excess    []excessContext `json:"excess,omitempty"`
	Histories []historyDoc    `json:"histories,omitempty"`
}

type targetInputs struct {
	Name string `json:"name"`
	*digestDoc
}

type vertexInputs struct {
	ID       string       `json:"id"`
	Kind     string       `json:"kind"`
	Name     string       `json:"name"`
	Platform string       `json:"platform,omitempty"`
	Targets  []string     `json:"targets"`
	Reads    []contextDoc `json:"reads,omitempty"`
	*digestDoc
}

type digestDoc struct {
	Digest  string            `json:"digest"`
	Image   string            `json:"image_digest,omitempty"`
	Open    []openDoc         `json:"open,omitempty"`
	Classes map[string]string `json:"classes"`
}

type openDoc struct {
	Why  string `json:"why"`
	Text string `json:"text"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

type contextDoc struct {
	Context string    `json:"context"`
	Bytes   int64     `json:"bytes"`
	Files   []fileDoc `json:"files"`
}

// fileDoc is a file. A path that is not UTF-8 is in Base64.
type fileDoc struct {
	Path       string `json:"path,omitempty"`
	PathBase64 string `json:"path_base64,omitempty"`
	Type       string `json:"type"`
	Size       int64  `json:"size"`
	Executable bool   `json:"executable,omitempty"`
	Link       string `json:"link,omitempty"`
}

type unmatchedDoc struct {
	Source string `json:"source"`
	Stage  string `json:"stage"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Fails  bool   `json:"fails"`
}

type excessContext struct {
	Context     string       `json:"context"`
	ReadBytes   int64        `json:"read_bytes"`
	UnreadBytes int64        `json:"unread_bytes"`
	UnreadFiles int          `json:"unread_files"`
	Culprits    []culpritDoc `json:"culprits"`
}

type historyDoc struct {
	Context string `json:"context"`
	Stage   string `json:"stage"`
	File    string `json:"file"`
	Line    int    `json:"line"`
}

type culpritDoc struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	Files  int    `json:"files"`
	Ignore string `json:"ignore,omitempty"`
}

// InputsJSON writes what the stages read and, if in is not nil, the digests of
// targets and vertices. The form is described in docs/plan.md.
func InputsJSON(w io.Writer, r *inputs.Reads, in *inputs.Inputs) error {
	doc := inputsDocument{Version: InputsVersion, Targets: []targetInputs{}, Vertices: []vertexInputs{}}
	for _, b := range r.Plan.Builds {
		t := targetInputs{Name: b.Name()}
		if in != nil {
			t.digestDoc = digestDocument(in.Build(b))
		}
		doc.Targets = append(doc.Targets, t)
	}
	for _, v := range r.Plan.Graph.Vertices {
		doc.Vertices = append(doc.Vertices, vertexDocument(r, v, in))
	}
	for _, u := range r.Unmatched() {
		doc.Unmatched = append(doc.Unmatched, unmatchedDoc{u.Source, u.Vertex.Name, u.Range.Filename, u.Range.Start.Line, u.Fails})
	}
	for _, e := range r.Excess() {
		x := excessContext{Context: e.Name, ReadBytes: e.Read.Bytes, UnreadBytes: e.Unread.Bytes, UnreadFiles: e.Unread.Files}
		for _, c := range e.Culprits {
			x.Culprits = append(x.Culprits, culpritDoc{c.Path, c.Amount.Bytes, c.Amount.Files, c.Ignore()})
		}
		doc.Excess = append(doc.Excess, x)
	}
	for _, h := range r.Histories() {
		doc.Histories = append(doc.Histories, historyDoc{h.Context, h.Vertex.Name, h.Range.Filename, h.Range.Start.Line})
	}
	return writeJSON(w, doc)
}

func vertexDocument(r *inputs.Reads, v *planner.Vertex, in *inputs.Inputs) vertexInputs {
	out := vertexInputs{ID: v.ID, Kind: v.Kind.String(), Name: v.Name, Platform: v.Platform, Targets: v.Targets}
	for _, c := range r.Of(v) {
		d := contextDoc{Context: c.Name, Bytes: c.Bytes, Files: []fileDoc{}}
		for _, f := range c.Files {
			d.Files = append(d.Files, fileDocument(f))
		}
		out.Reads = append(out.Reads, d)
	}
	if in != nil {
		if d := in.Vertex(v); d != nil {
			out.digestDoc = digestDocument(d)
		}
	}
	return out
}

func fileDocument(f inputs.File) fileDoc {
	d := fileDoc{Path: f.Path, Type: fileType(f.Mode), Size: f.Size, Link: f.Link}
	d.Executable = f.Mode.IsRegular() && f.Mode&0o100 != 0
	switch {
	case !utf8.ValidString(f.Path):
		d.Path, d.PathBase64 = "", base64.StdEncoding.EncodeToString([]byte(f.Path))
	case f.Path == "":
		d.Path = "."
	}
	return d
}

func digestDocument(d *inputs.Digest) *digestDoc {
	out := &digestDoc{Digest: d.Sum, Image: d.Image, Classes: map[string]string{}}
	for _, o := range d.Open {
		out.Open = append(out.Open, openDoc{o.Why.String(), o.Text, o.Range.Filename, o.Range.Start.Line})
	}
	for _, c := range inputs.Classes() {
		if sum := d.Class(c); sum != "" {
			out.Classes[c.String()] = sum
		}
	}
	return out
}
