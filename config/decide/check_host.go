package decide

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/files"
	"github.com/orch-build/orch/config/spec"
)

// maxSecret is the largest secret that BuildKit takes, in bytes.
const maxSecret = 500 * 1024

// checkSecrets reports files of secrets that do not exist, and notes which
// variables are not set: a step may do without them.
func (c *checker) checkSecrets() {
	list, _ := c.r.Values[attribute.AtSecret].([]spec.Secret)
	for i, s := range list {
		if s.ID == "" {
			c.wrong("secret", "it has no id")
			continue
		}
		if s.Env != "" {
			_, ok := c.in.env(s.Env)
			list[i].Unset = !ok
		}
		src := s.Src
		if src == "" && s.Env == "" {
			if _, ok := c.in.env(s.ID); ok {
				continue
			}
			src = s.ID
		}
		if src == "" {
			continue
		}
		info, err := c.in.Host.Stat(src)
		switch {
		case err != nil && s.Src == "":
			c.wrong("secret", "the secret %q has no source: there is neither a variable nor a file of that name; write src or env", s.ID)
		case err != nil:
			c.wrong("secret", "the file of the secret %q: %w", s.ID, err)
		case info.Size() > maxSecret:
			c.wrong("secret", "the file of the secret %q has %d bytes; it may have %d", s.ID, info.Size(), maxSecret)
		}
	}
}

// checkSSH reports agents and keys that do not exist. A context that is cloned
// over SSH needs the default agent.
func (c *checker) checkSSH() {
	list, _ := c.r.Values[attribute.AtSSH].([]spec.SSH)
	if p, ok := c.r.Values[attribute.AtContext].(attribute.Place); ok && len(list) == 0 && overSSH(p) {
		list = []spec.SSH{c.in.sshAgent()}
	}
	seen := map[string]bool{}
	for _, s := range list {
		id := s.ID
		if id == "" {
			id = "default"
		}
		if seen[id] {
			c.wrong("ssh", "the agent %q is there twice", id)
		}
		seen[id] = true
		if err := c.checkKeys(s.Paths); err != nil {
			c.wrong("ssh", "the agent %q: %w", id, err)
		}
	}
}

// overSSH reports whether a context is a git repository reached over SSH.
func overSSH(p attribute.Place) bool {
	c := p.Context()
	return c.Kind == spec.Git && isSSH(c.Value)
}

func isSSH(url string) bool { return strings.HasPrefix(url, "ssh://") || attribute.IsSCP(url) }

// checkKeys looks at the paths of an agent: one socket, or keys. Without a
// path it is the socket that SSH_AUTH_SOCK names.
func (c *checker) checkKeys(paths []string) error {
	if len(paths) == 0 {
		socket, _ := c.in.env("SSH_AUTH_SOCK")
		if socket == "" {
			return fmt.Errorf("SSH_AUTH_SOCK is not set, so there is no agent; start one, or name a key with %q", "default=PATH")
		}
		paths = []string{socket}
	}
	sockets := 0
	for _, path := range paths {
		if strings.HasPrefix(path, `\\.\pipe\`) || strings.HasPrefix(path, "//./pipe/") {
			sockets++
			continue
		}
		info, err := c.in.Host.Stat(path)
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSocket != 0 {
			sockets++
			continue
		}
		src, err := c.in.Host.ReadFile(path)
		if errors.Is(err, files.ErrNotGranted) {
			continue // which is said before the key is used
		}
		if err != nil {
			return err
		}
		if _, err := ssh.ParseRawPrivateKey(src); err != nil {
			return fmt.Errorf("%s is not a private key that can be read: %w", path, err)
		}
	}
	if sockets > 0 && len(paths) > 1 {
		return fmt.Errorf("it is either one socket or a list of keys")
	}
	return nil
}
