variable "REGISTRY" {
  default = "registry.example.com/acme"
}

import "bases" {
  source = "../../bases/build.hcl"
}

target "image" {
  description = "Pages for the staff"
  contexts    = { base = "target:bases.pages" }
  tags        = ["${REGISTRY}/admin:latest"]
  traits      = { team = "core" }
}
