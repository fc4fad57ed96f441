package folder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBegin writes bundles into folders that are empty or have one, and leaves all
// others alone: also a project, which has a lock too.
func TestBegin(t *testing.T) {
	for names, want := range map[string]bool{
		"": true, "blobs/": true, "blobs/ orch.lock.hcl": true, "blobs/ orch.lock.hcl oci-layout": true,
		"blobs/ orch.lock.hcl oci-layout bundle:index.json": true, "blobs/ orch.lock.hcl oci-layout damaged:index.json": true,
		"blobs/ orch.lock.hcl bundle:index.json README": true, // somebody has put it there
		"orch.lock.hcl": false, "orch.lock.hcl build.hcl": false, "blobs/ build.hcl": false, "blobs/ orch.lock.hcl build.hcl": false,
		"bundle:index.json": false, "bundle:index.json orch.lock.hcl": false,
		"blobs/ oci-layout layout:index.json": false, "blobs/ oci-layout orch.lock.hcl layout:index.json": false,
	} {
		dir := t.TempDir()
		for _, name := range strings.Fields(names) {
			text := ""
			switch what, file, ok := strings.Cut(name, ":"); {
			case !ok:
			case what == "bundle":
				name, text = file, `{"manifests":[]}`
			case what == "layout":
				name, text = file, `{"manifests":[{"digest":"sha256:x"}]}`
			default:
				name, text = file, `{"mani`
			}
			make := func(path string) error { return os.WriteFile(path, []byte(text), 0o644) }
			if strings.HasSuffix(name, "/") {
				make = func(path string) error { return os.Mkdir(path, 0o755) }
			}
			if err := make(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Begin(dir)
		if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "is there and no bundle") {
			t.Errorf("%q: %v", names, err)
		}
	}
}
