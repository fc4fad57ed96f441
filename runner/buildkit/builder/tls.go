package builder

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/moby/buildkit/client"
)

// TLS names the files of a TLS connection; all empty means none.
type TLS struct {
	CACert     string
	Cert       string
	Key        string
	ServerName string
}

// TLSFromDir returns the files of a folder that holds ca.pem and, for a
// builder that asks who calls, cert.pem and key.pem.
func TLSFromDir(dir string) (TLS, error) {
	t := TLS{CACert: filepath.Join(dir, "ca.pem")}
	if _, err := os.Stat(t.CACert); err != nil {
		return TLS{}, fmt.Errorf("reading TLS folder: %w", err)
	}
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if _, err := os.Stat(cert); err == nil {
		t.Cert, t.Key = cert, key
	}
	return t, nil
}

func (t TLS) options(addr string) []client.ClientOpt {
	var opts []client.ClientOpt
	if t.CACert != "" {
		name := t.ServerName
		if u, err := url.Parse(addr); err == nil {
			name = t.serverName(u)
		}
		opts = append(opts, client.WithServerConfig(name, t.CACert))
	}
	if t.Cert != "" || t.Key != "" {
		opts = append(opts, client.WithCredentials(t.Cert, t.Key))
	}
	return opts
}

// TLSError is a TLS setting that cannot be used.
type TLSError struct{ err error }

func (e *TLSError) Error() string { return e.err.Error() }
func (e *TLSError) Unwrap() error { return e.err }

// check reads the files, before anyone is called.
func (t TLS) check() error {
	_, err := t.config("")
	if err != nil {
		return &TLSError{err}
	}
	return nil
}

// config is what the files say.
func (t TLS) config(serverName string) (*tls.Config, error) {
	cfg := &tls.Config{ServerName: serverName, NextProtos: []string{"h2"}}
	if t.CACert == "" && (t.Cert != "" || t.Key != "" || t.ServerName != "") {
		return nil, errors.New("a TLS connection needs the certificate of the authority that signed the builder's (--tlscacert, ca, cacert)")
	}
	if t.CACert != "" {
		pem, err := os.ReadFile(t.CACert)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate of the builder's authority: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading the certificate of the builder's authority: %s holds none in PEM form", t.CACert)
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, errors.New("the client's certificate and its key belong together: one of them is missing (--tlscert and --tlskey, cert and key)")
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("reading the client's certificate %s and its key %s: %w", t.Cert, t.Key, err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// reason finds out why a TLS connection failed with err. A builder says only
// after the handshake that it does not accept the client's certificate; by
// then the client may be writing, and see no more than a broken pipe.
func (t TLS) reason(ctx context.Context, addr string, err error) error {
	u, parseErr := url.Parse(addr)
	if t.CACert == "" || parseErr != nil || u.Scheme != "tcp" {
		return err
	}
	cfg, cfgErr := t.config(t.serverName(u))
	if cfgErr != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, reasonTimeout)
	defer cancel()
	conn, dialErr := (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", u.Host)
	if dialErr != nil {
		return dialErr
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(reasonTimeout))
	_, readErr := conn.Read(make([]byte, 1))
	if readErr != nil && !errors.Is(readErr, os.ErrDeadlineExceeded) && !errors.Is(readErr, io.EOF) {
		return readErr
	}
	return err
}

// serverName is the name that the builder's certificate must have.
func (t TLS) serverName(u *url.URL) string {
	if t.ServerName != "" {
		return t.ServerName
	}
	return u.Hostname()
}
