variable "BUSYBOX" {
  default     = "docker-image://busybox"
  description = "Where busybox comes from: an image, or a folder with a static busybox in bin."
}

target "_base" {
  target   = self.name
  contexts = { busybox = BUSYBOX }
}

target "script" {
  description = "What services that are scripts start from"
  inherits    = ["_base"]
}

target "pages" {
  description = "What services that are pages start from"
  inherits    = ["_base"]
}
