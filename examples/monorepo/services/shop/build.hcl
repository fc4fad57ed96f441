variable "REGISTRY" {
  default = "registry.example.com/acme"
}

import "bases" {
  source = "../../bases/build.hcl"
}

target "image" {
  description = "Pages for customers"
  contexts    = { base = "target:bases.pages" }
  tags        = ["${REGISTRY}/shop:latest"]
  traits      = { team = "shop" }
}
