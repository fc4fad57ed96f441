# Each service has its own build.hcl; this one only brings them together.
#
#   orch bake                   all twelve
#   orch bake svc.shop.image    one
#   orch bake 'svc.*' --except svc.docs.image
#   orch list targets

import "svc" {
  source = "./services/*/build.hcl"
}

group "default" {
  targets = ["svc.*.image"]
}
