package dockerproxy

// defaultEngine is where the docker command looks if nothing else is said.
const defaultEngine = "npipe:////./pipe/docker_engine"
