# orch's own image, built with orch:
#
#   orch bake                         linux/amd64 and linux/arm64, into dist/
#   orch bake --set orch.platform=linux/amd64
#   orch bake --push --set orch.tags=registry.example.com/orch:v1

variable "VERSION" {
  default     = "dev"
  description = "Version that is stamped into the binary."
}

variable "GO_IMAGE" {
  default     = ""
  description = "Image with the Go toolchain, such as golang:1-alpine. Empty: the Go of this machine."
}

group "default" {
  targets = ["orch"]
}

target "orch" {
  description = "One static binary in an empty image"
  contexts = GO_IMAGE == "" ? {
    goroot  = goenv("GOROOT")
    modules = "${goenv("GOMODCACHE")}/cache/download"
  } : {
    toolchain = "docker-image://${GO_IMAGE}"
    goroot    = "docker-image://scratch"
    modules   = "docker-image://scratch"
  }
  args      = { VERSION = VERSION }
  platforms = ["linux/amd64", "linux/arm64"]
  tags      = ["orch:${VERSION}"]
  output    = ["type=oci,dest=dist/orch.tar"]
}
