variable "REGISTRY" {
  default = "registry.example.com/acme"
}

import "bases" {
  source = "../../bases/build.hcl"
}

target "image" {
  description = "Finding things"
  contexts    = { base = "target:bases.script" }
  tags        = ["${REGISTRY}/search:latest"]
  traits      = { team = "shop" }
}
