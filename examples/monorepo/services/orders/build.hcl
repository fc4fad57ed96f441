variable "REGISTRY" {
  default = "registry.example.com/acme"
}

import "bases" {
  source = "../../bases/build.hcl"
}

target "image" {
  description = "What was bought"
  contexts    = { base = "target:bases.script" }
  tags        = ["${REGISTRY}/orders:latest"]
  traits      = { team = "shop" }
}
