package load

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/permission"
	"github.com/orch-build/orch/schema"
)

// allowDir makes a folder to work in, with symbolic links that leave it.
func allowDir(t *testing.T) (wd, outside string) {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	wd, outside = filepath.Join(root, "wd"), filepath.Join(root, "outside")
	for _, dir := range []string{filepath.Join(wd, "in"), filepath.Join(outside, "deep"), filepath.Join(root, "wd-other")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"out": outside, "new": filepath.Join(outside, "made"), "inner": "in", "loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(wd, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(outside, "file"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(wd)
	return wd, outside
}

// missingFlags resolves a target with those attributes, and returns the flags
// that it lacks.
func missingFlags(t *testing.T, r Request, attrs string) []string {
	t.Helper()
	f, diags := config.Parse("build.hcl", []byte("target \"a\" {\n"+attrs+"\n}\ntarget \"bb\" {}"), &config.Options{})
	opts := config.Options{All: true}
	for _, text := range r.Overrides {
		o, err := config.ParseOverride(text)
		if err != nil {
			t.Fatal(err)
		}
		opts.Overrides = append(opts.Overrides, o)
	}
	cfg, more := config.Resolve([]*schema.File{f}, opts)
	if diags = append(diags, more...); diags.HasErrors() {
		t.Fatal(diags)
	}
	granted, err := (&Loader{Request: r}).granted(nil)
	if err != nil {
		t.Fatal(err)
	}
	needs, err := permission.Of(cfg)
	if err != nil {
		t.Fatal(err)
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return permission.Flags(granted.Missing(needs), wd)
}

func TestAllow(t *testing.T) {
	allowDir(t)
	for _, test := range []struct {
		name, attrs string
		want        []string
	}{
		{"nothing", ``, nil},
		{"context", `context = "../outside"`, []string{"fs.read=../outside"}},
		{"far context", `context = "/etc"`, []string{"fs.read=/etc"}},
		{"context below the working directory", `context = "in"`, nil},
		{"link inside", `context = "inner"`, nil},
		{"link to the outside", `context = "out"`, []string{"fs.read=../outside"}},
		{"below a link", `context = "out/deep"`, []string{"fs.read=../outside/deep"}},
		{"sibling with the same beginning", `context = "../wd-other"`, []string{"fs.read=../wd-other"}},
		{"named context", `contexts = { x = "../outside", img = "docker-image://alpine" }`, []string{"fs.read=../outside"}},
		{"layout", `contexts = { x = "oci-layout://../outside:v1" }`, []string{"fs.read=../outside"}},
		{"layout by digest", `contexts = { x = "oci-layout://../outside:v1@sha256:0123" }`, []string{"fs.read=../outside"}},
		{"Dockerfile", `dockerfile = "../outside/Dockerfile"`, []string{"fs.read=../outside/Dockerfile"}},
		{"inline", `dockerfile-inline = "FROM scratch"`, nil},
		{"cache source", `cache-from = ["type=local,src=../outside"]`, []string{"fs.read=../outside"}},
		{"cache destination", `cache-to = ["type=local,dest=../outside"]`, []string{"fs.write=../outside"}},
		{"cache block", "cache {\ntype = \"local\"\nref = \"../outside\"\n}", []string{"fs=../outside"}},
		{"cache block that is only read", "cache {\ntype = \"local\"\nref = \"out/deep\"\nwhen = \"never\"\n}", []string{"fs.read=../outside/deep"}},
		{"cache block inside", "cache {\ntype = \"local\"\nref = \"in/cache\"\n}", nil},
		{"cache block in a registry", "cache {\ntype = \"registry\"\nref = \"example.com/outside\"\n}", nil},
		{"secret", `secret = ["id=x,src=../outside/file"]`, []string{"fs.read=../outside/file"}},
		{"secret of the environment", `secret = ["id=x,env=HOME"]`, nil},
		{"policy", `policy = [{ filename = "../outside/p.rego" }]`, []string{"fs.read=../outside/p.rego"}},
		{"output", `output = ["../outside/x/y"]`, []string{"fs.write=../outside/x/y"}},
		{"archive", `output = ["type=oci,dest=../outside/x.tar"]`, []string{"fs.write=../outside/x.tar"}},
		{"standard output", `output = ["type=oci,dest=-"]`, nil},
		{"link to nothing yet", `output = ["new"]`, []string{"fs.write=../outside/made"}},
		{"up behind a link", `output = ["out/../x"]`, []string{"fs.write=../x"}},
		{"read and written", "output = [\"../outside\"]\ncontexts = { x = \"../outside\" }", []string{"fs=../outside"}},
		{"one below another", `contexts = { x = "../outside", y = "out/deep" }`, []string{"fs.read=../outside"}},
		{"deletion", `output = ["type=local,dest=o,mode=delete"]`, []string{"buildx.local.delete"}},
		{"network", `network = "host"`, []string{"network.host"}},
		{"privileges", `entitlements = ["network.host", "security.insecure"]`, []string{"network.host", "security.insecure"}},
		{"devices", `entitlements = ["device"]`, []string{"device"}},
		{"device", `entitlements = ["device=vendor.com/gpu=all,optional"]`, []string{"device=vendor.com/gpu=all"}},
		{"agent", `ssh = ["default"]`, []string{"ssh"}},
		{"key", `ssh = ["default=../outside/key"]`, []string{"fs.read=../outside/key"}},
		{"git over ssh", `context = "git@example.com:x.git"`, []string{"ssh"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := missingFlags(t, Request{}, test.attrs)
			if !slices.Equal(got, test.want) {
				t.Fatalf("lacks %q, want %q", got, test.want)
			}
			// The flags that are printed are enough, and none is too many.
			if left := missingFlags(t, Request{Allow: got}, test.attrs); len(left) > 0 {
				t.Errorf("with %q it lacks %q", got, left)
			}
			for i := range got {
				if left := missingFlags(t, Request{Allow: slices.Delete(slices.Clone(got), i, i+1)}, test.attrs); len(left) == 0 {
					t.Errorf("%q is not needed", got[i])
				}
			}
		})
	}
}

// TestAllowOverrides holds that who types a path has granted it, but for
// contexts.
func TestAllowOverrides(t *testing.T) {
	allowDir(t)
	for set, want := range map[string]string{
		"a.output=type=tar,dest=../outside/x.tar": "",
		"a.cache-from=type=local,src=../outside":  "",
		"a.cache-to=type=local,dest=../outside":   "",
		"a.cache.ref=../outside":                  "",
		"a.secrets=id=x,src=../outside/file":      "",
		"a.secret+=id=x,src=../outside/file":      "",
		"a.entitlements=network.host":             "",
		"a.entitlement=network.host":              "",
		"a.entitlements=device":                   "device",
		"a.context=../outside":                    "fs.read=../outside",
		"a.contexts.x=../outside":                 "fs.read=../outside",
		"a.dockerfile=../outside/Dockerfile":      "fs.read=../outside/Dockerfile",
	} {
		attrs := ""
		if strings.HasPrefix(set, "a.cache.") {
			attrs = "cache {\ntype = \"local\"\n}"
		}
		if got := strings.Join(missingFlags(t, Request{Overrides: []string{set}}, attrs), " "); got != want {
			t.Errorf("--set %s lacks %q, want %q", set, got, want)
		}
	}
}

// TestAllowCleared holds that nothing is asked for what KEY= has taken away,
// and that what was typed and taken away again grants nothing.
func TestAllowCleared(t *testing.T) {
	allowDir(t)
	const attrs = `
  entitlements = ["security.insecure"]
  output       = ["type=tar,dest=../outside/x.tar"]
  secret       = ["id=x,src=../outside/file"]`
	for _, test := range []struct {
		set  []string
		want string
	}{
		{nil, "fs.read=../outside/file fs.write=../outside/x.tar security.insecure"},
		{[]string{"a.entitlement=", "*.output=", "?.secrets="}, ""},
		{[]string{"a.secrets=", "a.output=", "a.entitlement=network.host", "a.entitlements=", "a.network=host"}, "network.host"},
		{[]string{"a.secrets=", "a.output=", "a.entitlement=network.host", "*.entitlements=", "a.network=host"}, "network.host"},
		{[]string{"a.secrets=", "a.output=", "a.entitlements=", "a.entitlement+=network.host"}, ""},
		{[]string{"a.secrets=", "a.output=", "a.entitlement=network.host", "b*.entitlements="}, "security.insecure"},
	} {
		set := test.set
		if got := strings.Join(missingFlags(t, Request{Overrides: set}, attrs), " "); got != test.want {
			t.Errorf("--set %q lacks %q, want %q", set, got, test.want)
		}
	}
}

func TestAllowAnything(t *testing.T) {
	allowDir(t)
	attrs := "context = \"/etc\"\noutput = [\"../x\"]"
	if got := missingFlags(t, Request{Allow: []string{"fs=*"}}, attrs); len(got) > 0 {
		t.Errorf("lacks %q", got)
	}
	if got := missingFlags(t, Request{Allow: []string{"fs.read=*"}}, attrs); !slices.Equal(got, []string{"fs.write=../x"}) {
		t.Errorf("lacks %q", got)
	}
	// A grant for what does not exist yet is one.
	if got := missingFlags(t, Request{Allow: []string{"fs.write=../x/y", "fs.read=/"}}, `output = ["../x/y/z"]`); len(got) > 0 {
		t.Errorf("lacks %q", got)
	}
}
