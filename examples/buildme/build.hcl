# orch bake client server        both images, into out/
# orch plan                      what will be built, and what is shared
# GO_IMAGE=golang:1-alpine orch bake     with an image as the toolchain

variable "GO_IMAGE" {
  default     = ""
  description = "Image with the Go toolchain, such as golang:1-alpine. Empty: the Go of this machine."
}

group "default" {
  targets = ["client", "server"]
}

# What client and server share. Nobody builds it by itself.
target "_go" {
  contexts = GO_IMAGE == "" ? { goroot = goenv("GOROOT") } : { toolchain = "docker-image://${GO_IMAGE}", goroot = "docker-image://scratch" }
}

target "client" {
  inherits = ["_go"]
  target   = "client"
  tags     = ["buildme/client:latest"]
  output   = ["type=oci,dest=out/client.tar"]
}

target "server" {
  inherits = ["_go"]
  target   = "server"
  tags     = ["buildme/server:latest"]
  output   = ["type=oci,dest=out/server.tar"]
}
