variable "BUSYBOX" {}
variable "REPO" {}

# A target for each value of each option that has an effect of its own; the
# table of parity_options_test.go says which option is where.
group "default" {
  targets = ["image", "registry", "oci", "docker", "files"]
}
group "image" {
  targets = [
    "image-name", "image-canonical", "image-dangling", "image-digest", "image-store", "image-unpack", "image-insecure", "image-artifact",
    "image-noartifact", "image-inline", "image-notinline", "image-annotated", "image-dockertypes", "image-epoch", "image-noepoch", "image-unknown", "image-gzip", "image-zstd", "image-estargz", "image-uncompressed", "image-nondist",
  ]
}
group "registry" {
  targets = ["registry-name", "registry-nopush", "registry-digest", "registry-gzip", "registry-zstd", "registry-estargz", "registry-uncompressed", "registry-annotated", "registry-dockertypes", "registry-rest"]
}
group "oci" {
  targets = ["oci-name", "oci-tar", "oci-dockertypes", "oci-annotated", "oci-epoch", "oci-artifact", "oci-inline", "oci-level", "oci-zstd", "oci-estargz", "oci-multi", "oci-plain", "oci-dir", "oci-rest"]
}
group "docker" {
  targets = ["docker-name", "docker-annotated", "docker-gzip", "docker-zstd", "docker-estargz", "docker-uncompressed", "docker-epoch", "docker-rest"]
}
group "files" {
  targets = [
    "local-split", "local-nosplit", "local-prefix", "local-prefix-multi", "local-epoch", "local-copy", "local-delete",
    "tar-split", "tar-nosplit", "tar-prefix", "tar-epoch", "cacheonly-multi",
  ]
}

target "_base" {
  contexts = { busybox = BUSYBOX }
}
target "_image" {
  inherits = ["_base"]
  attest   = ["type=provenance,disabled=true"]
}

