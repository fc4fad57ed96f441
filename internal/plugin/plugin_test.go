package plugin

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		argv string
		want Call
	}{
		{"orch bake api", Call{Args: []string{"bake", "api"}}},
		{"/usr/bin/orch", Call{}},
		{"docker-orch docker-cli-plugin-metadata", Call{Plugin: Orch, Metadata: true}},
		{"docker-orch orch bake api", Call{Plugin: Orch, Args: []string{"bake", "api"}}},
		{"docker-orch.exe orch plan", Call{Plugin: Orch, Args: []string{"plan"}}},
		{"docker-orch bake orch", Call{Plugin: Orch, Args: []string{"bake", "orch"}}},
		{"docker-orch --context far -D --config=/c orch bake orch", Call{Plugin: Orch, Args: []string{"bake", "orch"}, Env: map[string]string{
			"DOCKER_CONTEXT": "far", "DOCKER_CONFIG": "/c"}}},
		{"docker-orch __complete orch bake a", Call{Plugin: Orch, Args: []string{"__complete", "bake", "a"}}},
		{"docker-buildx docker-cli-plugin-metadata", Call{Plugin: Buildx, Metadata: true}},
		{"docker-buildx buildx bake --push", Call{Plugin: Buildx, Args: []string{"bake", "--push"}}},
		{"docker-buildx bake --file - --progress rawjson", Call{Plugin: Buildx, Args: []string{"bake", "--file", "-", "--progress", "rawjson"}}},
		{"docker-buildx -H tcp://x:1 buildx --builder ci bake a", Call{Plugin: Buildx, Args: []string{"bake", "--builder", "ci", "a"},
			Env: map[string]string{"DOCKER_HOST": "tcp://x:1"}}},
		{"docker-buildx buildx -D --builder=ci bake", Call{Plugin: Buildx, Args: []string{"bake", "--builder", "ci"}}},
		{"docker-buildx buildx build .", Call{Plugin: Buildx, Elsewhere: true}},
		{"docker-buildx buildx ls", Call{Plugin: Buildx, Elsewhere: true}},
		{"docker-buildx buildx version", Call{Plugin: Buildx, Elsewhere: true, Version: true}},
		{"docker-buildx version", Call{Plugin: Buildx, Elsewhere: true, Version: true}},
		{"docker-buildx build version", Call{Plugin: Buildx, Elsewhere: true}},
		{"docker-buildx build -f bake .", Call{Plugin: Buildx, Elsewhere: true}},
		{"docker-buildx buildx", Call{Plugin: Buildx, Elsewhere: true}},
		{"docker-buildx", Call{Plugin: Buildx, Elsewhere: true}},
		{"docker-buildx --tlsverify buildx bake", Call{Plugin: Buildx, Elsewhere: true}},
		{"docker-compose up", Call{Args: []string{"up"}}},
	} {
		got := Read(strings.Fields(tt.argv))
		if got.Version != tt.want.Version {
			t.Errorf("%s asks for the version: %t", tt.argv, got.Version)
		}
		if got.Elsewhere && tt.want.Elsewhere {
			continue
		}
		if got.Plugin != tt.want.Plugin || got.Metadata != tt.want.Metadata || got.Elsewhere != tt.want.Elsewhere ||
			!slices.Equal(got.Args, tt.want.Args) || !maps.Equal(got.Env, tt.want.Env) {
			t.Errorf("%s is read as %+v, want %+v", tt.argv, got, tt.want)
		}
	}
}

func TestMetadata(t *testing.T) {
	for _, tt := range []struct{ name, real, version, short string }{
		{Orch, "", "v1.2.3", "Build many image targets at once (orch)"},
		{Buildx, "", bakeVersion, "Docker Buildx (only bake, which is orch's)"},
		{Buildx, `{"Version": "v0.40.0"}`, "v0.40.0", "Docker Buildx (bake is orch's)"},
		{Buildx, `no JSON`, bakeVersion, "Docker Buildx (only bake, which is orch's)"},
	} {
		var m metadata
		if err := json.Unmarshal(Metadata(tt.name, "v1.2.3", []byte(tt.real)), &m); err != nil {
			t.Fatal(err)
		}
		if m.SchemaVersion != "0.1.0" || m.Vendor == "" || m.Version != tt.version || m.ShortDescription != tt.short {
			t.Errorf("%s with %q is %+v", tt.name, tt.real, m)
		}
	}
}

