variable "BUSYBOX" {}
variable "REPO" {}

group "default" {
  targets = [
    "registry", "image-push", "image-local", "oci", "oci-dir", "docker", "docker-oci", "local", "local-multi", "tar", "tar-multi", "local-src", "tar-src",
    "cacheonly", "gzip", "estargz", "zstd", "uncompressed", "multi", "several", "untagged", "buildinfo",
  ]
}

target "_base" {
  contexts = { busybox = BUSYBOX }
}
target "registry" {
  inherits = ["_base"]
  tags     = ["${REPO}/registry:v1", "${REPO}/registry:v2"]
  output   = ["type=registry,rewrite-timestamp=true"]
}
target "image-push" {
  inherits = ["_base"]
  tags     = ["${REPO}/image-push:v1"]
  output   = ["type=image,push=true,rewrite-timestamp=true,annotation.org.example.from=output"]
}
target "image-local" {
  inherits = ["_base"]
  tags     = ["${REPO}/image-local:v1"]
  attest   = ["type=provenance,disabled=true"] # the peer has an error for it with these media types
  output   = ["type=image,rewrite-timestamp=true,oci-mediatypes=false"]
}
target "oci" {
  inherits = ["_base"]
  tags     = ["${REPO}/oci:v1"]
  output   = ["type=oci,dest=out/oci.tar,rewrite-timestamp=true"]
}
target "oci-dir" {
  inherits = ["_base"]
  output   = ["type=oci,dest=out/oci-dir,tar=false,rewrite-timestamp=true"]
}
target "docker" {
  inherits = ["_base"]
  tags     = ["${REPO}/docker:v1"]
  output   = ["type=docker,dest=out/docker.tar,rewrite-timestamp=true"]
}
target "docker-oci" {
  inherits = ["_base"]
  tags     = ["${REPO}/docker-oci:v1"]
  output   = ["type=docker,dest=out/docker-oci.tar,oci-mediatypes=true,rewrite-timestamp=true"]
}
target "local" {
  inherits = ["_base"]
  output   = ["type=local,dest=out/local"]
}
target "local-multi" {
  inherits  = ["_base"]
  platforms = ["linux/amd64", "linux/arm64"]
  output    = ["type=local,dest=out/local-multi"]
}
target "tar" {
  inherits = ["_base"]
  output   = ["type=tar,dest=out/tar.tar"]
}
target "tar-multi" {
  inherits  = ["_base"]
  platforms = ["linux/amd64", "linux/arm64"]
  output    = ["type=tar,dest=out/tar-multi.tar"]
}
target "cacheonly" {
  inherits = ["_base"]
  output   = ["type=cacheonly"]
}
target "gzip" {
  inherits = ["_base"]
  output   = ["type=oci,dest=out/gzip.tar,compression=gzip,compression-level=9,force-compression=true,rewrite-timestamp=true"]
}
target "estargz" {
  inherits = ["_base"]
  output   = ["type=oci,dest=out/estargz.tar,compression=estargz,force-compression=true,oci-mediatypes=true,rewrite-timestamp=true"]
}
target "zstd" {
  inherits = ["_base"]
  output   = ["type=oci,dest=out/zstd.tar,compression=zstd,force-compression=true,rewrite-timestamp=true"]
}
target "uncompressed" {
  inherits = ["_base"]
  output   = ["type=oci,dest=out/uncompressed.tar,compression=uncompressed,force-compression=true,rewrite-timestamp=true"]
}
target "multi" {
  inherits    = ["_base"]
  platforms   = ["linux/amd64", "linux/arm64", "linux/arm/v7"]
  tags        = ["${REPO}/multi:v1"]
  annotations = ["index:org.example.i=1", "manifest[linux/arm64]:org.example.m=2", "manifest-descriptor[linux/arm64]:org.example.d=3"]
  output      = ["type=registry,rewrite-timestamp=true"]
}
target "several" {
  inherits = ["_base"]
  tags     = ["${REPO}/several:v1"]
  output   = ["type=oci,dest=out/several.tar,rewrite-timestamp=true", "type=registry,rewrite-timestamp=true", "type=local,dest=out/several"]
}
target "untagged" {
  inherits = ["_base"]
  output   = ["type=image,name=${REPO}/untagged,push=true,push-by-digest=true,rewrite-timestamp=true"]
}
target "buildinfo" {
  inherits = ["_base"]
  args     = { BUILDKIT_MULTI_PLATFORM = "1" }
  output   = ["type=oci,dest=out/buildinfo.tar,rewrite-timestamp=true"]
}
target "local-src" {
  inherits = ["_base"]
  output   = ["type=local,dest=out/local-src,src=/usr"]
}
target "tar-src" {
  inherits = ["_base"]
  output   = ["type=tar,dest=out/tar-src.tar,src=usr/share"]
}
