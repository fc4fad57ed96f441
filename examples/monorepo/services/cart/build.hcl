variable "REGISTRY" {
  default = "registry.example.com/acme"
}

import "bases" {
  source = "../../bases/build.hcl"
}

target "image" {
  description = "What a customer is about to buy"
  contexts    = { base = "target:bases.script" }
  tags        = ["${REGISTRY}/cart:latest"]
  traits      = { team = "shop" }
}
