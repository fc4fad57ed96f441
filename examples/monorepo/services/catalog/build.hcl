variable "REGISTRY" {
  default = "registry.example.com/acme"
}

import "bases" {
  source = "../../bases/build.hcl"
}

target "image" {
  description = "What there is to buy"
  contexts    = { base = "target:bases.script" }
  tags        = ["${REGISTRY}/catalog:latest"]
  traits      = { team = "shop" }
}
