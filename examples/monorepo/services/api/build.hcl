variable "REGISTRY" {
  default = "registry.example.com/acme"
}

import "bases" {
  source = "../../bases/build.hcl"
}

target "image" {
  description = "The public interface"
  contexts    = { base = "target:bases.script" }
  tags        = ["${REGISTRY}/api:latest"]
  traits      = { team = "core" }
}
