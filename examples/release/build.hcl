variable "REGISTRY" {
  default     = "registry.example.com/acme"
  description = "Where the images are pushed to."
}

variable "BUSYBOX" {
  default     = "docker-image://busybox"
  description = "Where busybox comes from: an image, or a folder with a static busybox in bin."
}

group "default" { targets = ["api", "worker"] }

# git says what is built: the tag of this commit if there is one, else the
# commit itself. Outside a repository git.short is null, and the message says so.
target "_release" {
  target   = self.name
  contexts = { busybox = BUSYBOX }
  args = {
    VERSION  = git.tag != null ? git.tag : "untagged"
    REVISION = git.sha
  }
  labels = {
    "org.opencontainers.image.revision" = git.sha
    "org.opencontainers.image.created"  = git.commit_time
  }
  tags = concat(
    ["${REGISTRY}/${self.name}:${git.short}"],
    git.tag != null ? ["${REGISTRY}/${self.name}:${git.tag}", "${REGISTRY}/${self.name}:latest"] : [],
  )
}

target "api" { inherits = ["_release"] }
target "worker" { inherits = ["_release"] }
