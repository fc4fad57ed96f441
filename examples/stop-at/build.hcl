variable "GO_IMAGE" {
  default     = ""
  description = "Image with the Go toolchain, such as golang:1-alpine. Empty: the Go of this machine."
}

group "default" { targets = ["app", "test"] }

target "_go" {
  contexts = GO_IMAGE == "" ? { goroot = goenv("GOROOT") } : { toolchain = "docker-image://${GO_IMAGE}", goroot = "docker-image://scratch" }
}

target "app" {
  description = "What is shipped"
  inherits    = ["_go"]
  target      = "app"
  tags        = ["acme/sum:latest"]
  output      = ["type=oci,dest=out/app.tar"]
}

target "debug" {
  description = "The toolchain, the sources, and a binary for a debugger"
  inherits    = ["_go"]
  target      = "debug"
  tags        = ["acme/sum:debug"]
  output      = ["type=oci,dest=out/debug.tar"]
}

target "test" {
  description = "The unit tests; nothing is kept"
  inherits    = ["_go"]
  target      = "test"
  output      = ["type=cacheonly"]
}
