package docker
default allow := false
allow if input.local
allow if pin_image(input.image, "sha256:0bb079e4ead4b14bbf1136114395c515549b85f67b39ff7be3e8f45786790613")
decision := {"allow": allow}