target "image-name" {
  inherits = ["_image"]
  output   = ["type=image,\"name=${REPO}/image-name:a,${REPO}/image-name:b\",push=true,rewrite-timestamp=true"]
}
target "image-canonical" {
  inherits = ["_image"]
  tags     = ["${REPO}/image-canonical:v1"]
  output   = ["type=image,name-canonical=true,push=true,rewrite-timestamp=true"]
}
target "image-dangling" {
  inherits = ["_image"]
  output   = ["type=image,dangling-name-prefix=${REPO}/image-dangling,rewrite-timestamp=true"]
}
target "image-digest" {
  inherits = ["_image"]
  output   = ["type=image,\"name=${REPO}/image-digest-a,${REPO}/image-digest-b\",push-by-digest=true,name-canonical=true,push=true,rewrite-timestamp=true"]
}
target "image-store" {
  inherits = ["_image"]
  tags     = ["${REPO}/image-store:v1"]
  output   = ["type=image,store=false,push=true,rewrite-timestamp=true"]
}
target "image-unpack" {
  inherits = ["_image"]
  tags     = ["${REPO}/image-unpack:v1"]
  output   = ["type=image,unpack=false,store=true,push=true,rewrite-timestamp=true"]
}
target "image-insecure" {
  inherits = ["_image"]
  tags     = ["${REPO}/image-insecure:v1"]
  output   = ["type=image,registry.insecure=true,push=true,rewrite-timestamp=true"]
}
target "image-artifact" {
  inherits = ["_base"]
  tags     = ["${REPO}/image-artifact:v1"]
  output   = ["type=image,oci-artifact=true,push=true,rewrite-timestamp=true"]
}
target "image-noartifact" {
  inherits = ["_base"]
  tags     = ["${REPO}/image-noartifact:v1"]
  output   = ["type=image,oci-artifact=false,push=true,rewrite-timestamp=true"]
}
target "image-inline" {
  inherits = ["_base"]
  tags     = ["${REPO}/image-inline:v1"]
  output   = ["type=image,attestation-inline=true,push=true,rewrite-timestamp=true"]
}
target "image-notinline" {
  inherits = ["_base"]
  tags     = ["${REPO}/image-notinline:v1"]
  output   = ["type=image,attestation-inline=false,push=true,rewrite-timestamp=true"]
}
target "image-annotated" {
  inherits  = ["_image"]
  platforms = ["linux/amd64", "linux/arm64"]
  tags      = ["${REPO}/image-annotated:v1"]
  output = [
    "type=image,push=true,rewrite-timestamp=true,annotation.org.example.a=1,annotation-index.org.example.b=2,annotation-manifest.org.example.c=3,annotation-manifest[linux/arm64].org.example.d=4,annotation-manifest-descriptor.org.example.e=5,annotation-manifest-descriptor[linux/amd64].org.example.f=6",
  ]
}
target "image-dockertypes" {
  inherits = ["_image"]
  tags     = ["${REPO}/image-dockertypes:v1"]
  output   = ["type=image,oci-mediatypes=false,push=true,rewrite-timestamp=true"]
}
target "image-epoch" {
  inherits = ["_image"]
  tags     = ["${REPO}/image-epoch:v1"]
  output   = ["type=image,source-date-epoch=1600000000,push=true,rewrite-timestamp=true"]
}
target "image-noepoch" {
  inherits   = ["_image"]
  dockerfile = "Nosplit" # with nothing that is made now
  tags       = ["${REPO}/image-noepoch:v1"]
  output     = ["type=image,push=true,rewrite-timestamp=false"]
}
target "image-unknown" {
  inherits = ["_image"]
  tags     = ["${REPO}/image-unknown:v1"]
  output   = ["type=image,push=true,buildinfo=true,buildinfo-attrs=true,x-anything=1,rewrite-timestamp=true"]
}
target "image-gzip" {
  inherits = ["_image"]
  tags     = ["${REPO}/image-gzip:v1"]
  output   = ["type=image,compression=gzip,compression-level=1,force-compression=true,push=true,rewrite-timestamp=true"]
}
target "image-zstd" {
  inherits = ["_image"]
  tags     = ["${REPO}/image-zstd:v1"]
  output   = ["type=image,compression=zstd,compression-level=19,force-compression=true,push=true,rewrite-timestamp=true"]
}
target "image-estargz" {
  inherits = ["_image"]
  tags     = ["${REPO}/image-estargz:v1"]
  output   = ["type=image,compression=estargz,compression-level=3,force-compression=true,oci-mediatypes=true,push=true,rewrite-timestamp=true"]
}
target "image-uncompressed" {
  inherits = ["_image"]
  tags     = ["${REPO}/image-uncompressed:v1"]
  output   = ["type=image,compression=uncompressed,force-compression=true,push=true,rewrite-timestamp=true"]
}
target "image-nondist" {
  inherits = ["_image"]
  tags     = ["${REPO}/image-nondist:v1"]
  output   = ["type=image,prefer-nondist-layers=true,push=true,rewrite-timestamp=true"]
}

target "registry-name" {
  inherits = ["_image"]
  output   = ["type=registry,name=${REPO}/registry-name:a,rewrite-timestamp=true"]
}
target "registry-nopush" {
  inherits = ["_image"]
  tags     = ["${REPO}/registry-nopush:v1"]
  output   = ["type=registry,push=false,rewrite-timestamp=true"]
}
target "registry-digest" {
  inherits = ["_image"]
  output   = ["type=registry,name=${REPO}/registry-digest,push-by-digest=true,rewrite-timestamp=true"]
}
target "registry-gzip" {
  inherits = ["_image"]
  tags     = ["${REPO}/registry-gzip:v1"]
  output   = ["type=registry,compression=gzip,compression-level=0,force-compression=true,rewrite-timestamp=true"]
}
target "registry-zstd" {
  inherits = ["_image"]
  tags     = ["${REPO}/registry-zstd:v1"]
  output   = ["type=registry,compression=zstd,rewrite-timestamp=true"]
}
target "registry-estargz" {
  inherits = ["_image"]
  tags     = ["${REPO}/registry-estargz:v1"]
  output   = ["type=registry,compression=estargz,oci-mediatypes=true,rewrite-timestamp=true"]
}
target "registry-uncompressed" {
  inherits = ["_image"]
  tags     = ["${REPO}/registry-uncompressed:v1"]
  output   = ["type=registry,compression=uncompressed,force-compression=false,rewrite-timestamp=true"]
}
target "registry-annotated" {
  inherits    = ["_image"]
  tags        = ["${REPO}/registry-annotated:v1"]
  annotations = ["org.example.a=target", "org.example.b=target"]
  output      = ["type=registry,annotation.org.example.a=output,rewrite-timestamp=true"]
}
target "registry-dockertypes" {
  inherits  = ["_image"]
  platforms = ["linux/amd64", "linux/arm64"]
  tags      = ["${REPO}/registry-dockertypes:v1"]
  output    = ["type=registry,oci-mediatypes=false,rewrite-timestamp=true"]
}

