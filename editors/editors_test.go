package editors

import (
	"archive/zip"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/orch-build/orch/internal/need"
	"github.com/orch-build/orch/schema"
)

// TestVSCode runs the tests of the extension, packs it, and looks into the package.
// It fetches what the extension consists of.
func TestVSCode(t *testing.T) {
	if !need.Long() && !need.CI() {
		t.Skip("fetches packages; CI and ORCH_LONG_TESTS=1 run it")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		need.Missing(t, "npm")
	}
	dir := filepath.Join(t.TempDir(), "editors", "vscode")
	if err := os.CopyFS(dir, os.DirFS("vscode")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"LICENSE", "schema/build.schema.json"} {
		data, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, "..", "..", name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	npm := func(args ...string) ([]byte, error) {
		cmd := exec.Command("npm", args...)
		cmd.Dir = dir
		return cmd.CombinedOutput()
	}
	if out, err := npm("ci", "--no-audit", "--no-fund"); err != nil {
		t.Skipf("npm ci: %v\n%s", err, out)
	}
	for _, args := range [][]string{{"test"}, {"run", "package"}} {
		if out, err := npm(args...); err != nil {
			t.Fatalf("npm %v: %v\n%s", args, err, out)
		}
	}
	packed(t, filepath.Join(dir, "orch.vsix"))
}

// packed looks into a packed extension: what its manifest names is there.
func packed(t *testing.T, file string) {
	t.Helper()
	archive, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	read := func(name string) []byte {
		f, err := archive.Open(name)
		if err != nil {
			t.Errorf("the package: %v", err)
			return nil
		}
		defer f.Close()
		data, err := io.ReadAll(f)
		if err != nil {
			t.Error(err)
		}
		return data
	}
	var manifest struct {
		Main        string `json:"main"`
		Contributes struct {
			Languages, Grammars []map[string]any
			JSONValidation      []struct{ URL string }
		}
	}
	if err := json.Unmarshal(read("extension/package.json"), &manifest); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"extension.vsixmanifest", "[Content_Types].xml", "extension/README.md", "extension/LICENSE.txt",
		filepath.Join("extension", manifest.Main),
		filepath.Join("extension", manifest.Contributes.Languages[0]["configuration"].(string)),
		filepath.Join("extension", manifest.Contributes.Grammars[0]["path"].(string)),
	} {
		if len(read(name)) == 0 {
			t.Errorf("%s is not in the package", name)
		}
	}
	want, err := schema.JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	if string(read(filepath.Join("extension", manifest.Contributes.JSONValidation[0].URL))) != string(want) {
		t.Error("the JSON Schema of the package is another")
	}
}
