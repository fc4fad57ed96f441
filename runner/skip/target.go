package skip

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/inputs"
)

// Target is a target that may be skipped, and what is known of it before a run.
type Target struct {
	Build *planner.Build
	Skip  *config.Skip
	// Input is the key of its records; Publication and Image are its digests.
	Input, Publication, Image string
	// Refs are the tags that its outputs push, and Repos their repositories.
	Refs  []registry.Ref
	Repos []registry.Repo
	// Files are the files and folders that its outputs write.
	Files []Output
	// Platforms are those that it is built for.
	Platforms []string
	// Tests is the sum of its tests, "" if it has none.
	Tests string
	// Always is why it is built whatever records there are, or "". The record of
	// that build takes the place of an older one, so that the next run does not
	// go back to it.
	Always string

	key VerifyKey
}

// Output is a file that is written, or a folder.
type Output struct {
	Kind, Dest string
	Folder     bool
}

// Run is what holds for all targets of a run.
type Run struct {
	// BuildPlatform is the builder's.
	BuildPlatform string
	// Frontend is why the frontend of the digests may not be that of the build,
	// or "".
	Frontend string
	// Settings are what else a run decides of its images.
	Settings []string
	// Keys reads public keys; nil is ReadVerifyKey.
	Keys func(path string) (VerifyKey, error)
}

// Target describes a target by its digest. reason is why it is built without a
// record; the error is one of the definition.
func (r *Run) Target(b *planner.Build, d *digest.Target) (t *Target, reason string, err error) {
	t = &Target{Build: b, Skip: b.Target.Skip, Always: always(b, d)}
	if reason = r.unknown(d); reason != "" {
		return nil, cmp.Or(t.Always, reason), nil
	}
	if reason = t.addOutputs(); reason != "" {
		return nil, reason, nil
	}
	t.Publication, t.Image = d.Publication, d.Image
	// What a cache block has written into an image is not in the digest.
	inline := slices.ContainsFunc(b.CacheTo, func(c planner.Cache) bool { return c.Type == "inline" })
	more := append(slices.Clone(r.Settings), strconv.FormatBool(inline))
	if len(t.Refs) == 0 {
		more = append(more, t.written()...) // all records of this machine are in one place
	}
	t.Input = Input(d.Publication, more...)
	t.Platforms = b.Platforms
	if len(t.Platforms) == 0 {
		t.Platforms = []string{r.BuildPlatform}
	}
	if len(b.Target.Tests) > 0 {
		if t.Tests, err = sumOf(testsOf(b.Target)); err != nil {
			return nil, "", err
		}
	}
	if t.Skip.Signed {
		read := r.Keys
		if read == nil {
			read = ReadVerifyKey
		}
		if t.key, err = read(t.Skip.Key); err != nil {
			return nil, "", badKey(b, err)
		}
	}
	return t, "", nil
}

// badKey reports that the public key of a target cannot be used.
func badKey(b *planner.Build, err error) error {
	var report fault.Report
	report.Fail(b.Target.RangeOf("skip.key"), "The key of skip cannot be used", "%v.", err)
	return report.Diags
}

// unknown says why nobody can say what comes out of a target, or "".
func (r *Run) unknown(d *digest.Target) string {
	switch {
	case r.Frontend != "":
		return r.Frontend
	case d == nil:
		return "it has no digest"
	}
	for _, o := range d.Open {
		if o.Why != inputs.NoCache {
			return "its digest is open: " + o.Text
		}
	}
	return ""
}

// always says why a target is built although its digest says what comes out of
// it, or "".
func always(b *planner.Build, d *digest.Target) string {
	t := b.Target
	if t.Skip.Never {
		return "skip is off for it"
	}
	again := func(o inputs.Unpinned) bool { return o.Why == inputs.NoCache }
	if t.NoCache != nil && *t.NoCache || len(t.NoCacheFilter) > 0 || d != nil && slices.ContainsFunc(d.Open, again) {
		return "no-cache asks for a build"
	}
	return ""
}

