package plannertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
)

// Definition is the small form in which fixtures write a config.Config.
type Definition struct {
	BuildPlatform string
	Checks        bool
	Chosen        []string
	Targets       map[string]struct {
		Context    string
		Contexts   map[string]string
		Dockerfile string
		Inline     *string `json:"dockerfile-inline"`
		Target     string
		Args       map[string]string
		Volatile   map[string]string
		Tags       []string
		Platforms  []string
		Output     []config.Entry
		CacheFrom  []config.Entry `json:"cache-from"`
		CacheTo    []config.Entry `json:"cache-to"`
		Cache      *config.Cache
		Secrets    []config.Secret
		SSH        []config.SSH
		Network    string
		ExtraHosts map[string]string `json:"extra-hosts"`

		Annotations   []string
		Attest        []config.Entry
		NoCacheFilter []string `json:"no-cache-filter"`
	}
}

func readContext(s string) config.Context {
	c := config.Context{Raw: s}
	var ok bool
	if c.Value, ok = strings.CutPrefix(s, "target:"); ok {
		c.Kind = config.LinkedTarget
	} else if c.Value, ok = strings.CutPrefix(s, "docker-image://"); ok {
		c.Kind = config.Image
	} else if c.Value, ok = strings.CutPrefix(s, "oci-layout://"); ok {
		c.Kind = config.OCILayout
	} else if c.Value = s; strings.HasSuffix(s, ".git") || strings.Contains(s, ".git#") {
		c.Kind = config.Git
	} else if strings.HasPrefix(s, "http") {
		c.Kind = config.HTTP
	}
	return c
}

// find is the range of word in data after an offset.
func find(data []byte, from int, word string) fault.Range {
	i := bytes.Index(data[from:], []byte(word))
	if i < 0 {
		return fault.Range{Filename: "build.json"}
	}
	line := bytes.Count(data[:from+i], []byte("\n")) + 1
	begin := bytes.LastIndexByte(data[:from+i], '\n') + 1
	return fault.Range{
		Filename: "build.json",
		Start:    fault.Pos{Line: line, Column: from + i - begin + 1, Byte: from + i},
		End:      fault.Pos{Line: line, Column: from + i - begin + 1 + len(word), Byte: from + i + len(word)},
	}
}

// each reads written entries.
func each[T any](entries []config.Entry, read func(config.Entry) T) []T {
	out := make([]T, len(entries))
	for i, e := range entries {
		out[i] = read(e)
	}
	return out
}

// Platforms reads platforms.
func Platforms(texts ...string) []config.Platform {
	out, err := config.ParsePlatforms(texts)
	if err != nil {
		panic(err)
	}
	return out
}

// ReadDefinition reads a definition, with the places of its attributes.
func ReadDefinition(t testing.TB, data []byte) (*config.Config, Definition) {
	t.Helper()
	var d Definition
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		t.Fatalf("build.json: %v", err)
	}
	cfg := &config.Config{Chosen: d.Chosen, Sources: map[string][]byte{"build.json": data}}
	for _, name := range slices.Sorted(maps.Keys(d.Targets)) {
		in := d.Targets[name]
		at := find(data, 0, fmt.Sprintf("%q: {", name))
		if in.Context == "" {
			in.Context = "."
		}
		if in.Dockerfile == "" {
			in.Dockerfile = "Dockerfile"
		}
		target := &config.Target{
			Name: name, Range: at, Ranges: map[string]fault.Range{}, Context: readContext(in.Context),
			Contexts: map[string]config.Context{}, Dockerfile: in.Dockerfile, DockerfileInline: in.Inline,
			Stage: in.Target, Args: in.Args, ExtraHosts: in.ExtraHosts, Volatile: in.Volatile, Tags: in.Tags, Platforms: Platforms(in.Platforms...), Outputs: each(in.Output, config.NewOutput),
			CacheFrom: each(in.CacheFrom, config.NewCacheEntry), CacheTo: each(in.CacheTo, config.NewCacheEntry), Cache: in.Cache, Network: in.Network, Secrets: in.Secrets, SSH: in.SSH,
			Annotations: in.Annotations, Attest: each(in.Attest, config.NewAttest), NoCacheFilter: in.NoCacheFilter,
		}
		end := len(data)
		if i := bytes.Index(data[at.End.Byte:], []byte("\n    }")); i >= 0 {
			end = at.End.Byte + i
		}
		for _, attr := range []string{"context", "contexts", "dockerfile", "target", "platforms", "cache", "cache-to", "tags", "output", "args", "secrets", "ssh", "annotations", "no-cache-filter"} {
			if r := find(data[:end], at.End.Byte, fmt.Sprintf("%q:", attr)); r.Start.Line > 0 {
				target.Ranges[attr] = r
			}
		}
		for k, v := range in.Contexts {
			target.Contexts[k] = readContext(v)
			target.Ranges["contexts."+k] = find(data, at.End.Byte, fmt.Sprintf("%q", k))
		}
		cfg.Targets = append(cfg.Targets, target)
	}
	if cfg.Chosen == nil {
		cfg.Chosen = slices.Sorted(maps.Keys(d.Targets))
	}
	return cfg, d
}

// Archive returns the definition of a fixture, which is its build.json, and its
// files.
func Archive(t testing.TB, ar *txtar.Archive) (*config.Config, Definition, Files) {
	t.Helper()
	files := Files{}
	var build []byte
	for _, f := range ar.Files {
		if f.Name == "build.json" {
			build = f.Data
		}
		files[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	cfg, d := ReadDefinition(t, build)
	if d.BuildPlatform == "" {
		d.BuildPlatform = "linux/amd64"
	}
	return cfg, d, files
}
