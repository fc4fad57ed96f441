package engine

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"strings"

	"github.com/orch-build/orch/internal/shellquote"
	"github.com/orch-build/orch/runner/builders/contexts"
)

// tlsHint says where certificates would be.
func (e *Engine) tlsHint() string {
	switch {
	case e.endpoint.TLS != nil:
		return ", and does not accept these certificates"
	case e.ofVariables():
		return ": set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem"
	}
	return ", but the context has no TLS files: add them with docker context update --docker"
}

// otherwise says what may listen where no engine does: on a port, one that wants TLS,
// or a BuildKit daemon.
func (e *Engine) otherwise() string {
	host, onPort := strings.CutPrefix(e.Host(), "tcp://")
	switch {
	case !onPort:
		return "; a BuildKit daemon is named by --builder " + e.Host()
	case e.endpoint.TLS != nil:
		return ", or it does not accept these certificates; a BuildKit daemon is named by --builder tcp://" + host
	}
	return "; a BuildKit daemon is named by --builder tcp://" + host + "; or it wants TLS" + e.tlsHint()
}

// ofVariables says that DOCKER_HOST and its like name the engine, and no context.
func (e *Engine) ofVariables() bool {
	return e.endpoint.Context == "" || e.endpoint.Context == contexts.Default
}

// unreachable puts into words why nobody answered.
func (e *Engine) unreachable(ctx context.Context, err error) error {
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	switch ssh, isSSH := strings.CutPrefix(e.Host(), "ssh://"); {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s has not answered within %s", e.who(), answerTimeout)
	case isSSH:
		return fmt.Errorf("%s: %w", e.who(), overSSH(ssh, err))
	}
	if err := e.untrusted(err); err != nil {
		return err
	}
	text := err.Error()
	has := func(part string) bool { return strings.Contains(text, part) }
	switch {
	case has("no such file or directory"), has("connection refused"):
		return fmt.Errorf("%s does not answer; is it running? Another builder is named by --builder, such as --builder embedded\n  %w", e.who(), err)
	case has("permission denied"):
		return fmt.Errorf("%s: you may not open its socket\n  %w", e.who(), err)
	case has("malformed HTTP"), has("readLoopPeekFailLocked"), has("server closed idle connection"), has("EOF"), has("broken pipe"), has("connection reset"):
		return errors.New(e.who() + " does not speak HTTP: it is no Docker engine" + e.otherwise())
	case has("expired certificate"):
		return fmt.Errorf("%s: the client's certificate has expired\n  %w", e.who(), err)
	case has("certificate has expired or is not yet valid"):
		return fmt.Errorf("%s: its certificate has expired, or is not valid yet\n  %w", e.who(), err)
	case has("first record does not look like a TLS handshake"), has("server gave HTTP response to HTTPS client"):
		return fmt.Errorf("%s does not speak TLS, and there are certificates for it", e.who())
	}
	return fmt.Errorf("%s: %w", e.who(), err)
}

// untrusted says which of the two sides does not accept the other's certificate; nil
// if it is something else.
func (e *Engine) untrusted(err error) error {
	has := func(part string) bool { return strings.Contains(err.Error(), part) }
	var unknown x509.UnknownAuthorityError
	files := e.endpoint.TLS
	switch {
	case errors.As(err, &unknown) && files != nil && files.CA != "":
		return fmt.Errorf("%s has a certificate that is not of the authority in %s: that has to be the ca.pem of this engine\n  %w", e.who(), files.CA, err)
	case errors.As(err, &unknown):
		return fmt.Errorf("%s has a certificate of an authority that this machine does not know; its ca.pem goes where the other TLS files are\n  %w", e.who(), err)
	case !has("certificate required") && !has("bad certificate") && !has("unknown certificate authority"):
		return nil
	case files == nil || files.Cert == "":
		return fmt.Errorf("%s wants a certificate of its clients, and there is none: cert.pem and key.pem have to be where ca.pem is\n  %w", e.who(), err)
	}
	return fmt.Errorf("%s does not accept the client's certificate %s\n  %w", e.who(), files.Cert, err)
}

// overSSH puts into words why ssh did not lead to an engine. Where its command ended,
// the error holds what that wrote.
func overSSH(host string, err error) error {
	text := err.Error()
	_, said, ended := strings.Cut(text, "stderr=")
	if !ended {
		switch {
		case errors.Is(err, exec.ErrNotFound):
			return errors.New("there is no command ssh on PATH, through which it is reached")
		case strings.Contains(text, "malformed HTTP"):
			return fmt.Errorf("what answers through ssh is not \"docker system dial-stdio\": nothing else may write to the standard output there, such as a script that runs at each login\n  %w", err)
		}
		return err
	}
	has := func(part string) bool { return strings.Contains(text, part) }
	why := "its \"docker system dial-stdio\" has ended"
	switch {
	case has("HOST IDENTIFICATION HAS CHANGED"):
		why = "it shows another host key than ssh knows of it"
	case has("Host key verification failed"):
		why = "ssh does not know its host key: connect once by hand, to look at it and accept it, with " + shellquote.InText(sshCommand(host))
	case has("Permission denied"):
		why = "ssh is not let in: it needs a key that the other side accepts; one with a passphrase has to be in ssh-agent"
	case has("exit status 127"):
		why = "there is no docker command on the other side, or not on the PATH of commands that come by ssh"
	case has("raw stream connection"):
		why = "docker is there, but no engine answers it"
	case has("exit status 255"):
		why = "ssh does not get there"
	}
	return errors.New(why + "\n  " + strings.ReplaceAll(strings.TrimSpace(said), "\n", "\n  "))
}

// sshCommand is what a person types to get to a host.
func sshCommand(host string) string {
	u, err := url.Parse("ssh://" + host)
	if err != nil {
		return "ssh"
	}
	var args []string
	if u.Port() != "" {
		args = append(args, "-p", u.Port())
	}
	name := u.Hostname()
	if u.User.Username() != "" {
		name = u.User.Username() + "@" + name
	}
	return shellquote.Command("ssh", append(args, name)...)
}
