variable "REGISTRY" { default = "ghcr.io/acme" }

cache {
  type = "registry"
  ref  = "${REGISTRY}/cache"
  when = "ci"
}

group "default" { targets = ["api", "web", "worker"] }

target "_service" {
  platforms = ["linux/amd64", "linux/arm64"]
  output    = ["type=image"]
}

target "api" {
  inherits = ["_service"]
  target   = "api"
  tags     = ["${REGISTRY}/api:${coalesce(git.short, "dev")}"]
}

target "web" {
  inherits = ["_service"]
  target   = "web"
  tags     = ["${REGISTRY}/web:${coalesce(git.short, "dev")}"]
}

target "worker" {
  inherits = ["_service"]
  target   = "worker"
  tags     = ["${REGISTRY}/worker:${coalesce(git.short, "dev")}"]
}
