package load

import (
	"os"
	"testing"
)

// TestResolveUnchanged resolves a definition with the options as they are.
func TestResolveUnchanged(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("build.hcl", []byte("target \"default\" {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	l := &Loader{Machine: Machine{LookupEnv: os.LookupEnv, Environ: os.Environ, Compose: func(func(string) error) ComposeReader { return nil }}}
	d, err := l.Resolve(t.Context(), nil)
	if err != nil || d.Diags.HasErrors() || len(d.Config.Targets) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
}
