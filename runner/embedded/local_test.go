//go:build linux

package embedded

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/tonistiigi/fsutil"
)

// A step that copies a whole folder has the same key before and after another step is
// built on top of that folder.
func TestFolderKeepsDigests(t *testing.T) {
	c := dial(t, ensure(t, newOptions(t)))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	fs, err := fsutil.NewFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	folder := llb.Local("busybox")
	copied := llb.Scratch().File(llb.Copy(folder, "/", "/"), llb.WithCustomName("copy"))
	based := folder.File(llb.Mkdir("/made", 0o755), llb.WithCustomName("based"))
	ran := func(states ...llb.State) (names []string) {
		t.Helper()
		statuses, done := make(chan *client.SolveStatus), make(chan struct{})
		go func() {
			defer close(done)
			for s := range statuses {
				for _, v := range s.Vertexes {
					if v.Completed != nil && !v.Cached && (v.Name == "copy" || v.Name == "based") {
						names = append(names, v.Name)
					}
				}
			}
		}()
		_, err := c.Build(context.Background(), client.SolveOpt{LocalMounts: map[string]fsutil.FS{"busybox": fs}}, "", func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
			for _, st := range states {
				def, err := st.Marshal(ctx)
				if err != nil {
					return nil, err
				}
				if _, err := gw.Solve(ctx, gateway.SolveRequest{Definition: def.ToPB(), Evaluate: true}); err != nil {
					return nil, err
				}
			}
			return gateway.NewResult(), nil
		}, statuses)
		<-done
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if got := ran(copied); len(got) != 1 {
		t.Fatalf("at first ran %q", got)
	}
	if got := ran(based, copied); len(got) != 1 || got[0] != "based" {
		t.Errorf("built on top of the folder first, ran %q; want only the step on top", got)
	}
}
