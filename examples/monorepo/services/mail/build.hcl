variable "REGISTRY" {
  default = "registry.example.com/acme"
}

import "bases" {
  source = "../../bases/build.hcl"
}

target "image" {
  description = "Letters to customers"
  contexts    = { base = "target:bases.script" }
  tags        = ["${REGISTRY}/mail:latest"]
  traits      = { team = "core" }
}
