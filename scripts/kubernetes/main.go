//go:build kubernetes

// Command kubernetes is the kubelet of a cluster for tests that has no containers:
// it runs what "kubectl exec" asks for as a process of this machine, beside the
// BuildKit daemon whose socket is called as the pod is. The API server in front of
// it, and kubectl, are the real ones. scripts/kubernetes.sh compiles it in
// a module of its own, with kubernetes.mod, as orch does not depend on Kubernetes.
//
//	kubernetes PORT SOCKETS
//
// The folder SOCKETS has POD.sock for each pod. What a test writes into POD.fault is
// done to the pod from then on: "refuse" runs nothing, "hang" runs nothing and does
// not say so. A file POD.cut
// ends the connections to the pod.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

// protocols are what the API server may speak. The library lacks the newest one.
var protocols = []string{"v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"}

type kubelet struct{ dir string }

// ExecInContainer runs a command for a pod.
func (k kubelet) ExecInContainer(ctx context.Context, pod, _, _ string, argv []string, in io.Reader, out, said io.WriteCloser,
	_ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration) error {
	socket := filepath.Join(k.dir, pod+".sock")
	switch fault, _ := os.ReadFile(filepath.Join(k.dir, pod+".fault")); strings.TrimSpace(string(fault)) {
	case "refuse":
		return errors.New("the container is not running")
	case "hang":
		<-ctx.Done()
		return ctx.Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go k.cut(ctx, cancel, pod)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "BUILDKIT_HOST=unix://"+socket, "BUILDKIT_SOCKET="+socket)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.WaitDelay = out, time.Second
	if said != nil {
		cmd.Stderr = said
	}
	if in != nil {
		go func() {
			_, _ = io.Copy(stdin, in)
			_ = stdin.Close()
		}()
	}
	return cmd.Run()
}

// cut ends a command when a test wants its connection cut.
func (k kubelet) cut(ctx context.Context, cancel func(), pod string) {
	for ctx.Err() == nil {
		if _, err := os.Stat(filepath.Join(k.dir, pod+".cut")); err == nil {
			cancel()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// exec serves /exec/NAMESPACE/POD/CONTAINER.
func (k kubelet) exec(w http.ResponseWriter, req *http.Request) {
	path := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	if len(path) != 4 {
		http.NotFound(w, req)
		return
	}
	opt, err := remotecommand.NewOptions(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	remotecommand.ServeExec(w, req, k, path[2], "", path[3], req.URL.Query()["command"], opt, time.Hour, 30*time.Second, protocols)
}

// certificate is one that nobody has signed, which the API server does not mind.
func certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubelet"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: kubernetes PORT SOCKETS")
		os.Exit(2)
	}
	cert, err := certificate()
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/exec/", kubelet{os.Args[2]}.exec)
	server := &http.Server{
		Addr: "127.0.0.1:" + os.Args[1], Handler: mux,
		// Streams are of HTTP/1.1, as kubelets have them.
		TLSConfig:    &tls.Config{Certificates: []tls.Certificate{cert}},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	log.Fatal(server.ListenAndServeTLS("", ""))
}
