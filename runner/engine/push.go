package engine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/distribution/reference"
)

// Auth are credentials for a registry.
type Auth struct {
	Username      string `json:"username,omitempty"`
	Password      string `json:"password,omitempty"`
	IdentityToken string `json:"identitytoken,omitempty"`
	RegistryToken string `json:"registrytoken,omitempty"`
	ServerAddress string `json:"serveraddress,omitempty"`
}

// Push has the engine push an image that it keeps, under one name, and returns
// the digest that the registry has for it then.
func (e *Engine) Push(ctx context.Context, name string, auth Auth) (digest string, err error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", fmt.Errorf("pushing %s: %w", name, err)
	}
	tag := "latest"
	if tagged, ok := named.(reference.Tagged); ok {
		tag = tagged.Tag()
	}
	header, err := json.Marshal(auth)
	if err != nil {
		return "", err
	}
	path := "/images/" + named.Name() + "/push?tag=" + url.QueryEscape(tag)
	res, err := e.send(ctx, http.MethodPost, path, nil, http.Header{"X-Registry-Auth": {base64.URLEncoding.EncodeToString(header)}})
	if err != nil {
		return "", fmt.Errorf("pushing %s: %w", name, err)
	}
	defer res.Body.Close()
	if digest, err = pushed(res.Body); err != nil {
		return "", fmt.Errorf("pushing %s: %w", name, err)
	}
	return digest, nil
}

// pushed reads what an engine says while it pushes.
func pushed(r io.Reader) (digest string, err error) {
	dec := json.NewDecoder(r)
	for {
		var line struct {
			Error string
			Aux   struct{ Digest string }
		}
		if err := dec.Decode(&line); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return "", fmt.Errorf("the engine's answer was cut off: %w", err)
		}
		if line.Error != "" {
			return "", errors.New(line.Error)
		}
		if line.Aux.Digest != "" {
			digest = line.Aux.Digest
		}
	}
	return digest, nil
}
