variable "REGISTRY" {
  default = "registry.example.com/acme"
}

import "bases" {
  source = "../../bases/build.hcl"
}

target "image" {
  description = "Pages for developers"
  contexts    = { base = "target:bases.pages" }
  tags        = ["${REGISTRY}/docs:latest"]
  traits      = { team = "core" }
}
