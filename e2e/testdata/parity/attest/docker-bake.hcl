variable "REPO" {}
variable "SEED" {}

group "default" {
  targets = ["default-push", "default-local", "default-tar", "min", "max", "version", "disabled", "multi"]
}
target "_base" {
  contexts = { seed = "docker-image://${SEED}" }
  args     = { WHO = "attest" }
}
target "default-push" {
  inherits = ["_base"]
  tags     = ["${REPO}/attest:v1"]
  output   = ["type=registry,rewrite-timestamp=true"]
}
target "default-local" {
  inherits = ["_base"]
  output   = ["type=local,dest=out/default-local"]
}
target "default-tar" {
  inherits = ["_base"]
  output   = ["type=tar,dest=out/default.tar"]
}
target "min" {
  inherits = ["_base"]
  attest   = ["type=provenance,mode=min"]
  output   = ["type=oci,dest=out/min.tar,rewrite-timestamp=true", "type=local,dest=out/min"]
}
target "max" {
  inherits = ["_base"]
  attest   = ["type=provenance,mode=max"]
  output   = ["type=oci,dest=out/max.tar,rewrite-timestamp=true"]
}
target "version" {
  inherits = ["_base"]
  attest   = ["type=provenance,mode=min,version=v0.2"]
  output   = ["type=oci,dest=out/version.tar,rewrite-timestamp=true"]
}
target "disabled" {
  inherits = ["_base"]
  attest   = ["type=provenance,disabled=true"]
  output   = ["type=oci,dest=out/disabled.tar,rewrite-timestamp=true"]
}
target "multi" {
  inherits  = ["_base"]
  platforms = ["linux/amd64", "linux/arm64"]
  tags      = ["${REPO}/attest-multi:v1"]
  attest    = ["type=provenance,mode=max"]
  output    = ["type=registry,rewrite-timestamp=true"]
}
