variable "REPO" {}
variable "GIT" {}
variable "HTTP" {}
variable "SEED" {}
variable "LAYOUT" {}

group "default" {
  targets = ["base", "linked", "linked-multi", "image", "layout", "layout-digest", "git", "git-context", "http", "http-context"]
}
target "_app" {
  context  = "app"
  contexts = { assets = "assets" }
}
target "base" {
  inherits   = ["_app"]
  dockerfile = "Base"
  output     = ["type=oci,dest=out/base.tar,rewrite-timestamp=true"]
}
target "linked" {
  inherits = ["_app"]
  contexts = { base = "target:base" }
  output   = ["type=oci,dest=out/linked.tar,rewrite-timestamp=true"]
}
target "base-multi" {
  inherits  = ["base"]
  platforms = ["linux/amd64", "linux/arm64"]
  output    = ["type=cacheonly"]
}
target "linked-multi" {
  inherits   = ["_app"]
  dockerfile = "OnBase"
  contexts   = { base = "target:base-multi" }
  platforms  = ["linux/amd64", "linux/arm64"]
  output     = ["type=oci,dest=out/linked-multi.tar,rewrite-timestamp=true"]
}
target "image" {
  inherits   = ["_app"]
  dockerfile = "OnBase"
  contexts   = { base = "docker-image://${SEED}" }
  output     = ["type=oci,dest=out/image.tar,rewrite-timestamp=true"]
}
target "layout" {
  inherits   = ["_app"]
  dockerfile = "OnBase"
  contexts   = { base = "oci-layout://${LAYOUT}:seed" }
  output     = ["type=oci,dest=out/layout.tar,rewrite-timestamp=true"]
}
target "layout-digest" {
  inherits = ["_app"]
  contexts = { base = "oci-layout://${LAYOUT}:seed" }
  output   = ["type=oci,dest=out/layout-digest.tar,rewrite-timestamp=true"]
}
target "git" {
  inherits = ["_app"]
  contexts = { base = "target:base", assets = GIT }
  output   = ["type=oci,dest=out/git.tar,rewrite-timestamp=true"]
}
target "git-context" {
  context  = GIT
  contexts = { base = "target:base" }
  output   = ["type=oci,dest=out/git-context.tar,rewrite-timestamp=true"]
}
target "http" {
  inherits = ["_app"]
  contexts = { base = "target:base", assets = HTTP }
  output   = ["type=oci,dest=out/http.tar,rewrite-timestamp=true"]
}
target "http-context" {
  context  = HTTP
  contexts = { base = "target:base" }
  output   = ["type=oci,dest=out/http-context.tar,rewrite-timestamp=true"]
}
