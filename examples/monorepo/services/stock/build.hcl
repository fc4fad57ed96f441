variable "REGISTRY" {
  default = "registry.example.com/acme"
}

import "bases" {
  source = "../../bases/build.hcl"
}

target "image" {
  description = "What is left"
  contexts    = { base = "target:bases.script" }
  tags        = ["${REGISTRY}/stock:latest"]
  traits      = { team = "shop" }
}
