package language

import (
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/language/lsp"
)

// enumerations are the values of attributes, and of keys of the objects that they
// hold. There may be others.
var enumerations = map[string][]string{
	"target.platforms": {
		"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/arm/v6", "linux/386", "linux/ppc64le", "linux/riscv64", "linux/s390x", "windows/amd64", "local",
	},
	"target.network":         {"default", "none", "host"},
	"target.call":            {"build", "check", "outline", "targets"},
	"target.entitlements":    {"network.host", "security.insecure", "device"},
	"target.context-modes":   {"git"},
	"target.output.type":     {"image", "registry", "docker", "oci", "local", "tar", "cacheonly"},
	"target.output.push":     {"true", "false"},
	"target.cache-from.type": cacheTypes,
	"target.cache-to.type":   cacheTypes,
	"target.cache-to.mode":   {"min", "max"},
	"target.attest.type":     {"provenance", "sbom"},
	"target.attest.mode":     {"min", "max"},
	"target.attest.disabled": {"true", "false"},
	"target.secret.type":     {"file", "env"},
	"cache.type":             {"registry", "local", "gha", "s3", "azblob", "none"},
	"cache.mode":             {"max", "min", "inline"},
	"cache.when":             {"always", "ci", "never"},
	"skip.mode":              {"proven", "never"},
	"skip.trust":             {"pushers", "key"},
	"skip.check":             {"sample", "full"},
}

var cacheTypes = []string{"registry", "local", "inline", "gha", "s3", "azblob"}

func enumeration(name string) []choice {
	var out []choice
	for _, v := range enumerations[name] {
		out = append(out, choice{label: v, kind: lsp.KindEnumMember})
	}
	return out
}

// gitFactDocs say what the values of git are.
var gitFactDocs = map[string]string{
	"sha": "The commit.", "short": "The first letters of the commit.", "tag": "The tag of the commit, or null.",
	"branch": "The branch, or null.", "dirty": "Whether files have changed since the commit.",
	"commit_time": "When the commit was made.", "root": "The folder of the repository.",
}

func gitFacts() []choice {
	var out []choice
	for _, f := range config.GitFacts {
		out = append(out, choice{label: f, kind: lsp.KindField, doc: gitFactDocs[f]})
	}
	return out
}

// ociLabels are the names of https://github.com/opencontainers/image-spec/blob/main/annotations.md.
var ociLabels = [][2]string{
	{"org.opencontainers.image.title", "The name of the image for people."},
	{"org.opencontainers.image.description", "What is in the image."},
	{"org.opencontainers.image.source", "Where the source code is."},
	{"org.opencontainers.image.url", "Where to find out more."},
	{"org.opencontainers.image.documentation", "Where the documentation is."},
	{"org.opencontainers.image.version", "The version of what is in the image."},
	{"org.opencontainers.image.revision", "The commit of the source code."},
	{"org.opencontainers.image.created", "When the image was built."},
	{"org.opencontainers.image.authors", "Who is responsible."},
	{"org.opencontainers.image.vendor", "Who publishes it."},
	{"org.opencontainers.image.licenses", "The licences, as SPDX writes them."},
	{"org.opencontainers.image.base.name", "The image that it is built on."},
}
