# Source policies in Rego: pins, several of them, several files, imports, reset,
# strict, what a policy sees of its target, and links.
variable "SEED" {}
group "default" {
  targets = ["beside", "pinned", "attested", "two-platforms", "files", "imports", "reset", "disabled", "linked"]
}
target "beside" {
  contexts = { base = "docker-image://${SEED}" }
  args     = { KIND = "beside" }
  output   = ["type=oci,dest=out/beside.tar,rewrite-timestamp=true"]
}
target "pinned" {
  inherits = ["beside"]
  policy   = [{ filename = "pin.rego", strict = true }]
  output   = ["type=oci,dest=out/pinned.tar,rewrite-timestamp=true"]
}
target "attested" {
  inherits = ["pinned"]
  attest   = ["type=provenance,mode=max"]
  output   = ["type=oci,dest=out/attested.tar,rewrite-timestamp=true"]
}
target "two-platforms" {
  inherits  = ["pinned"]
  platforms = ["linux/amd64", "linux/arm64"]
  output    = ["type=oci,dest=out/two-platforms.tar,rewrite-timestamp=true"]
}
target "files" {
  inherits = ["beside"]
  policy   = ["filename=part.rego,filename=cwd://names.rego", "filename=seen.rego"]
  output   = ["type=oci,dest=out/files.tar,rewrite-timestamp=true"]
}
target "imports" {
  inherits = ["beside"]
  policy   = [{ filename = "imports.rego" }]
  output   = ["type=oci,dest=out/imports.tar,rewrite-timestamp=true"]
}
target "reset" {
  inherits   = ["beside"]
  dockerfile = "Denied"
  policy     = [{ reset = true }, { filename = "seen.rego" }]
  output     = ["type=oci,dest=out/reset.tar,rewrite-timestamp=true"]
}
target "disabled" {
  inherits   = ["beside"]
  dockerfile = "Denied"
  policy     = [{ disabled = true }]
  output     = ["type=oci,dest=out/disabled.tar,rewrite-timestamp=true"]
}
target "linked" {
  contexts          = { base = "target:pinned" }
  dockerfile-inline = "FROM base\nCOPY hello.txt /again\n"
  policy            = [{ filename = "seen.rego" }]
  output            = ["type=oci,dest=out/linked.tar,rewrite-timestamp=true"]
}