target "registry-rest" {
  inherits = ["_base"]
  tags     = ["${REPO}/registry-rest:v1"]
  output = [
    "type=registry,name-canonical=true,dangling-name-prefix=x,danging-name-empty-only=true,unpack=false,store=true,registry.insecure=true,oci-artifact=false,attestation-inline=true,prefer-nondist-layers=true,source-date-epoch=1600000000,rewrite-timestamp=true",
  ]
}

target "oci-name" {
  inherits = ["_image"]
  tags     = ["${REPO}/oci-name:tag"]
  output   = ["type=oci,\"name=${REPO}/oci-name:a,${REPO}/oci-name:b\",dest=out/oci-name.tar,rewrite-timestamp=true"]
}
target "oci-tar" {
  inherits = ["_image"]
  output   = ["type=oci,tar=true,dest=out/oci-tar.tar,rewrite-timestamp=true"]
}
target "oci-dockertypes" {
  inherits = ["_image"]
  tags     = ["${REPO}/oci-dockertypes:v1"]
  output   = ["type=oci,oci-mediatypes=false,dest=out/oci-dockertypes.tar,rewrite-timestamp=true"]
}
target "oci-annotated" {
  inherits = ["_image"]
  output   = ["type=oci,dest=out/oci-annotated.tar,annotation.org.example.a=1,annotation-manifest-descriptor.org.example.b=2,rewrite-timestamp=true"]
}
target "oci-epoch" {
  inherits = ["_image"]
  output   = ["type=oci,dest=out/oci-epoch.tar,source-date-epoch=1600000000,rewrite-timestamp=true"]
}
target "oci-artifact" {
  inherits = ["_base"]
  output   = ["type=oci,dest=out/oci-artifact.tar,oci-artifact=false,rewrite-timestamp=true"]
}
target "oci-inline" {
  inherits = ["_base"]
  output   = ["type=oci,dest=out/oci-inline.tar,attestation-inline=true,rewrite-timestamp=true"]
}
target "oci-level" {
  inherits = ["_image"]
  output   = ["type=oci,dest=out/oci-level.tar,compression=gzip,compression-level=1,force-compression=true,rewrite-timestamp=true"]
}
target "oci-zstd" {
  inherits = ["_image"]
  output   = ["type=oci,dest=out/oci-zstd.tar,compression=zstd,compression-level=22,force-compression=true,rewrite-timestamp=true"]
}
target "oci-estargz" {
  inherits = ["_image"]
  output   = ["type=oci,dest=out/oci-estargz.tar,compression=estargz,compression-level=1,force-compression=true,rewrite-timestamp=true"]
}
target "oci-multi" {
  inherits  = ["_image"]
  platforms = ["linux/amd64", "linux/arm64"]
  tags      = ["${REPO}/oci-multi:v1"]
  output    = ["type=oci,dest=out/oci-multi.tar,annotation-index.org.example.a=1,annotation-index-descriptor.org.example.b=2,rewrite-timestamp=true"]
}
target "oci-plain" {
  inherits = ["_image"]
  output   = ["type=oci,dest=out/oci-plain.tar,compression=uncompressed,force-compression=true,oci-mediatypes=true,rewrite-timestamp=true"]
}
target "oci-dir" {
  inherits = ["_image"]
  tags     = ["${REPO}/oci-dir:v1"]
  output   = ["type=oci,tar=false,compression=zstd,force-compression=true,dest=out/oci-dir,rewrite-timestamp=true"]
}

target "oci-rest" {
  inherits = ["_base"]
  output   = ["type=oci,oci-artifact=true,attestation-inline=false,prefer-nondist-layers=true,dest=out/oci-rest.tar,rewrite-timestamp=true"]
}

