// Package permission decides what a definition may touch on this machine:
// which files it reads and writes, and which privileges its steps get. It holds
// what is granted, lists what the targets of a definition need, and guards the
// files that are read while a definition is evaluated.
//
// It knows neither flags nor terminals nor the environment, it asks nobody, and
// it does not know what a builder allows.
package permission

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tonistiigi/go-csvvalue"
)

// The permissions that a definition may need, by the names of --allow.
const (
	HostNetwork = "network.host"
	Insecure    = "security.insecure"
	SSH         = "ssh"
	Device      = "device"
	Read        = "fs.read"
	Write       = "fs.write"
	Delete      = "buildx.local.delete"

	readAndWrite = "fs"
)

// anything stands for every path or device.
const anything = "*"

// Set is what a definition may touch. The zero value allows nothing.
type Set struct {
	plain   map[string]bool // those without a value
	devices []string
	// Paths are absolute and without symbolic links.
	read, write []string
}

// Parse reads the values of --allow.
func Parse(allow []string) (*Set, error) {
	s := &Set{plain: map[string]bool{}}
	for _, a := range allow {
		if err := s.parse(a); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Set) parse(allow string) error {
	key, value, hasValue := strings.Cut(allow, "=")
	switch key {
	case HostNetwork, Insecure, SSH, Delete:
		if hasValue {
			return fmt.Errorf("--allow %s takes no value", key)
		}
		s.plain[key] = true
	case Device:
		name, err := deviceName(value)
		if err != nil {
			return fmt.Errorf("--allow %q is not a list of comma separated fields", allow)
		}
		s.devices = append(s.devices, name)
	case Read:
		s.GrantRead(value)
	case Write:
		s.GrantWrite(value)
	case readAndWrite:
		s.GrantRead(value)
		s.GrantWrite(value)
	case "image", "image.push", "image.load": // bake's; nothing asks for them
	default:
		return fmt.Errorf("--allow %q: there is no permission %q; there are network.host, security.insecure, ssh, device, fs, fs.read, fs.write, buildx.local.delete", allow, key)
	}
	return nil
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

// GrantRead lets a definition read a path and what is below it.
func (s *Set) GrantRead(path string) { grantPath(&s.read, path) }

// GrantWrite lets a definition write a path and what is below it.
func (s *Set) GrantWrite(path string) { grantPath(&s.write, path) }

// GrantPrivilege lets steps have network.host or security.insecure. Other
// names grant nothing.
func (s *Set) GrantPrivilege(name string) {
	if name == HostNetwork || name == Insecure {
		s.plain[name] = true
	}
}

// grantPath adds a path. One that cannot be resolved grants nothing.
func grantPath(list *[]string, path string) {
	if path == anything {
		*list = append(*list, anything)
		return
	}
	if path == "" {
		return
	}
	if real, err := RealPath(path); err == nil {
		*list = append(*list, real)
	}
}

// allows says whether something is granted.
func (s *Set) allows(n Need) bool {
	switch n.Key {
	case Read:
		return covered(s.read, n.Value)
	case Write:
		return covered(s.write, n.Value)
	case Device:
		return slices.Contains(s.devices, anything) || slices.Contains(s.devices, n.Value)
	}
	return s.plain[n.Key]
}

// covered says whether a path is one of those granted, or below one.
func covered(granted []string, path string) bool {
	return slices.ContainsFunc(granted, func(g string) bool { return g == anything || within(path, g) })
}
