variable "REGISTRY" {
  default = "registry.example.com/acme"
}

import "bases" {
  source = "../../bases/build.hcl"
}

target "image" {
  description = "Invoices"
  contexts    = { base = "target:bases.script" }
  tags        = ["${REGISTRY}/billing:latest"]
  traits      = { team = "money" }
}
