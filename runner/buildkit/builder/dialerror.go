package builder

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/moby/buildkit/client/connhelper"

	"github.com/orch-build/orch/internal/lazyregexp"
)

// reasonTimeout bounds the second look at a connection that failed.
const reasonTimeout = 2 * time.Second

// The errors of BuildKit's connection helpers, which reach a builder through
// another command such as docker, kubectl or ssh. gRPC passes them on with
// quotes and line ends escaped.
var (
	helperMissing = lazyregexp.New(`exec: \\?"([^"\\]+)\\?": executable file not found`)
	helperEnded   = lazyregexp.New(`(?s)command \[(.*?)\] has exited with (.*?), make sure .*?stderr=(.*)`)
)

// dialError puts into words why nobody useful answered.
func dialError(addr string, tls TLS, err error) error {
	text := err.Error()
	if m := helperMissing.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("no BuildKit daemon at %s: it is reached through the command %s, which is not on PATH", addr, m[1])
	}
	if m := helperEnded.FindStringSubmatch(text); m != nil {
		said := strings.TrimSpace(strings.TrimSuffix(strings.NewReplacer(`\n`, "\n", `\r`, "").Replace(m[3]), `"`))
		return fmt.Errorf("no BuildKit daemon at %s: the command %q ended with %s\n  %s", addr, m[1], m[2], strings.ReplaceAll(said, "\n", "\n  "))
	}
	if hint := dialHint(addr, tls, err); hint != "" {
		return fmt.Errorf("no BuildKit daemon at %s: %s\n  %w", addr, hint, err)
	}
	return fmt.Errorf("no BuildKit daemon at %s: %w", addr, err)
}

// helperReason finds out why a connection through another command failed with
// err: that command says why it ended only to whoever reads from it, and a
// client that was just writing sees no more than a broken pipe.
func helperReason(ctx context.Context, addr string, err error) error {
	h, helperErr := connhelper.GetConnectionHelper(addr)
	if h == nil || helperErr != nil || !strings.Contains(err.Error(), "broken pipe") {
		return err
	}
	conn, dialErr := h.ContextDialer(ctx, addr)
	if dialErr != nil {
		return dialErr
	}
	time.AfterFunc(reasonTimeout, func() { conn.Close() })
	if _, readErr := conn.Read(make([]byte, 1)); readErr != nil && helperEnded.MatchString(readErr.Error()) {
		return readErr
	}
	return err
}

// dialHint says in the user's words what the error of a connection means.
func dialHint(addr string, tls TLS, err error) string {
	text := err.Error()
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(text, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("no such file or directory") && strings.HasPrefix(addr, "unix://"):
		return "there is no such socket; is the builder running?"
	case has("connection refused"):
		return "nobody listens there; is the builder running?"
	case has("no such host"):
		return "there is no host of that name"
	case has("permission denied"):
		return "you may not open the socket"
	case tls.Cert == "" && has("certificate required", "bad certificate"):
		return "the builder wants to know who calls: a client's certificate is missing (--tlscert and --tlskey, cert and key)"
	case has("remote error: tls: expired certificate"):
		return "the client's certificate " + tls.Cert + " has expired"
	case has("certificate required", "bad certificate", "unknown certificate authority", "unknown certificate"):
		// A client does not even show one of another authority.
		return "the builder does not accept the client's certificate " + tls.Cert
	case has("first record does not look like a TLS handshake"):
		return "it does not speak TLS, and there are certificates for it; leave them out"
	case has("certificate has expired or is not yet valid"):
		return "the builder's certificate has expired, or is not valid yet"
	case has("certificate signed by unknown authority"):
		return "the builder's certificate is not of the authority in " + tls.CACert + ": that has to be the one that signed it"
	case has("x509: certificate is", "doesn't contain any IP SANs", "x509: cannot validate"):
		return "the builder's certificate is for another name: say which one (--tlsservername, server_name, servername)"
	case has("tls:", "x509:"):
		return "the TLS connection was refused"
	case errors.Is(err, context.DeadlineExceeded) || has("DeadlineExceeded"):
		return fmt.Sprintf("no answer within %s; does a BuildKit daemon listen there?", dialTimeout)
	case has("broken pipe", "connection reset") && tls.CACert == "", has("server preface", "frame", "HTTP status code", "Unimplemented"):
		return "something answers, but it is not a BuildKit daemon (or it wants TLS, with the certificate of its authority: --tlscacert, ca, cacert)"
	}
	return ""
}