// addOutputs notes what the outputs of a target write. It returns why that
// cannot be left out, or "".
func (t *Target) addOutputs() string {
	form := ""
	for _, o := range t.Build.Target.Outputs {
		switch {
		case o.Push && o.ByDigest:
			return "it is pushed by its digest alone"
		case o.Push:
			text := attributes(o)
			if form != "" && form != text {
				return "its images have several forms"
			}
			form = text
			if err := t.addRefs(o); err != nil {
				return err.Error()
			}
		case o.Form == config.FileForm && o.Dest != "-" && o.Dest != "":
			t.Files = append(t.Files, Output{Kind: o.Type + " " + attributes(o), Dest: o.Dest})
		case o.Delete:
			return "its output deletes files"
		case o.Form == config.FolderForm && holdsProject(o.Dest):
			return "its output is a folder that holds the project"
		case o.Form == config.FolderForm && o.Dest != "":
			t.Files = append(t.Files, Output{Kind: o.Type + " " + attributes(o), Dest: o.Dest, Folder: true})
		case o.Form == config.EngineForm:
			return "it is loaded into an engine"
		case o.Dest == "-":
			return "its output goes to the standard output"
		default:
			return "its output is neither a pushed image nor a file or folder"
		}
	}
	if len(t.Refs)+len(t.Files) == 0 {
		return "it has no output"
	}
	return ""
}

// holdsProject says whether a folder holds the working directory: what is in it is
// not only what is built.
func holdsProject(dir string) bool {
	here, err := os.Getwd()
	if err != nil {
		return true
	}
	full, err := filepath.Abs(dir)
	if err != nil {
		return true
	}
	rel, err := filepath.Rel(full, here)
	return err != nil || filepath.IsLocal(rel)
}

// addRefs notes the tags that an output pushes.
func (t *Target) addRefs(o config.Output) error {
	names := t.Build.Target.Tags
	if len(names) == 0 {
		names = o.Names
	}
	for _, name := range names {
		ref, err := registry.Name{Text: strings.TrimSpace(name), Insecure: o.Insecure}.Parse()
		if err != nil {
			return err
		}
		if strings.Contains(ref.Tag, ":") {
			return fmt.Errorf("it is pushed to %s, which is a digest", name)
		}
		if !slices.Contains(t.Refs, ref) {
			t.Refs = append(t.Refs, ref)
		}
		if !slices.Contains(t.Repos, ref.Repo) {
			t.Repos = append(t.Repos, ref.Repo)
		}
	}
	return nil
}

// attributes are those of an output that say what it is, and not where.
func attributes(o config.Output) string {
	var b strings.Builder
	b.WriteString(strconv.FormatBool(o.DockerTypes))
	for _, k := range slices.Sorted(maps.Keys(o.Attrs)) {
		if !slices.Contains([]string{"dest", "name", "push", "registry.insecure"}, k) {
			fmt.Fprintf(&b, " %q=%q", k, o.Attrs[k])
		}
	}
	return b.String()
}

// testsOf are the tests of a target, without where they are written.
func testsOf(t *config.Target) []config.Test {
	var out []config.Test
	for _, test := range t.Tests {
		one := *test
		one.Range = config.Test{}.Range
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b config.Test) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func sumOf(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// lanes are whose records a target reads, its own first.
func (t *Target) lanes() []string {
	own, main := t.lane(), planner.LaneName(t.Skip.Main, true)
	if own == main {
		return []string{own}
	}
	return []string{own, main}
}

// lane is whose records it writes.
func (t *Target) lane() string { return planner.LaneName(t.Skip.Lane, t.Skip.Trusted) }

// written says what its outputs write, and where.
func (t *Target) written() []string {
	var out []string
	for _, f := range t.Files {
		full, err := filepath.Abs(f.Dest)
		if err != nil {
			full = f.Dest
		}
		out = append(out, f.Kind, full)
	}
	return out
}

// filesAsRecorded says why the files of a target are not those of a record, or
// nil.
func (t *Target) filesAsRecorded(r *Record) error {
	for _, f := range t.Files {
		i := slices.IndexFunc(r.Files, func(have File) bool { return have.Kind == f.Kind })
		if i < 0 {
			return fmt.Errorf("its record has no sum of %s", f.Dest)
		}
		sum, err := f.sum()
		switch {
		case os.IsNotExist(err):
			return fmt.Errorf("%s is not there", f.Dest)
		case err != nil:
			return err
		case sum != r.Files[i].Sum:
			return fmt.Errorf("%s is not as that build wrote it", f.Dest)
		}
	}
	return nil
}

func sumFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
