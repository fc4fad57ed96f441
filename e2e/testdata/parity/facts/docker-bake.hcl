variable "REPO" {}
variable "GIT" {}
variable "HTTP" {}
variable "SEED" {}

group "default" {
  targets = ["app", "linked", "multi", "attested", "git", "http", "nothing"]
}
target "app" {
  context  = "app"
  contexts = { base = "docker-image://${SEED}", busybox = BUSYBOX }
  args     = { WHO = "app" }
  labels   = { who = "app" }
  secret   = ["id=token,env=TOKEN"]
  output   = ["type=oci,dest=out/app.tar,rewrite-timestamp=true"]
}
variable "BUSYBOX" {}
target "linked" {
  context           = "app"
  contexts          = { base = "target:app" }
  dockerfile-inline = "FROM base\nCOPY file /linked\n"
  output            = ["type=local,dest=out/linked"]
}
target "multi" {
  context           = "app"
  contexts          = { base = "docker-image://${SEED}" }
  dockerfile-inline = "FROM base\nCOPY file /multi\n"
  platforms         = ["linux/amd64", "linux/arm64"]
  output            = ["type=cacheonly"]
}
target "attested" {
  context           = "app"
  contexts          = { base = "docker-image://${SEED}" }
  dockerfile-inline = "FROM base\nCOPY file /attested\n"
  tags              = ["${REPO}/attested"]
  attest            = ["type=provenance,mode=max"]
  output            = ["type=registry,rewrite-timestamp=true"]
}
target "git" {
  context  = GIT
  contexts = { base = "docker-image://${SEED}" }
  output   = ["type=cacheonly"]
}
target "http" {
  context           = "app"
  contexts          = { base = HTTP }
  dockerfile-inline = "FROM scratch\nCOPY --from=base . /\nADD ${HTTP} /files.tar\nADD ${GIT} /git\n"
  output            = ["type=cacheonly"]
}
target "nothing" {
  dockerfile-inline = "FROM scratch\nENV A=1\n"
  output            = ["type=oci,dest=out/nothing.tar,rewrite-timestamp=true"]
}