target "docker-name" {
  inherits = ["_image"]
  tags     = ["${REPO}/docker-name:tag"]
  output   = ["type=docker,name=${REPO}/docker-name:a,dest=out/docker-name.tar,rewrite-timestamp=true"]
}
target "docker-annotated" {
  inherits = ["_image"]
  tags     = ["${REPO}/docker-annotated:v1"]
  output   = ["type=docker,oci-mediatypes=true,annotation.org.example.a=1,dest=out/docker-annotated.tar,rewrite-timestamp=true"]
}
target "docker-gzip" {
  inherits = ["_image"]
  tags     = ["${REPO}/docker-gzip:v1"]
  output   = ["type=docker,oci-mediatypes=false,compression=gzip,compression-level=4,force-compression=true,dest=out/docker-gzip.tar,rewrite-timestamp=true"]
}
target "docker-zstd" {
  inherits = ["_image"]
  tags     = ["${REPO}/docker-zstd:v1"]
  output   = ["type=docker,compression=zstd,force-compression=true,oci-mediatypes=true,dest=out/docker-zstd.tar,rewrite-timestamp=true"]
}
target "docker-estargz" {
  inherits = ["_image"]
  tags     = ["${REPO}/docker-estargz:v1"]
  output   = ["type=docker,compression=estargz,force-compression=true,oci-mediatypes=true,dest=out/docker-estargz.tar,rewrite-timestamp=true"]
}
target "docker-uncompressed" {
  inherits = ["_image"]
  tags     = ["${REPO}/docker-uncompressed:v1"]
  output   = ["type=docker,compression=uncompressed,force-compression=true,dest=out/docker-uncompressed.tar,rewrite-timestamp=true"]
}
target "docker-epoch" {
  inherits = ["_image"]
  tags     = ["${REPO}/docker-epoch:v1"]
  output   = ["type=docker,source-date-epoch=1600000000,dest=out/docker-epoch.tar,rewrite-timestamp=true"]
}

target "docker-rest" {
  inherits = ["_image"]
  tags     = ["${REPO}/docker-rest:v1"]
  output   = ["type=docker,oci-artifact=false,attestation-inline=false,prefer-nondist-layers=true,dest=out/docker-rest.tar,rewrite-timestamp=true"]
}

target "local-split" {
  inherits = ["_base"]
  output   = ["type=local,platform-split=true,dest=out/local-split"]
}
target "local-nosplit" {
  inherits   = ["_base"]
  dockerfile = "Nosplit"
  platforms  = ["linux/amd64", "linux/arm64"]
  output     = ["type=local,platform-split=false,dest=out/local-nosplit"]
}
target "local-prefix" {
  inherits = ["_base"]
  attest   = ["type=provenance,mode=min"]
  output   = ["type=local,attestation-prefix=pre.,dest=out/local-prefix"]
}
target "local-prefix-multi" {
  inherits  = ["_base"]
  platforms = ["linux/amd64", "linux/arm64"]
  attest    = ["type=provenance,mode=min"]
  output    = ["type=local,attestation-prefix=pre.,platform-split=true,dest=out/local-prefix-multi"]
}
target "local-epoch" {
  inherits = ["_base"]
  output   = ["type=local,source-date-epoch=1600000000,dest=out/local-epoch"]
}
target "local-copy" {
  inherits = ["_base"]
  output   = ["type=local,mode=copy,dest=out/local-copy"]
}
target "local-delete" {
  inherits = ["_base"]
  output   = ["type=local,mode=delete,dest=out/local-delete"]
}
target "tar-split" {
  inherits = ["_base"]
  output   = ["type=tar,platform-split=true,dest=out/tar-split.tar"]
}
target "tar-nosplit" {
  inherits   = ["_base"]
  dockerfile = "Nosplit"
  platforms  = ["linux/amd64", "linux/arm64"]
  output     = ["type=tar,platform-split=false,dest=out/tar-nosplit.tar"]
}
target "tar-prefix" {
  inherits = ["_base"]
  attest   = ["type=provenance,mode=min"]
  output   = ["type=tar,attestation-prefix=pre.,dest=out/tar-prefix.tar"]
}
target "tar-epoch" {
  inherits = ["_base"]
  output   = ["type=tar,source-date-epoch=1600000000,dest=out/tar-epoch.tar"]
}
target "cacheonly-multi" {
  inherits  = ["_base"]
  platforms = ["linux/amd64", "linux/arm64"]
  tags      = ["${REPO}/cacheonly:v1"]
  output    = ["type=cacheonly"]
}
