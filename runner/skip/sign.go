package skip

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/orch-build/orch/internal/fault"
)

// KeyVariable is the variable of the environment with the private key that
// records are signed with: a file, or the PEM text itself.
const KeyVariable = "ORCH_SKIP_KEY"

// makeKey says how to make a public key.
const makeKey = "Make the keys with 'openssl genpkey -algorithm ed25519 -out private.pem' and 'openssl pkey -in private.pem -pubout -out orch.pub'"

// VerifyKey is a public key; nil verifies nothing.
type VerifyKey ed25519.PublicKey

// SigningKey is a private key.
type SigningKey struct{ key ed25519.PrivateKey }

// ReadVerifyKey reads a public key: a PEM file of type PUBLIC KEY.
func ReadVerifyKey(path string) (VerifyKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s, the public key of skip, cannot be read: %s. %s", path, fault.Reason(err), makeKey)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s, the key of skip, is not a public key in PEM. %s", path, makeKey)
	}
	any, err := x509.ParsePKIXPublicKey(block.Bytes)
	if key, ok := any.(ed25519.PublicKey); err == nil && ok {
		return VerifyKey(key), nil
	}
	return nil, fmt.Errorf("%s, the key of skip, is not a public ed25519 key. %s", path, makeKey)
}

// ReadSigningKey reads a private key: the value of KeyVariable. "" is none.
func ReadSigningKey(value string) (*SigningKey, error) {
	if value == "" {
		return nil, nil
	}
	data := []byte(value)
	if !strings.Contains(value, "-----BEGIN") {
		var err error
		if data, err = os.ReadFile(value); err != nil {
			return nil, fmt.Errorf("%s names a file that cannot be read: %w", KeyVariable, err)
		}
	}
	if block, _ := pem.Decode(data); block != nil {
		any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if key, ok := any.(ed25519.PrivateKey); err == nil && ok {
			return &SigningKey{key}, nil
		}
	}
	return nil, fmt.Errorf("%s is not a private ed25519 key in PEM: make one with 'openssl genpkey -algorithm ed25519'", KeyVariable)
}

// Fits says whether a signature of a private key is one of the public key.
func (k *SigningKey) Fits(public VerifyKey) bool {
	return ed25519.PublicKey(public).Equal(k.key.Public())
}

// authenticated is what is signed: DSSE's encoding of a type and a payload.
func authenticated(payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(RecordType), RecordType, len(payload), payload)
}

func (k *SigningKey) sign(payload []byte) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(k.key, authenticated(payload)))
}

func (k VerifyKey) verify(payload []byte, signature string) error {
	if signature == "" {
		return errors.New("its record is not signed")
	}
	sig, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || !ed25519.Verify(ed25519.PublicKey(k), authenticated(payload), sig) {
		return errors.New("the signature of its record is not one of the key")
	}
	return nil
}
