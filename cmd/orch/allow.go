package main

import "strings"

// checkAllow reports permissions that do not exist.
func checkAllow(allow []string) error {
	for _, a := range allow {
		key, _, hasValue := strings.Cut(a, "=")
		switch key {
		case "network.host", "security.insecure", "ssh", "device",
			"fs", "fs.read", "fs.write", "image", "image.push", "image.load":
		case "buildx.local.delete":
			if hasValue {
				return usagef("--allow %s takes no value", key)
			}
		default:
			return usagef("--allow %q: there is no permission %q; there are network.host, security.insecure, ssh, device, fs, fs.read, fs.write, buildx.local.delete", a, key)
		}
	}
	return nil
}
