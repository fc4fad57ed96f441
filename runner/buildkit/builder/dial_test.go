package builder

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/buildkit/buildkittest"
)

// listen is a daemon on a socket, which builds nothing.
func listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { _ = (&buildkittest.Server{}).Serve(l) }() // it ends with the listener
	return "unix://" + l.Addr().String()
}

func TestDial(t *testing.T) {
	addr := listen(t)
	b, err := Dial(t.Context(), addr, "", TLS{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if b.Name != addr || b.Platform != "linux/amd64" || b.Version != "v0.34.2" || b.Client() == nil || !b.Answers(t.Context()) {
		t.Errorf("%+v", b)
	}
	records, unpacked, err := b.Conn.DiskUsage(t.Context())
	if len(records) > 0 || unpacked || err != nil {
		t.Errorf("%v, %v, %v", records, unpacked, err)
	}
	if b.Conn.ContentStore() == nil {
		t.Error("no content store")
	}
}

// TestDialNobody says in the user's words why nobody answers.
func TestDialNobody(t *testing.T) {
	_, err := Dial(t.Context(), "unix://"+filepath.Join(t.TempDir(), "none"), "x", TLS{})
	if err == nil || !strings.Contains(err.Error(), "there is no such socket; is the builder running?") {
		t.Errorf("%v", err)
	}
	if _, err := Dial(t.Context(), "nonsense://x", "x", TLS{}); err == nil {
		t.Error("an address that is none was dialled")
	}
	var bad *TLSError
	if _, err := Dial(t.Context(), "tcp://127.0.0.1:1", "x", TLS{Cert: "c"}); !errors.As(err, &bad) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, listen(t), "x", TLS{}); err != context.Canceled {
		t.Errorf("%v", err)
	}
}

func TestReachAddress(t *testing.T) {
	node := builders.Node{Name: "a", Address: listen(t)}
	for _, reach := range []func(context.Context, builders.Driver, builders.Node, string) (*Builder, error){Reach, Look} {
		b, err := reach(t.Context(), builders.Remote, node, "fleet/a")
		if err != nil {
			t.Fatal(err)
		}
		if b.Name != "fleet/a" || b.Engine != nil {
			t.Errorf("%+v", b)
		}
		b.Close()
	}
}

func TestDialError(t *testing.T) {
	for _, tt := range []struct{ addr, err, want string }{
		{"docker-container://b", `exec: \"docker\": executable file not found in $PATH`, "it is reached through the command docker, which is not on PATH"},
		{"ssh://h", `command [ssh h] has exited with exit status 255, make sure the URL is valid: stderr=Permission denied\nlost"`, "the command \"ssh h\" ended with exit status 255\n  Permission denied\n  lost"},
		{"tcp://h:1", "dial tcp: connection refused", "nobody listens there; is the builder running?"},
		{"tcp://h:1", "lookup h: no such host", "there is no host of that name"},
		{"unix:///s", "connect: permission denied", "you may not open the socket"},
		{"tcp://h:1", "remote error: tls: bad certificate", "does not accept the client's certificate client.pem"},
		{"tcp://h:1", "remote error: tls: certificate required", "does not accept the client's certificate client.pem"},
		{"tcp://h:1", "remote error: tls: expired certificate", "client.pem has expired"},
		{"tcp://h:1", "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time", "the builder's certificate has expired"},
		{"tcp://h:1", "tls: failed to verify certificate: x509: certificate is valid for a, not h", "--tlsservername"},
		{"tcp://h:1", "tls: first record does not look like a TLS handshake", "it does not speak TLS"},
		{"tcp://h:1", "x509: certificate signed by unknown authority", "not of the authority in ca.pem"},
		{"tcp://h:1", "tls: something else", "the TLS connection was refused"},
		{"tcp://h:1", "rpc error: code = DeadlineExceeded", "no answer within"},
		{"tcp://h:1", "error reading server preface: EOF", "it is not a BuildKit daemon"},
		{"tcp://h:1", "something else", "no BuildKit daemon at tcp://h:1: something else"},
	} {
		if got := dialError(tt.addr, TLS{CACert: "ca.pem", Cert: "client.pem"}, errors.New(tt.err)).Error(); !strings.Contains(got, tt.want) || !strings.HasPrefix(got, "no BuildKit daemon at "+tt.addr) {
			t.Errorf("%s: %s", tt.err, got)
		}
	}
	if err := dialError("tcp://h:1", TLS{CACert: "ca.pem"}, errors.New("remote error: tls: certificate required")); !strings.Contains(err.Error(), "a client's certificate is missing") {
		t.Error(err)
	}
	if err := dialError("tcp://h:1", TLS{}, fmt.Errorf("dialling: %w", context.DeadlineExceeded)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestHelperReason(t *testing.T) {
	fault := errors.New("broken pipe")
	if err := helperReason(t.Context(), "tcp://h:1", fault); err != fault {
		t.Errorf("without a command: %v", err)
	}
}

// certificate is a certificate that signs itself, with its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &secret.PublicKey, secret)
	if err != nil {
		t.Fatal(err)
	}
	secretDER, err := x509.MarshalECPrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: secretDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestTLSCheck(t *testing.T) {
	cert, key := certificate(t)
	for _, tt := range []struct {
		tls  TLS
		says string
	}{
		{TLS{}, ""},
		{TLS{CACert: cert}, ""},
		{TLS{CACert: cert, Cert: cert, Key: key, ServerName: "b"}, ""},
		{TLS{ServerName: "b"}, "(--tlscacert, ca, cacert)"},
		{TLS{CACert: cert, Cert: cert}, "its key belong together"},
		{TLS{CACert: key}, "holds none in PEM form"},
		{TLS{CACert: cert + ".none"}, "builder's authority: open"},
		{TLS{CACert: cert, Cert: key, Key: key}, "reading the client's certificate "},
	} {
		err := tt.tls.check()
		var bad *TLSError
		if tt.says == "" && err != nil || tt.says != "" && (!errors.As(err, &bad) || bad.Unwrap() == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%+v: %v", tt.tls, err)
		}
	}
}

func TestTLSFromDir(t *testing.T) {
	cert, key := certificate(t)
	dir := filepath.Dir(cert)
	if _, err := TLSFromDir(dir); err == nil {
		t.Error("a folder without ca.pem was taken")
	}
	ca := filepath.Join(dir, "ca.pem")
	if err := os.Link(cert, ca); err != nil {
		t.Fatal(err)
	}
	if got, err := TLSFromDir(dir); err != nil || got != (TLS{CACert: ca, Cert: cert, Key: key}) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	if got, err := TLSFromDir(dir); err != nil || got != (TLS{CACert: ca}) {
		t.Errorf("without a client's: %+v, %v", got, err)
	}
}

func TestServerName(t *testing.T) {
	u := &url.URL{Scheme: "tcp", Host: "buildkit:1234"}
	for want, tls := range map[string]TLS{"buildkit": {}, "other": {ServerName: "other"}} {
		if got := tls.serverName(u); got != want {
			t.Errorf("%q", got)
		}
	}
	if n := len((TLS{CACert: "a", Cert: "b", Key: "c"}).options("tcp://h:1")); n != 2 {
		t.Errorf("%d options", n)
	}
}

// TestHold keeps a build open until it is closed.
func TestHold(t *testing.T) {
	conn := &buildkittest.Client{}
	b, err := Connect(t.Context(), conn, "b")
	if err != nil {
		t.Fatal(err)
	}
	open := func(err error) func(context.Context, gateway.Client) error {
		return func(context.Context, gateway.Client) error { return err }
	}
	h, err := b.Hold(t.Context(), client.SolveOpt{}, make(chan *client.SolveStatus), open(nil))
	if err != nil {
		t.Fatal(err)
	}
	if len(h.finished) > 0 {
		t.Error("it has ended by itself")
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	fault := errors.New("no such repository")
	if _, err := b.Hold(t.Context(), client.SolveOpt{}, make(chan *client.SolveStatus), open(fault)); !errors.Is(err, fault) {
		t.Errorf("%v", err)
	}
}

// TestReplace puts another connection in the place of one that was lost.
func TestReplace(t *testing.T) {
	old, found := &buildkittest.Client{}, &buildkittest.Client{}
	b, err := Connect(t.Context(), old, "b")
	if err != nil {
		t.Fatal(err)
	}
	other, err := Connect(t.Context(), found, "b")
	if err != nil {
		t.Fatal(err)
	}
	other.Version = "v9"
	b.Replace(other)
	if !old.Closed() || found.Closed() || b.Version != "v9" || !b.Answers(t.Context()) || b.Client() != nil {
		t.Errorf("%+v", b)
	}
	b.Close()
	if b.Answers(t.Context()) {
		t.Error("a closed connection answers")
	}
}
