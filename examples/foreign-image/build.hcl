variable "BUSYBOX" {
  default     = "docker-image://busybox"
  description = "Where busybox comes from: an image, or a folder with a static busybox in bin."
}

variable "NGINX" {
  default     = "docker-image://nginx:latest"
  description = "What stands for nginx:latest: that image, a copy in another registry, or a folder."
}

target "default" {
  contexts = {
    busybox = BUSYBOX
    nginx   = NGINX
  }
  output = ["out"]
}
