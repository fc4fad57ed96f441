variable "BUSYBOX" {
  default     = "docker-image://busybox"
  description = "Where busybox comes from: an image, or a folder with a static busybox in bin."
}

target "default" {
  target   = "site"
  contexts = { busybox = BUSYBOX }
  output   = ["out"]
}
