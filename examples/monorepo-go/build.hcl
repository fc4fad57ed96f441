# Ten services in one Go module.
#
#   orch bake                    all of them
#   orch bake orders             one of them
#   orch plan                    one step compiles all, and has the kept mount
#   GO_IMAGE=golang:1-alpine orch bake     with an image as the toolchain

variable "GO_IMAGE" {
  default     = ""
  description = "Image with the Go toolchain, such as golang:1-alpine. Empty: the Go of this machine."
}

variable "REGISTRY" {
  default = "registry.example.com/shop"
}

variable "SERVICES" {
  type    = list(string)
  default = ["api", "auth", "billing", "cart", "catalog", "images", "mail", "orders", "reports", "search"]
}

# The layers, and what the compiler keeps in its cache mount, for CI machines that
# begin empty.
cache {
  type   = "registry"
  ref    = "${REGISTRY}/cache"
  mounts = ["go-build"]
  when   = "ci"
}

group "default" {
  targets = SERVICES
}

target "service" {
  name     = service
  matrix   = { service = SERVICES }
  target   = "service"
  args     = { SERVICE = service }
  contexts = GO_IMAGE == "" ? { goroot = goenv("GOROOT") } : { toolchain = "docker-image://${GO_IMAGE}", goroot = "docker-image://scratch" }
  tags     = ["${REGISTRY}/${service}:latest"]
}

# The toolchain as an image that machines pull.
target "toolchain" {
  target   = "toolchain"
  contexts = { goroot = goenv("GOROOT") }
  tags     = ["${REGISTRY}/go:latest"]
}
