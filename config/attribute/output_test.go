package attribute

import (
	"slices"
	"strings"
	"testing"

	"github.com/orch-build/orch/config/spec"
)

// outputFacts are the names of what is so of an output.
func outputFacts(o spec.Output) string {
	var out []string
	for name, is := range map[string]bool{
		"push": o.Push, "digest": o.ByDigest, "insecure": o.Insecure, "delete": o.Delete, "docker": o.DockerTypes, "inlined": o.Inlined,
		"image": o.Form == spec.ImageForm, "file": o.Form == spec.FileForm, "folder": o.Form == spec.FolderForm, "engine": o.Form == spec.EngineForm,
	} {
		if is {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	for _, name := range o.NotBool {
		out = append(out, "!"+name)
	}
	return strings.Join(out, " ")
}

// TestNewOutput says what BuildKit makes of the ways to write true and false.
func TestNewOutput(t *testing.T) {
	for text, want := range map[string]string{
		"type=image":                           "image",
		"type=image,push=true":                 "image push",
		"type=image,push=1":                    "image push",
		"type=image,push=T":                    "image push",
		"type=image,PUSH=TRUE":                 "image push",
		"type=image,push=":                     "image push",
		"type=image,push=f":                    "image",
		"type=image,push=False":                "image",
		"type=image,push=yes":                  "image !push",
		"type=image,push= true":                "image !push",
		"type=image,push=tRUE":                 "image !push",
		"type=registry":                        "image push",
		"type=registry,push=false":             "image push",
		"type=registry,push-by-digest=1":       "digest image push",
		"type=registry,registry.insecure=t":    "image insecure push",
		"type=registry,registry.insecure=":     "image insecure push",
		"type=image,oci-mediatypes=0":          "docker image",
		"type=image,oci-mediatypes=F":          "docker image",
		"type=image,oci-mediatypes=":           "image !oci-mediatypes",
		"type=oci,dest=x,attestation-inline=1": "file inlined",
		"type=oci,dest=x":                      "file",
		"type=oci,dest=x,tar=":                 "file",
		"type=oci,dest=x,tar=1":                "file",
		"type=oci,dest=x,tar=0":                "folder",
		"type=oci,dest=x,tar=F":                "folder",
		"type=oci,dest=x,tar=no":               "file !tar",
		"type=docker":                          "engine",
		"type=docker,dest=x":                   "file",
		"type=docker,dest=x,tar=FALSE":         "folder",
		"type=tar,dest=x":                      "file",
		"type=local,dest=x":                    "folder",
		"type=local,dest=x,mode=delete":        "delete folder",
		"type=local,dest=x,mode= DELETE ":      "delete folder",
		"type=local,dest=x,mode=copy":          "folder",
		"type=local,dest=x,push=maybe":         "folder !push",
		"type=cacheonly,push=maybe":            "",
		"type=image,unpack=yes,store=no":       "image !store !unpack",
	} {
		entries, err := ParseOutput(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := outputFacts(spec.NewOutput(entries[0])); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestNewCacheEntry(t *testing.T) {
	for text, want := range map[string]string{
		"registry.insecure=1":         "insecure",
		"registry.insecure=TRUE":      "insecure",
		"registry.insecure=0":         "",
		"registry.insecure=":          " registry.insecure",
		"ignore-error=":               "",
		"ignore-error=perhaps":        " ignore-error",
		"force-compression=":          "",
		"image-manifest=yes,reset=no": " image-manifest reset",
		"use_path_style=on":           " use_path_style",
	} {
		entries, err := ParseCaches("type=registry,ref=r," + text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		c := spec.NewCacheEntry(entries[0])
		got := strings.Join(append([]string{""}, c.NotBool...), " ")
		if c.Insecure {
			got = "insecure" + got
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestNewAttest(t *testing.T) {
	for text, want := range map[string]spec.Attest{
		"type=sbom,disabled=1":              {Disabled: true},
		"type=sbom,Disabled=F":              {},
		"type=provenance,inline-only=t":     {InlineOnly: true},
		"type=provenance,inline-only=":      {},
		"type=provenance,reproducible=ja":   {NotBool: []string{"reproducible"}},
		"type=provenance,capture-usage=":    {},
		"type=provenance,capture-usage=oui": {NotBool: []string{"capture-usage"}},
	} {
		entries, err := ParseAttest(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := spec.NewAttest(entries[0])
		if got.Disabled != want.Disabled || got.InlineOnly != want.InlineOnly || !slices.Equal(got.NotBool, want.NotBool) {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

func TestParsePlatforms(t *testing.T) {
	for text, want := range map[string]string{
		"linux/arm64/v8":              "linux/arm64",
		"linux/arm64":                 "linux/arm64",
		"linux/aarch64":               "linux/arm64",
		"linux/x86_64,linux/arm":      "linux/amd64 linux/arm/v7",
		"LINUX/AMD64":                 "linux/amd64",
		"local":                       "local",
		"Local,linux/386":             "local linux/386",
		"windows(10.0.17763)/amd64":   "windows(10.0.17763)/amd64",
		"linux/amd64/v1":              "linux/amd64",
		"linux/amd64,":                "error",
		"a/b/c/d":                     "error",
		" linux/amd64":                "error",
		"linux/amd64/v2, linux/arm64": "error",
	} {
		got := "error"
		if list, err := spec.ParsePlatforms([]string{text}); err == nil {
			var names []string
			for _, p := range list {
				names = append(names, p.String())
			}
			got = strings.Join(names, " ")
		} else if !strings.Contains(err.Error(), "is not a platform") {
			t.Errorf("%s: %v", text, err)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
