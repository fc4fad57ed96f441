package load

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWordHint takes words that people write where a target is to be named.
func TestWordHint(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"build.hcl", "Dockerfile", "x/Dockerfile.dev", "x/prod.Containerfile", "own/docker-bake.hcl", "own/build.hcl", "ci/notes.txt", "odd/build.hcl/f"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	folder := `" is a folder: name a target; the folder that it is built from is its attribute "context".`
	recipe := `" is a file: name a target; its Dockerfile is its attribute "dockerfile".`
	for word, want := range map[string]string{
		".":                    `".` + folder,
		"./":                   `"./` + folder,
		"x":                    `"x` + folder,
		"./x/":                 `"./x/` + folder,
		"./odd":                `"./odd` + folder,
		"own":                  `"own" is a folder: run orch in it, or read its definition with -f own/build.hcl.`,
		"./own/":               `"./own/" is a folder: run orch in it, or read its definition with -f own/build.hcl.`,
		"Dockerfile":           `"Dockerfile` + recipe,
		"./x/Dockerfile.dev":   `"./x/Dockerfile.dev` + recipe,
		"x/prod.Containerfile": `"x/prod.Containerfile` + recipe,
		"build.hcl":            `"build.hcl" is a file: read it as the definition with -f build.hcl.`,
		"./own/build.hcl":      `"./own/build.hcl" is a file: read it as the definition with -f ./own/build.hcl.`,
		"ci/notes.txt":         `"ci/notes.txt" is a file: name a target.`,
		"./nothing":            "",
		"foo/bar":              "",
		"app:1.0":              "",
		"/dev/null":            "",
		"a\x00b":               "",
	} {
		if got := wordHint(osFiles{}, word); got != want {
			t.Errorf("wordHint(%q) = %s, want %s", word, got, want)
		}
	}
}
