package main

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/tonistiigi/go-csvvalue"
)

// The permissions that a definition may need, by the names of --allow.
const (
	permitHostNetwork = "network.host"
	permitInsecure    = "security.insecure"
	permitSSH         = "ssh"
	permitDevice      = "device"
	permitRead        = "fs.read"
	permitWrite       = "fs.write"
	permitDelete      = "buildx.local.delete"
)

// anything stands for every path or device.
const anything = "*"

// permissions are what a definition may touch.
type permissions struct {
	plain   map[string]bool // those without a value
	devices []string
	// Paths are absolute and without symbolic links.
	read, write []string
}

// checkAllow reports permissions that do not exist.
func checkAllow(allow []string) error {
	_, err := parseAllow(allow)
	return err
}

// parseAllow reads the values of --allow.
func parseAllow(allow []string) (*permissions, error) {
	p := &permissions{plain: map[string]bool{}}
	for _, a := range allow {
		key, value, hasValue := strings.Cut(a, "=")
		switch key {
		case permitHostNetwork, permitInsecure, permitSSH, permitDelete:
			if hasValue {
				return nil, usagef("--allow %s takes no value", key)
			}
			p.plain[key] = true
		case permitDevice:
			name, err := deviceName(value)
			if err != nil {
				return nil, usagef("--allow %q is not a list of comma separated fields", a)
			}
			p.devices = append(p.devices, name)
		case permitRead:
			p.addPath(&p.read, value)
		case permitWrite:
			p.addPath(&p.write, value)
		case "fs":
			p.addPath(&p.read, value)
			p.addPath(&p.write, value)
		case "image", "image.push", "image.load": // the peer's; nothing asks for them
		default:
			return nil, usagef("--allow %q: there is no permission %q; there are network.host, security.insecure, ssh, device, fs, fs.read, fs.write, buildx.local.delete", a, key)
		}
	}
	return p, nil
}

// deviceName returns the name of a device, anything if there is none. What
// follows a comma says how the device is used.
func deviceName(value string) (string, error) {
	if value == "" {
		return anything, nil
	}
	fields, err := csvvalue.Fields(value, nil)
	if err != nil {
		return "", err
	}
	return fields[0], nil
}

// addPath grants a path. One that cannot be resolved grants nothing.
func (p *permissions) addPath(list *[]string, path string) {
	if path == anything {
		*list = append(*list, anything)
		return
	}
	if path == "" {
		return
	}
	if real, err := realPath(path); err == nil {
		*list = append(*list, real)
	}
}

// allows says whether something is granted.
func (p *permissions) allows(n need) bool {
	switch n.key {
	case permitRead:
		return covered(p.read, n.value)
	case permitWrite:
		return covered(p.write, n.value)
	case permitDevice:
		return slices.Contains(p.devices, anything) || slices.Contains(p.devices, n.value)
	}
	return p.plain[n.key]
}

// covered says whether a path is one of those granted, or below one.
func covered(granted []string, path string) bool {
	return slices.ContainsFunc(granted, func(g string) bool { return g == anything || within(path, g) })
}

// within says whether a path is a folder or something in it.
func within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// granted are the permissions of a run: those of --allow, the working
// directory, what --set and its kin name, and for a local definition the
// folders of this machine's Go toolchain, which goenv() gave.
func (l *loadFlags) granted(overrides []config.Override) (*permissions, error) {
	p, err := parseAllow(l.allow)
	if err != nil {
		return nil, err
	}
	for _, list := range []*[]string{&p.read, &p.write} {
		p.addPath(list, ".")
	}
	for _, text := range l.overrides {
		if o, err := config.ParseOverride(text); err == nil {
			overrides = append(overrides, o)
		}
	}
	access := config.OverrideAccess(overrides)
	for _, path := range slices.Concat(access.Read, l.toolchain) {
		p.addPath(&p.read, path)
	}
	for _, path := range access.Write {
		p.addPath(&p.write, path)
	}
	for _, name := range access.Entitlements {
		if name == permitHostNetwork || name == permitInsecure {
			p.plain[name] = true
		}
	}
	return p, nil
}

// checksFiles says whether files and agents have to be granted, by the peer's
// variables.
func (l *loadFlags) checksFiles(e *env) (bool, error) {
	on := true
	for _, v := range []struct {
		name       string
		remoteOnly bool
		switchesOn bool
	}{
		{"BAKE_ALLOW_REMOTE_FS_ACCESS", true, false},
		{"BUILDX_BAKE_ENTITLEMENTS_FS", false, true},
	} {
		text := e.getenv(v.name)
		if text == "" || v.remoteOnly && l.remote == nil {
			continue
		}
		b, err := strconv.ParseBool(text)
		if err != nil {
			return false, usagef("%s=%s is neither true nor false", v.name, text)
		}
		on = b == v.switchesOn
	}
	return on, nil
}
