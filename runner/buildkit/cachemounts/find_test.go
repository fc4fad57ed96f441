package cachemounts

import (
	"context"
	"testing"

	"github.com/moby/buildkit/client/llb"
)

// Mounts of one ID are one on a builder only if they begin with the same. For what is
// kept it is no matter which session brings that, and from which folder.
func TestFind(t *testing.T) {
	find := func(session, folder string) []*Mount {
		t.Helper()
		files := llb.Local(folder, llb.SessionID(session), llb.SharedKeyHint(folder), llb.FollowPaths([]string{folder}))
		cache := func(at, id string, from llb.State, more ...llb.MountOption) llb.RunOption {
			return llb.AddMount(at, from, append(more, llb.AsPersistentCacheDir(id, llb.CacheMountLocked))...)
		}
		owned := llb.Scratch().File(llb.Mkdir("/cache", 0o750, llb.WithUIDGID(3, 4)))
		st := llb.Scratch().Run(llb.Args([]string{"one"}), cache("/a", "/go", llb.Scratch()), cache("/b", "/go", files)).Root()
		st = st.Run(llb.Args([]string{"two"}), cache("/c", "/go", llb.Scratch()), cache("/d", "team//root/.npm", owned, llb.SourcePath("/cache"))).Root()
		def, err := st.Marshal(context.Background(), llb.LinuxArm64)
		if err != nil {
			t.Fatal(err)
		}
		found, err := Find(def.ToPB())
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	one, other := find("s1", "context-1"), find("s2", "context-2")
	if len(one) != 3 || len(other) != 3 {
		t.Fatalf("found %d and %d mounts, want 3", len(one), len(other))
	}
	bases := map[string]bool{}
	for _, m := range one {
		if m.Platform != "linux/arm64" {
			t.Errorf("%s: platform %q", m.ID, m.Platform)
		}
		bases[m.ID+m.Base] = true
		if m.ID == "go" && m.Base == "" && len(m.Steps) != 2 {
			t.Errorf("the empty one has %d steps, want 2", len(m.Steps))
		}
		if m.ID == "/root/.npm" && (m.Namespace != "team" || m.selector != "/cache") {
			t.Errorf("%+v", m)
		}
	}
	if len(bases) != 3 {
		t.Errorf("what mounts begin with is not told apart: %v", bases)
	}
	for _, m := range other {
		if !bases[m.ID+m.Base] {
			t.Errorf("%s: another session and folder make another mount of it", m.ID)
		}
	}
}

// IDs are those of the Dockerfile, also where the frontend reads them byte by byte.
func TestAsWritten(t *testing.T) {
	for id, want := range map[string]string{
		"go-build": "go-build", "": "", "/root/.npm": "/root/.npm",
		"odd/\u00c3\u00bc:x": "odd/ü:x", "\u00e4\u00b8\u00ad": "中",
		"ü": "ü", "中": "中", // of a frontend that reads characters
	} {
		if got := asWritten(id); got != want {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
}
