variable "REGISTRY" {
  default     = "registry.example.com/acme"
  description = "Where the image and the cache are pushed to."
}

variable "BUSYBOX" {
  default     = "docker-image://busybox"
  description = "Where busybox comes from: an image, or a folder with a static busybox in bin."
}

# The recipe of the guides for hosts without a layer cache, in one setting: the
# builder stage and the final image are pushed as images that hold their cache,
# and the next run reads both back.
cache {
  type = "registry"
  ref  = "${REGISTRY}/cache"
  mode = "inline"
}

target "default" {
  contexts = { busybox = BUSYBOX }
  tags     = ["${REGISTRY}/app:latest"]
}
