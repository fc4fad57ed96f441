package spec

import (
	"maps"
	"strings"
)

// Entry is one exporter, cache source, cache destination or attestation as it
// is written, in bake's form "type=registry,ref=…": a type and its attributes,
// which the builder gets. What orch itself has to know of them is read once,
// into Output, CacheEntry and Attest.
type Entry struct {
	Type  string
	Attrs map[string]string // without "type"
}

// Equal says whether two entries say the same.
func (e Entry) Equal(o Entry) bool { return e.Type == o.Type && maps.Equal(e.Attrs, o.Attrs) }

// Clone is a copy that may be changed.
func (e Entry) Clone() Entry { return Entry{Type: e.Type, Attrs: maps.Clone(e.Attrs)} }

// Form is what an exporter writes.
type Form int

const (
	// NoForm is nothing, or what only the builder knows.
	NoForm Form = iota
	// ImageForm is an image in the builder's store or in a registry.
	ImageForm
	// FileForm is one file, possibly the standard output.
	FileForm
	// FolderForm is a folder.
	FolderForm
	// EngineForm is an image in a Docker engine.
	EngineForm
)

// Output is one exporter of a target.
type Output struct {
	Entry
	Form Form
	// Dest is the file or folder to write, "-" for the standard output, or "".
	Dest string
	// Source is the part of the result to write; "" is all of it.
	Source string
	// Names are what the image is called if its target has no tags.
	Names []string
	// Push says that the image goes to a registry, ByDigest that it gets no tag
	// there, and Insecure that the registry may be reached without TLS.
	Push, ByDigest, Insecure bool
	// Mode says how a folder is written: "copy", "delete" or "". Delete says
	// that what is in it beforehand is deleted.
	Mode   string
	Delete bool
	// DockerTypes says that the image has Docker's media types, not OCI's.
	DockerTypes bool
	// Engine is the docker context of the engine that an image is loaded into; "" is
	// the current one.
	Engine string
	// Inlined says that an archive holds the attestations of an image in a store.
	Inlined bool
	// Timeless says that no file of an image has a later time than the one that is
	// given for all.
	Timeless bool
	// NotBool names the attributes that must be true or false and are neither.
	NotBool []string
}

// NewOutput reads an exporter. What it says of an attribute is what BuildKit
// makes of it.
func NewOutput(e Entry) Output {
	o := Output{
		Entry: e, Form: e.form(), Dest: e.Attrs["dest"], Source: e.Attrs["src"],
		Push:     e.Type == "registry" || e.Type == "image" && exporterFlags.on(e, "push"),
		ByDigest: exporterFlags.on(e, "push-by-digest"), Insecure: exporterFlags.on(e, "registry.insecure"),
		DockerTypes: exporterFlags.off(e, "oci-mediatypes"), Inlined: exporterFlags.on(e, "attestation-inline"),
		Timeless: exporterFlags.on(e, "rewrite-timestamp"),
	}
	if e.Type == "local" {
		o.Mode = word(e.Attrs["mode"])
		o.Delete = o.Mode == "delete"
	}
	if name := e.Attrs["name"]; name != "" {
		o.Names = strings.Split(name, ",")
	}
	if o.Form == EngineForm {
		o.Engine = e.Attrs["context"]
	}
	if e.Type != "cacheonly" {
		o.NotBool = exporterFlags.wrong(e)
	}
	return o
}

// form says what an exporter writes.
func (e Entry) form() Form {
	switch e.Type {
	case "image", "registry":
		return ImageForm
	case "local":
		return FolderForm
	case "tar":
		return FileForm
	case "oci", "docker":
		switch {
		case exporterFlags.off(e, "tar"):
			return FolderForm
		case e.Type == "docker" && e.Attrs["dest"] == "":
			return EngineForm
		}
		return FileForm
	}
	return NoForm
}

// CacheEntry is a cache that is read or written.
type CacheEntry struct {
	Entry
	// Insecure says that the registry may be reached without TLS.
	Insecure bool
	// NotBool names the attributes that must be true or false and are neither.
	NotBool []string
}

// NewCacheEntry reads a cache.
func NewCacheEntry(e Entry) CacheEntry {
	return CacheEntry{Entry: e, Insecure: cacheFlags.on(e, "registry.insecure"), NotBool: cacheFlags.wrong(e)}
}

// Attest is an attestation that is attached to the image, or kept away from it.
type Attest struct {
	Entry
	// Disabled says that there is to be none.
	Disabled bool
	// InlineOnly keeps it out of archives and folders.
	InlineOnly bool
	// NotBool names the attributes that must be true or false and are neither.
	NotBool []string
}

// NewAttest reads an attestation.
func NewAttest(e Entry) Attest {
	return Attest{Entry: e, Disabled: attestFlags.on(e, "disabled"), InlineOnly: attestFlags.on(e, "inline-only"), NotBool: attestFlags.wrong(e)}
}

// word is a value as BuildKit compares those for which case and blanks do not
// matter.
func word(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
