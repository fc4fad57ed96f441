# orch's own image and its releases, built with orch:
#
#   orch bake                         linux/amd64 and linux/arm64, into dist/
#   orch bake --set image.platform=linux/amd64
#   orch bake --push --set image.tags=registry.example.com/orch:v1
#   orch bake ci                      an image for CI systems, into dist/orch-ci.tar
#   orch bake release                 archives and packages of all platforms, into dist/release

variable "VERSION" {
  default     = "v0.2.0"
  description = "Version that is stamped into the binary."
}

variable "GO_IMAGE" {
  default     = ""
  description = "Image with the Go toolchain, such as golang:1-alpine. Empty: the Go of this machine."
}

variable "MODULES" {
  default     = GO_IMAGE == "" ? "${goenv("GOMODCACHE")}/cache/download" : "docker-image://scratch"
  description = "Go modules that are here already; the others come over the network."
}

variable "SIGNING_KEY" {
  default     = ""
  description = "File with the private key (ECDSA or RSA, PEM) that signs a release. Empty: it is not signed."
}

variable "RELEASES" {
  default     = "https://github.com/orch-build/orch/releases/download"
  description = "Where the files of a release are fetched from, in a folder named after the version."
}

variable "ALL_SYSTEMS" {
  default = [
    "linux/amd64", "linux/arm64",
    "darwin/amd64", "darwin/arm64",
    "windows/amd64", "windows/arm64",
  ]
  description = "Every platform that a release can have."
}

variable "SYSTEMS" {
  type        = list(string)
  default     = ALL_SYSTEMS
  description = "Platforms of a release, separated by commas; that of this machine has to be one of them."
}

variable "CI_BASE" {
  default     = "docker-image://debian:stable-slim"
  description = "What the image for CI systems starts from: a Debian, or a file system with git, runc, uidmap and setcap."
}

group "default" {
  targets = ["orch"]
}

target "_go" {
  contexts = GO_IMAGE == "" ? {
    goroot  = goenv("GOROOT")
    modules = MODULES
    } : {
    toolchain = "docker-image://${GO_IMAGE}"
    goroot    = "docker-image://scratch"
    modules   = MODULES
  }
  args = { VERSION = VERSION }
}

target "orch" {
  inherits    = ["_go"]
  description = "One static binary in an empty image"
  target      = "image"
  platforms   = ["linux/amd64", "linux/arm64"]
  tags        = ["orch:${VERSION}"]
  output      = ["type=oci,dest=dist/orch.tar"]
}

target "program" {
  inherits    = ["_go"]
  description = "The image of orch for the builder's own platform"
  target      = "image"
  output      = ["type=cacheonly"]
}

target "ci" {
  description = "orch for CI systems: not root, with what its builder needs"
  context     = "release/ci"
  contexts = {
    base    = CI_BASE
    program = "target:program"
  }
  tags   = ["orch-ci:${VERSION}"]
  output = ["type=docker,dest=dist/orch-ci.tar"]
}

target "go" {
  inherits    = ["_go"]
  description = "The Go toolchain that everything is compiled with"
  target      = "base"
  output      = ["type=cacheonly"]
}

target "binary" {
  inherits    = ["_go"]
  description = "The program for a platform of a release"
  name        = "binary-${replace(platform, "/", "-")}"
  matrix      = { platform = SYSTEMS }
  target      = "binary"
  platforms   = [platform]
  output      = ["type=cacheonly"]
}

target "release" {
  description = "Archives, packages, sums, SBOMs, signature, installers"
  dockerfile  = "release/Dockerfile"
  contexts = merge(
    { for p in ALL_SYSTEMS : replace(p, "/", "-") => "docker-image://scratch" },
    { for p in SYSTEMS : replace(p, "/", "-") => "target:binary-${replace(p, "/", "-")}" },
    { base = "target:go", modules = MODULES },
  )
  args = {
    VERSION  = VERSION
    RELEASES = RELEASES
  }
  secret = SIGNING_KEY == "" ? [] : ["id=signing-key,src=${SIGNING_KEY}"]
  output = ["dist/release"]
}
