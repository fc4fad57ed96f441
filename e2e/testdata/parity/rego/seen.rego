package docker
default allow := false
allow if input.local.name in {"dockerfile", "context"}
allow if { input.image.checksum; input.image.os == "linux"; input.env.filename in {"Dockerfile", "Denied"} }
decision := {"allow": allow}