// What was there comes back as it was.
func TestInstallAndRemove(t *testing.T) {
	dir := t.TempDir()
	self := filepath.Join(dir, "orch")
	write(t, self, "orch")
	p := Places{Own: filepath.Join(dir, "own"), Kept: filepath.Join(dir, "kept"), System: []string{filepath.Join(dir, "system")}}
	system := program(p.System[0], Buildx)
	write(t, system, "of the system")
	theirs := program(p.Own, Buildx)
	write(t, theirs, "of the user")

	path, kept, err := p.Install(Buildx, self)
	if err != nil || !kept || path != theirs || p.Installed(Buildx, self) != theirs {
		t.Fatalf("installed at %q, kept %t, %v", path, kept, err)
	}
	if got := read(t, path); got != "orch" {
		t.Errorf("the plugin is %q", got)
	}
	if got := read(t, p.Real(Buildx, self)); got != "of the user" {
		t.Errorf("the real plugin is %q", got)
	}
	if _, kept, err := p.Install(Buildx, self); err != nil || kept {
		t.Errorf("a second time: kept %t, %v", kept, err)
	}
	removed, restored, err := p.Remove(Buildx, self)
	if err != nil || !removed || !restored || read(t, theirs) != "of the user" {
		t.Errorf("removed %t, restored %t, %v; there is %q", removed, restored, err, read(t, theirs))
	}
	if _, err := os.Lstat(p.Kept); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder of what is kept: %v", err)
	}
	if _, _, err := p.Remove(Buildx, self); !errors.Is(err, ErrOther) || read(t, theirs) != "of the user" {
		t.Errorf("taking another plugin away: %v", err)
	}
}

// docker looks into the extra folders of its configuration before that of the user.
func TestExtraFolders(t *testing.T) {
	dir := t.TempDir()
	self := filepath.Join(dir, "orch")
	write(t, self, "orch")
	p := PlacesOf(dir, []string{filepath.Join(dir, "none"), filepath.Join(dir, "extra")})
	p.System = nil // what this machine has
	says, err := p.Installing(Buildx, self)
	if err != nil || strings.Contains(says, "still runs") || p.Real(Buildx, self) != "" {
		t.Errorf("%v: %s", err, says)
	}
	theirs := program(p.First[1], Buildx)
	write(t, theirs, "theirs")
	says, err = p.Installing(Buildx, self)
	if err != nil || !strings.Contains(says, "docker still runs "+theirs+": ") || p.Real(Buildx, self) != theirs {
		t.Errorf("%v: %s", err, says)
	}
}

func TestInstallIntoNothing(t *testing.T) {
	dir := t.TempDir()
	self := filepath.Join(dir, "orch")
	write(t, self, "orch")
	p := Places{Own: filepath.Join(dir, "a", "own"), Kept: filepath.Join(dir, "kept")}
	if removed, restored, err := p.Remove(Orch, self); removed || restored || err != nil {
		t.Errorf("removing what is not there: %t, %t, %v", removed, restored, err)
	}
	path, kept, err := p.Install(Orch, self)
	if err != nil || kept || p.Real(Orch, self) != "" {
		t.Fatalf("kept %t, %v", kept, err)
	}
	// An orch that has moved leaves a link to nothing, which is replaced.
	moved := filepath.Join(dir, "moved", "orch")
	write(t, moved, "orch")
	if err := os.Remove(self); err != nil {
		t.Fatal(err)
	}
	if _, kept, err := p.Install(Orch, moved); err != nil || kept || read(t, path) != "orch" {
		t.Errorf("in place of a link to nothing: kept %t, %v", kept, err)
	}
	if removed, restored, err := p.Remove(Orch, moved); !removed || restored || err != nil {
		t.Errorf("removed %t, restored %t, %v", removed, restored, err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
