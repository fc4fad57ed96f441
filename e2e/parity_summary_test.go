//go:build linux

package e2e

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// summary writes down everything that a run left: the metadata file, the
// images in the registry, and the files under out. What must differ between
// two runs, which is times, ids and addresses, is left out.
func (r *parityRun) summary(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	r.metadata(t, &out)
	entries, err := os.ReadDir(filepath.Join(r.dir, "out"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(r.dir, "out", e.Name())
		fmt.Fprintf(&out, "\nout/%s\n", e.Name())
		r.output(t, &out, path, e.IsDir())
	}
	return out.String()
}

// output describes one file or folder that was written.
func (r *parityRun) output(t *testing.T, out *strings.Builder, path string, isDir bool) {
	t.Helper()
	files := map[string][]byte{}
	if isDir {
		readTree(t, path, files, out)
	} else {
		readArchive(t, path, files, out)
	}
	if index, ok := files["index.json"]; ok {
		b := &blobs{read: func(d ocispecs.Descriptor) ([]byte, error) {
			return files["blobs/"+d.Digest.Algorithm().String()+"/"+d.Digest.Encoded()], nil
		}, run: r}
		b.manifest(t, out, "  ", "index.json", index)
	}
	if m, ok := files["manifest.json"]; ok {
		fmt.Fprintf(out, "  manifest.json %s\n", r.plain(string(m)))
	}
}

// volatile matches the parts of an archive that name content by its digest;
// what they hold is described by following the manifests.
var volatile = regexp.MustCompile(`^(blobs/|index\.json$|manifest\.json$)`)

func (r *parityRun) metadata(t *testing.T, out *strings.Builder) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.dir, "metadata.json"))
	if err != nil {
		t.Fatal(err)
	}
	var targets map[string]map[string]any
	if err := json.Unmarshal(data, &targets); err != nil {
		t.Fatal(err)
	}
	for _, target := range sortedKeys(targets) {
		md := targets[target]
		fmt.Fprintf(out, "target %s\n", target)
		for _, key := range sortedKeys(md) {
			switch {
			case strings.HasPrefix(key, "buildx.build.provenance"):
				data, err := json.Marshal(md[key])
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(out, "  %s\n%s", key, r.statement(t, "    ", data))
			case key == "buildx.build.ref", strings.HasPrefix(key, "orch."):
			case key == "image.name":
				fmt.Fprintf(out, "  %s %s\n", key, r.plain(fmt.Sprint(md[key])))
			default:
				fmt.Fprintf(out, "  %s\n", key)
			}
		}
		if names, ok := md["image.name"].(string); ok {
			for n := range strings.SplitSeq(names, ",") {
				r.pushed(t, out, n, md)
			}
		}
	}
}

// layersLine is of what a builder says of the layers that it has as blobs by then, in an
// attestation and in its history, which depends on what else it exports at that time.
var layersLine = regexp.MustCompile(`(?m)^ *"layers": "…",\n`)

