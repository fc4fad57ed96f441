variable "REGISTRY" {
  default = "registry.example.com/acme"
}

import "bases" {
  source = "../../bases/build.hcl"
}

target "image" {
  description = "Who may do what"
  contexts    = { base = "target:bases.script" }
  tags        = ["${REGISTRY}/auth:latest"]
  traits      = { team = "core" }
}
