variable "REPO" {}
variable "SCANNER" {}
variable "BUSYBOX" {}

group "default" {
  targets = ["oci", "pushed", "local", "stages", "multi", "both"]
}
target "_base" {
  contexts = { busybox = BUSYBOX }
  attest   = ["type=sbom,generator=${SCANNER}", "type=provenance,disabled=true"]
}
target "oci" {
  inherits = ["_base"]
  output   = ["type=oci,dest=out/oci.tar,rewrite-timestamp=true"]
}
target "pushed" {
  inherits = ["_base"]
  tags     = ["${REPO}/sbom:v1"]
  output   = ["type=registry,rewrite-timestamp=true"]
}
target "local" {
  inherits = ["_base"]
  output   = ["type=local,dest=out/local"]
}
target "stages" {
  inherits = ["_base"]
  args     = { BUILDKIT_SBOM_SCAN_STAGE = "true", BUILDKIT_SBOM_SCAN_CONTEXT = "true" }
  output   = ["type=oci,dest=out/stages.tar,rewrite-timestamp=true"]
}
target "multi" {
  inherits  = ["_base"]
  platforms = ["linux/amd64", "linux/arm64"]
  output    = ["type=oci,dest=out/multi.tar,rewrite-timestamp=true"]
}
target "both" {
  inherits = ["_base"]
  attest   = ["type=sbom,generator=${SCANNER},SCAN_DEPTH=2", "type=provenance,mode=min"]
  output   = ["type=local,dest=out/both"]
}
