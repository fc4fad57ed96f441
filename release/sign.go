package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// apkKey is what apk knows the public key by: a file in /etc/apk/keys.
const apkKey = "orch.rsa.pub"

// readKey reads the private key, and writes the public one. The signature is of the
// form that "cosign verify-blob --key" and "openssl dgst -verify" read.
func (r *release) readKey() error {
	var err error
	if r.private, err = privateKey(r.key); r.private == nil || err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(r.private.Public())
	if err != nil {
		return err
	}
	r.public = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	if _, ok := r.private.(*rsa.PrivateKey); ok {
		if err := r.write(apkKey, 0o644, []byte(r.public)); err != nil {
			return err
		}
	}
	return r.write("orch.pub", 0o644, []byte(r.public))
}

// privateKey returns nil where there is none.
func privateKey(name string) (crypto.Signer, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// "openssl ecparam -genkey" writes the parameters of the curve first.
	block, rest := pem.Decode(text)
	for block != nil && block.Type == "EC PARAMETERS" {
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return nil, errors.New("the signing key is not a PEM file")
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the signing key is not an unencrypted private key: make one with \"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256\"")
	}
	switch key := parsed.(type) {
	case *ecdsa.PrivateKey:
		return key, nil
	case *rsa.PrivateKey:
		return key, nil
	}
	return nil, fmt.Errorf("the signing key is an %T; ECDSA or RSA is needed", parsed)
}

// apkSigner returns what signs a package for apk, which knows RSA and nothing else;
// nil is no signature.
func (r *release) apkSigner() func(io.Reader) ([]byte, error) {
	key, ok := r.private.(*rsa.PrivateKey)
	if !ok {
		return nil
	}
	return func(in io.Reader) ([]byte, error) {
		sum, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		return key.Sign(nil, sum, crypto.SHA1)
	}
}

// sums writes the checksums of all files and their signature.
func (r *release) sums() error {
	var names []string
	err := filepath.WalkDir(r.out, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(names)
	var list bytes.Buffer
	for _, name := range names {
		sum, err := sumOf(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(r.out, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(&list, "%x  %s\n", sum, filepath.ToSlash(relative))
	}
	if err := r.write("SHA256SUMS", 0o644, list.Bytes()); err != nil {
		return err
	}
	return r.sign("SHA256SUMS.sig", list.Bytes())
}

func sumOf(name string) ([sha256.Size]byte, error) {
	data, err := os.ReadFile(name)
	return sha256.Sum256(data), err
}

// sign writes a signature. Without a source of chance it is the same each time: with
// ECDSA it is the one of RFC 6979.
func (r *release) sign(name string, data []byte) error {
	if r.private == nil {
		return nil
	}
	sum := sha256.Sum256(data)
	signature, err := r.private.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return err
	}
	return r.write(name, 0o644, []byte(base64.StdEncoding.EncodeToString(signature)+"\n"))
}