// pushed describes an image of the registry.
func (r *parityRun) pushed(t *testing.T, out *strings.Builder, image string, md map[string]any) {
	t.Helper()
	ref, err := name.ParseReference(image, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(out, "  pushed %s\n", r.plain(image))
	desc, err := remote.Get(ref)
	var missing *transport.Error
	if errors.As(err, &missing) && missing.StatusCode == http.StatusNotFound {
		fmt.Fprintln(out, "    no such tag")
		byDigest, err := name.NewDigest(ref.Context().Name()+"@"+fmt.Sprint(md["containerimage.digest"]), name.Insecure)
		if err != nil {
			return
		}
		if desc, err = remote.Get(byDigest); err != nil {
			fmt.Fprintln(out, "    not pushed")
			return
		}
	} else if err != nil {
		t.Fatal(err)
	}
	if d := md["containerimage.digest"]; d != desc.Digest.String() {
		fmt.Fprintf(out, "    the metadata says %v\n", d)
	}
	b := &blobs{run: r, read: func(d ocispecs.Descriptor) ([]byte, error) {
		layer, err := remote.Layer(ref.Context().Digest(d.Digest.String()))
		if err != nil {
			return nil, err
		}
		if strings.Contains(d.MediaType, "manifest") || strings.Contains(d.MediaType, "index") {
			got, err := remote.Get(ref.Context().Digest(d.Digest.String()))
			if err != nil {
				return nil, err
			}
			return got.Manifest, nil
		}
		rc, err := layer.Compressed()
		if err != nil {
			return nil, err
		}
		defer rc.Close()
		return io.ReadAll(rc)
	}}
	b.manifest(t, out, "    ", desc.Digest.String(), desc.Manifest)
}

// blobs follows manifests to what they name.
type blobs struct {
	run  *parityRun
	read func(ocispecs.Descriptor) ([]byte, error)
}

// manifest describes an index or a manifest with everything below it.
func (b *blobs) manifest(t *testing.T, out *strings.Builder, indent, digest string, data []byte) {
	t.Helper()
	var m struct {
		MediaType    string
		ArtifactType string
		Manifests    []ocispecs.Descriptor
		Config       *ocispecs.Descriptor
		Layers       []ocispecs.Descriptor
		Subject      *ocispecs.Descriptor
		Annotations  map[string]string
	}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatalf("%s: %v", digest, err)
	}
	attestation := m.Config != nil && len(m.Layers) > 0 && strings.Contains(m.Layers[0].MediaType, "in-toto")
	switch {
	case m.Config == nil:
		fmt.Fprintf(out, "%sindex %s%s\n", indent, m.MediaType, notes(m.Annotations))
		for _, d := range m.Manifests {
			platform := ""
			if d.Platform != nil {
				platform = d.Platform.OS + "/" + d.Platform.Architecture + d.Platform.Variant
			}
			delete(d.Annotations, "org.opencontainers.image.created")
			fmt.Fprintf(out, "%s  %s %s%s\n", indent, platform, d.MediaType, b.run.plain(notes(d.Annotations)))
			inner, err := b.read(d)
			if err != nil {
				t.Fatal(err)
			}
			b.manifest(t, out, indent+"    ", d.Digest.String(), inner)
		}
	case attestation:
		fmt.Fprintf(out, "%sattestation %s %s%s subject=%t\n", indent, m.MediaType, m.ArtifactType, notes(m.Annotations), m.Subject != nil)
		for _, l := range m.Layers {
			fmt.Fprintf(out, "%s  %s%s\n", indent, l.MediaType, notes(l.Annotations))
			data, err := b.read(l)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(out, b.run.statement(t, indent+"    ", data))
		}
	default:
		fmt.Fprintf(out, "%smanifest %s %s%s\n", indent, digest, m.MediaType, notes(m.Annotations))
		fmt.Fprintf(out, "%s  config %s %s\n", indent, m.Config.Digest, m.Config.MediaType)
		config, err := b.read(*m.Config)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(out, "%s    %s\n", indent, b.run.plain(strings.TrimSpace(string(config))))
		for _, l := range m.Layers {
			fmt.Fprintf(out, "%s  layer %s %s%s\n", indent, l.Digest, l.MediaType, notes(l.Annotations))
		}
	}
}

func notes(m map[string]string) string {
	var out strings.Builder
	for _, k := range sortedKeys(m) {
		v := m[k]
		if k == "vnd.docker.reference.digest" {
			v = "…"
		}
		fmt.Fprintf(&out, " %s=%s", k, v)
	}
	return out.String()
}

// plain takes what differs between two runs out of a text.
func (r *parityRun) plain(text string) string {
	return strings.NewReplacer(
		r.git, "GIT", r.http, "HTTP",
		r.repo, "REPO", shared.registry, "REGISTRY",
		url.QueryEscape(shared.registry)+strings.TrimPrefix(r.repo, shared.registry), "REPO", url.QueryEscape(shared.registry), "REGISTRY",
	).Replace(text)
}

