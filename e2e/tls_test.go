//go:build linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// checker ends a test because of an error.
type checker interface{ Check(err error) }

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(ts checker, name string) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	a := &authority{template(name), key}
	a.cert.IsCA, a.cert.BasicConstraintsValid, a.cert.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &key.PublicKey, key)
	ts.Check(err)
	a.cert, err = x509.ParseCertificate(der)
	ts.Check(err)
	return a
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

// sign returns a new certificate and its key, in PEM.
func (a *authority) sign(ts checker, name string) (cert, key []byte) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	der, err := x509.CreateCertificate(rand.Reader, template(name), a.cert, &k.PublicKey, a.key)
	ts.Check(err)
	keyDER, err := x509.MarshalECPrivateKey(k)
	ts.Check(err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
}

// folder writes what a client needs: the authority that it trusts, and unless
// signer is nil a certificate of its own.
func (a *authority) folder(ts checker, dir string, signer *authority) {
	ts.Check(os.MkdirAll(dir, 0o755))
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
	ts.Check(os.WriteFile(filepath.Join(dir, "ca.pem"), ca, 0o644))
	if signer != nil {
		cert, key := signer.sign(ts, "client")
		ts.Check(os.WriteFile(filepath.Join(dir, "cert.pem"), cert, 0o644))
		ts.Check(os.WriteFile(filepath.Join(dir, "key.pem"), key, 0o600))
	}
}

// cmdTLSBuilder makes the tests' builder reachable at $TLS_BUILDER, on a port
// with TLS that asks for a client's certificate, and another one at
// $TCP_BUILDER without. The folders tls, wrongca, nocert and wrongcert hold
// what a client may come with.
func cmdTLSBuilder(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: tlsbuilder")
	}
	ca, stranger := newAuthority(ts, "ca"), newAuthority(ts, "stranger")
	ca.folder(ts, ts.MkAbs("tls"), ca)
	ca.folder(ts, ts.MkAbs("nocert"), nil)
	ca.folder(ts, ts.MkAbs("wrongcert"), stranger)
	stranger.folder(ts, ts.MkAbs("wrongca"), ca)

	cert, key := ca.sign(ts, "builder")
	pair, err := tls.X509KeyPair(cert, key)
	ts.Check(err)
	clients := x509.NewCertPool()
	clients.AddCert(ca.cert)
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	secure, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientCAs:    clients,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		NextProtos:   []string{"h2"},
	})
	ts.Check(err)
	ts.Defer(func() { plain.Close(); secure.Close() })
	socket := filepath.Join(shared.state, "builder.sock")
	go forwardAll(plain, socket)
	go forwardAll(secure, socket)
	ts.Setenv("TCP_BUILDER", "tcp://"+plain.Addr().String())
	ts.Setenv("TLS_BUILDER", "tcp://"+secure.Addr().String())
}

// forwardAll forwards connections to a unix socket until l is closed.
func forwardAll(l net.Listener, to string) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer in.Close()
			out, err := net.Dial("unix", to)
			if err != nil {
				return
			}
			defer out.Close()
			go func() { _, _ = io.Copy(out, in) }()
			_, _ = io.Copy(in, out)
		}()
	}
}
