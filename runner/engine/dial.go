package engine

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"

	"github.com/docker/cli/cli/connhelper"

	"github.com/orch-build/orch/runner/builders/contexts"
)

// dialer returns what opens a connection to the engine.
func dialer(ep contexts.Endpoint) (func(context.Context) (net.Conn, error), error) {
	u, err := url.Parse(ep.Host)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "unix":
		return func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", u.Path)
		}, nil
	case "npipe":
		return pipeDialer(u.Path)
	case "tcp", "http", "https":
		return tcpDialer(u, ep.TLS)
	case "ssh":
		helper, err := connhelper.GetConnectionHelper(ep.Host)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) (net.Conn, error) { return helper.Dialer(ctx, "", "") }, nil
	}
	return nil, fmt.Errorf("unknown scheme %q; known are unix, tcp, ssh and npipe", u.Scheme)
}

func tcpDialer(u *url.URL, files *contexts.TLS) (func(context.Context) (net.Conn, error), error) {
	host := u.Host
	if u.Port() == "" {
		port := "2375"
		if files != nil {
			port = "2376"
		}
		host = net.JoinHostPort(u.Hostname(), port)
	}
	if files == nil && u.Scheme != "https" {
		return func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", host)
		}, nil
	}
	cfg, err := tlsConfig(files, u.Hostname())
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (net.Conn, error) {
		return (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", host)
	}, nil
}

// tlsConfig reads the certificates; nil are none.
func tlsConfig(files *contexts.TLS, name string) (*tls.Config, error) {
	cfg := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12}
	if files == nil {
		return cfg, nil
	}
	cfg.InsecureSkipVerify = files.SkipVerify
	if files.CA != "" {
		pem, err := os.ReadFile(files.CA)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate of the authority: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New(files.CA + " holds no certificate in PEM form")
		}
	}
	if files.Cert != "" {
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			return nil, fmt.Errorf("reading the client's certificate: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