// statement is an attestation without times and ids.
func (r *parityRun) statement(t *testing.T, indent string, data []byte) string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	strip(v)
	out, err := json.MarshalIndent(v, indent, "  ")
	if err != nil {
		t.Fatal(err)
	}
	return layersLine.ReplaceAllString(indent+r.plain(string(out))+"\n", "")
}

// unstable are the keys of a statement that hold times and ids: those of the
// run, and of a subject that was made at a time. The steps of a definition in
// max mode are named by the session that they read from.
var unstable = []string{
	"invocationId", "startedOn", "finishedOn", "buildInvocationID", "buildStartedOn", "buildFinishedOn",
	"sha256:mapping", "buildConfig", "llbDefinition", "digestMapping", "layers", "source", "sourceMapping",
}

func strip(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range unstable {
			if _, ok := v[k]; ok {
				v[k] = "…"
			}
		}
		if args, ok := v["args"].(map[string]any); ok {
			stripTransport(args)
		}
		// What the builder has measured is in its history only.
		for _, k := range []string{"locals", "inputs", "root", "sysUsage"} {
			delete(v, k)
		}
		for _, inner := range v {
			strip(inner)
		}
	case []any:
		for _, inner := range v {
			strip(inner)
		}
	}
}

// stripTransport removes the arguments that say by which way contexts came to
// the builder: bake sends each target's, orch has them there already.
func stripTransport(args map[string]any) {
	for k, v := range args {
		text, _ := v.(string)
		switch {
		case k == "frontend.caps", k == "cmdline", k == "dockerfilekey", strings.HasPrefix(k, "local-sessionid:"), strings.HasPrefix(k, "sharedkey:"),
			strings.HasPrefix(k, "input-metadata:"), strings.HasPrefix(k, "input:"):
			delete(args, k)
		case strings.HasPrefix(k, "context:") && (strings.HasPrefix(text, "local:") || strings.HasPrefix(text, "input:")):
			delete(args, k)
		case strings.HasPrefix(text, "oci-layout://"):
			args[k] = "oci-layout://…"
		}
	}
}

// readTree reads a folder and describes each file.
func readTree(t *testing.T, dir string, files map[string][]byte, out *strings.Builder) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var data []byte
		link := ""
		switch {
		case d.Type().IsRegular():
			if data, err = os.ReadFile(path); err != nil {
				return err
			}
			files[rel] = data
		case d.Type()&fs.ModeSymlink != 0:
			if link, err = os.Readlink(path); err != nil {
				return err
			}
		}
		describe(out, rel, info.Mode(), info.ModTime().Unix(), link, data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// readArchive reads a tar file and describes each entry.
func readArchive(t *testing.T, path string, files map[string][]byte, out *strings.Builder) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tr := tar.NewReader(bytes.NewReader(raw))
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = data
		describe(out, h.Name, h.FileInfo().Mode(), h.ModTime.Unix(), h.Linkname, data)
	}
}

func describe(out *strings.Builder, path string, mode fs.FileMode, mtime int64, link string, data []byte) {
	if volatile.MatchString(path) {
		return
	}
	when := "now"
	if mtime <= epoch {
		when = fmt.Sprint(mtime)
	}
	fmt.Fprintf(out, "  %s %s %s", mode, when, path)
	if link != "" {
		fmt.Fprintf(out, " -> %s", link)
	}
	switch {
	case mode.IsRegular() && strings.HasSuffix(path, ".json"):
		fmt.Fprint(out, " (JSON)")
	case mode.IsRegular() && len(data) < 200:
		fmt.Fprintf(out, " %q", data)
	case mode.IsRegular():
		fmt.Fprintf(out, " sha256:%x", sha256.Sum256(data))
	}
	fmt.Fprintln(out)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
