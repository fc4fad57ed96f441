# policy.json is the policy of every source, in BuildKit's own form; REGISTRY in
# it is the registry's address.
group "default" {
  targets = ["converted", "in-dockerfile", "two-platforms", "disabled"]
}
target "converted" {
  contexts = { base = "docker-image://alias.example/seed:v1" }
  output   = ["type=oci,dest=out/converted.tar,rewrite-timestamp=true"]
}
target "in-dockerfile" {
  dockerfile-inline = "FROM alias.example/seed:v1\nLABEL a=b\n"
  output            = ["type=oci,dest=out/in-dockerfile.tar,rewrite-timestamp=true"]
}
target "two-platforms" {
  inherits  = ["converted"]
  platforms = ["linux/amd64", "linux/arm64"]
  attest    = ["type=provenance,mode=min"]
  output    = ["type=oci,dest=out/two-platforms.tar,rewrite-timestamp=true"]
}
target "disabled" {
  inherits = ["converted"]
  policy   = [{ disabled = true }]
  output   = ["type=oci,dest=out/disabled.tar,rewrite-timestamp=true"]
}
