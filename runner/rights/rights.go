// Package rights knows the rights that a target gives its steps: secrets, ssh
// agents, devices, the network of the host, all privileges. It says which of
// them a target has, which ones the vertices of a definition ask for, and gives
// what a definition asks for other names, so that two targets with different
// rights have no vertex in common.
//
// It knows neither builders nor sessions, and no value of a secret.
package rights

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/util/entitlements"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/config"
)

// Kind is a kind of right.
type Kind int

// The kinds of rights.
const (
	Secret Kind = iota
	SSH
	Device
	HostNetwork
	Insecure
)

// Right is something that a step may use only if its target has it. Devices
// have no ID: a target is granted a list of them.
type Right struct {
	Kind Kind
	ID   string
}

// String says what the right is, such as `the secret "token"`.
func (r Right) String() string {
	switch r.Kind {
	case Secret:
		return fmt.Sprintf("the secret %q", r.ID)
	case SSH:
		return fmt.Sprintf("the ssh agent %q", r.ID)
	case Device:
		return "devices"
	case HostNetwork:
		return string(entitlements.EntitlementNetworkHost)
	}
	return string(entitlements.EntitlementSecurityInsecure)
}

// Remedy says what a target has to have in the definition to get the right.
func (r Right) Remedy() string {
	switch r.Kind {
	case Secret:
		return fmt.Sprintf(`secret = ["id=%s,env=VARIABLE"]`, r.ID)
	case SSH:
		return fmt.Sprintf(`ssh = [%q]`, r.ID)
	case Device:
		return `entitlements = ["device=NAME"]`
	}
	return fmt.Sprintf("entitlements = [%q]", r.String())
}

// defaultSSH is the ID of an ssh agent that has none.
const defaultSSH = "default"

// Held are the rights of a target, each with what is behind it: where the
// secret or the key comes from, or the list of devices.
type Held map[Right]string

// Of returns the rights of a target. A secret whose variable is not set is as
// good as none.
func Of(t *config.Target) Held {
	h := Held{}
	for _, s := range t.Secrets {
		switch {
		case s.Unset:
		case s.Env != "":
			h[Right{Secret, s.ID}] = "env " + s.Env
		default:
			h[Right{Secret, s.ID}] = "src " + s.Src
		}
	}
	for _, s := range t.SSH {
		h[Right{SSH, sshID(s.ID)}] = "ssh " + strings.Join(s.Paths, "\x00")
	}
	var devices []string
	for _, e := range t.Entitlements {
		name, _, _ := strings.Cut(e, "=")
		switch entitlements.Entitlement(name) {
		case entitlements.EntitlementDevice:
			devices = append(devices, e)
		case entitlements.EntitlementNetworkHost:
			h[Right{Kind: HostNetwork}] = name
		case entitlements.EntitlementSecurityInsecure:
			h[Right{Kind: Insecure}] = name
		}
	}
	if t.Network == "host" {
		h[Right{Kind: HostNetwork}] = string(entitlements.EntitlementNetworkHost)
	}
	if len(devices) > 0 {
		slices.Sort(devices)
		h[Right{Kind: Device}] = strings.Join(slices.Compact(devices), "\x00")
	}
	return h
}

func sshID(id string) string {
	if id == "" {
		return defaultSSH
	}
	return id
}

// Meaning is what is behind what a vertex uses; "" is nothing. It is equal
// for targets whose steps get the same.
func (h Held) Meaning(u Use) string {
	if len(u.Also) == 0 {
		return h[u.Right]
	}
	parts := []string{h[u.Right]}
	for _, id := range u.Also {
		parts = append(parts, h[Right{u.Right.Kind, id}])
	}
	if all := strings.Join(parts, "\x01"); strings.Trim(all, "\x01") != "" {
		return all
	}
	return ""
}

// Alias is another ID for a secret or an agent, which stands for one meaning of
// it. It is the same in every run and on every machine, and tells nothing of a
// value.
func Alias(id, meaning string) string {
	if meaning == "" {
		return id + "@none"
	}
	return id + "@" + digest.FromString(meaning).Encoded()[:12]
}

// SSHAgent is the right to use an agent, which may have no ID.
func SSHAgent(id string) Right { return Right{SSH, sshID(id)} }
