package docker
default allow := false
allow if input.local
allow if data.names.known
decision := {"allow": allow}
