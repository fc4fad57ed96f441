variable "GO_IMAGE" {
  default     = ""
  description = "Image with the Go toolchain, such as golang:1-alpine. Empty: the Go of this machine."
}

target "default" {
  contexts = GO_IMAGE == "" ? { goroot = goenv("GOROOT") } : { toolchain = "docker-image://${GO_IMAGE}", goroot = "docker-image://scratch" }
  tags     = ["acme/app:latest"]
  output   = ["type=oci,dest=out/app.tar"]
}
