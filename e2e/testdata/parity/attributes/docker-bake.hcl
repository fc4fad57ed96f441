variable "BUSYBOX" {}
variable "REPO" {}

group "default" {
  targets = [
    "args", "network-none", "network-host", "hosts", "limits", "resources", "insecure", "secret", "ssh",
    "image", "labels", "inline", "no-cache", "no-cache-filter", "pull",
    "args-null", "network-default", "limits-many", "resources-cpu", "secret-forms", "ssh-object", "stage-context", "no-cache-several",
    "labels-null", "pull-image", "entitled",
  ]
}

target "_base" {
  contexts = { busybox = BUSYBOX }
}

target "args" {
  inherits = ["_base"]
  target   = "out-args"
  args     = { WHO = "args, with a comma = \"quoted\"" }
  output   = ["type=local,dest=out/args"]
}

target "network-none" {
  inherits = ["_base"]
  target   = "out-network"
  network  = "none"
  output   = ["type=local,dest=out/network-none"]
}

target "network-host" {
  inherits     = ["_base"]
  target       = "out-network"
  network      = "host"
  entitlements = ["network.host"]
  output       = ["type=cacheonly"]
}

target "hosts" {
  inherits    = ["_base"]
  target      = "out-hosts"
  extra-hosts = { "one.example" = "10.1.2.3", "two.example" = "10.1.2.4,fd00::1" }
  output      = ["type=local,dest=out/hosts"]
}

target "limits" {
  inherits = ["_base"]
  target   = "out-limits"
  shm-size = "24m"
  ulimits  = ["nofile=1234:2345"]
  output   = ["type=local,dest=out/limits"]
}

target "resources" {
  inherits  = ["_base"]
  target    = "out-args"
  args      = { WHO = "resources" }
  resources = { memory = "128m", "cpu-shares" = 512 }
  output    = ["type=local,dest=out/resources"]
}

target "insecure" {
  inherits     = ["_base"]
  target       = "out-insecure"
  entitlements = ["security.insecure"]
  output       = ["type=local,dest=out/insecure"]
}

target "secret" {
  inherits = ["_base"]
  target   = "out-secret"
  secret   = ["id=token,env=TOKEN", "id=file,src=token.txt"]
  output   = ["type=local,dest=out/secret"]
}

target "ssh" {
  inherits = ["_base"]
  target   = "out-ssh"
  ssh      = ["key=${SSH_AUTH_SOCK}"]
  output   = ["type=local,dest=out/ssh"]
}
variable "SSH_AUTH_SOCK" {}

target "image" {
  inherits = ["_base"]
  target   = "image"
  args     = { WHO = "image" }
  tags     = ["${REPO}/image:v1", "${REPO}/image:v2"]
  output   = ["type=oci,dest=out/image.tar"]
}

target "labels" {
  inherits = ["image"]
  labels   = { "org.example.made" = "by a target", "org.example.list" = "a,b=c" }
  tags     = ["${REPO}/labels:v1"]
  annotations = [
    "org.example.one=1", "manifest,manifest-descriptor:org.example.two=2",
    "manifest[linux/amd64]:org.example.three=3", "manifest-descriptor:org.example.five=5",
  ]
  output = ["type=oci,dest=out/labels.tar"]
}

target "inline" {
  inherits          = ["_base"]
  dockerfile-inline = <<EOT
FROM scratch
COPY hello.txt token.txt /in/
LABEL inline=yes
EOT
  output            = ["type=oci,dest=out/inline.tar,rewrite-timestamp=true"]
}

target "no-cache" {
  inherits = ["_base"]
  target   = "out-second"
  no-cache = true
  output   = ["type=local,dest=out/no-cache"]
}

target "no-cache-filter" {
  inherits        = ["_base"]
  target          = "out-second"
  no-cache-filter = ["second"]
  output          = ["type=local,dest=out/no-cache-filter"]
}

target "pull" {
  inherits = ["_base"]
  target   = "image"
  pull     = true
  args     = { WHO = "pull" }
  output   = ["type=oci,dest=out/pull.tar"]
}

variable "SEED" {}

target "args-null" {
  inherits = ["_base"]
  target   = "out-args"
  args     = { WHO = null }
  output   = ["type=local,dest=out/args-null"]
}

target "network-default" {
  inherits = ["_base"]
  target   = "out-network"
  network  = "default"
  output   = ["type=cacheonly"]
}

target "limits-many" {
  inherits = ["_base"]
  target   = "out-limits"
  shm-size = "67108864"
  ulimits  = ["nofile=2000:3000", "nproc=4000", "core=0:0"]
  output   = ["type=local,dest=out/limits-many"]
}

target "resources-cpu" {
  inherits = ["_base"]
  target   = "out-resources"
  resources = {
    memory        = "96m"
    "memory-swap" = "-1"
    "cpu-shares"  = 512
    "cpu-period"  = 50000
    "cpu-quota"   = 25000
    "cpuset-cpus" = "0"
    "cpuset-mems" = "0"
  }
  output = ["type=local,dest=out/resources-cpu"]
}

target "secret-forms" {
  inherits = ["_base"]
  target   = "out-secret"
  secret   = [{ id = "token", env = "TOKEN" }, { id = "file", src = "token.txt" }]
  output   = ["type=local,dest=out/secret-forms"]
}

target "ssh-object" {
  inherits = ["_base"]
  target   = "out-ssh"
  ssh      = [{ id = "key", paths = [SSH_AUTH_SOCK] }]
  output   = ["type=local,dest=out/ssh-object"]
}

target "stage-context" {
  inherits = ["_base"]
  contexts = { args = "replaced" }
  target   = "out-args"
  output   = ["type=local,dest=out/stage-context"]
}

target "no-cache-several" {
  inherits        = ["_base"]
  target          = "out-second"
  no-cache-filter = ["first", "second"]
  output          = ["type=local,dest=out/no-cache-several"]
}

target "labels-null" {
  inherits = ["image"]
  labels   = { "org.example.made" = null, "org.example.empty" = "" }
  tags     = []
  output   = ["type=oci,dest=out/labels-null.tar"]
}

target "pull-image" {
  inherits = ["_base"]
  contexts = { busybox = "docker-image://${SEED}" }
  target   = "pulled"
  pull     = true
  output   = ["type=oci,dest=out/pull-image.tar,rewrite-timestamp=true"]
}

target "entitled" {
  inherits     = ["_base"]
  target       = "out-insecure"
  network      = "host"
  entitlements = ["security.insecure", "network.host"]
  output       = ["type=local,dest=out/entitled"]
}
