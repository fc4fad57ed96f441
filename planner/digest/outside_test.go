package digest

import (
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"

	"github.com/orch-build/orch/config/lock"
)

// TestOutsideOf reads what a builder's frontend has made: an image that it has looked
// up is locked by its tag, and one that is written with a digest by both.
func TestOutsideOf(t *testing.T) {
	sum, commit := "sha256:"+strings.Repeat("a", 64), strings.Repeat("c", 40)
	st := llb.Image("base:1@"+sum, llb.LinuxArm64).Run(llb.Shlex("make"), llb.LinuxArm64).Root()
	for _, from := range []llb.State{
		llb.Image("written:1@" + sum), llb.Image("untagged@" + sum), llb.Image("open"), llb.Local("context"),
		llb.Git("https://example.com/lib.git", "main"), llb.HTTP("https://example.com/file"), llb.HTTP("https://user:password@example.com/x"),
	} {
		st = st.File(llb.Copy(from, "/", "/"))
	}
	def, err := st.Marshal(t.Context(), llb.LinuxAmd64)
	if err != nil {
		t.Fatal(err)
	}
	held := lock.New(lock.FileName)
	held.Put(lock.Entry{Key: lock.Key{Kind: lock.Git, Name: "https://example.com/lib.git#main"}, Digest: commit})
	got := map[string]Outside{}
	for _, o := range OutsideOf([]*pb.Definition{def.ToPB()}, held, func(name, _ string) bool { return !strings.Contains(name, "written") }) {
		got[o.Key.String()] = o
	}
	for key, want := range map[string]string{
		"image docker.io/library/base:1":           sum,
		"image docker.io/library/written:1@" + sum: sum,
		"image docker.io/library/untagged@" + sum:  sum,
		"image docker.io/library/open:latest":      "",
		"git https://example.com/lib.git#main":     commit,
		"http https://example.com/file":            "",
		"http https://example.com/x":               "",
	} {
		if o, ok := got[key]; !ok || o.Digest != want {
			t.Errorf("%s: %q, there %t", key, o.Digest, ok)
		}
	}
	if len(got) != 7 {
		t.Errorf("%d sources: %v", len(got), got)
	}
	if p := got["image docker.io/library/base:1"].Platform; p != "linux/arm64" {
		t.Errorf("the platform is %q", p)
	}
	if src := got["git https://example.com/lib.git#main"].Source; !strings.HasSuffix(src, "#"+commit) {
		t.Errorf("the repository is taken as %s", src)
	}
	if got["http https://example.com/x"].Why == "" {
		t.Error("a URL with a password is not refused")
	}
}
