package docker
decision := {"allow": false}
