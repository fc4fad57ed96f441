package publish

import (
	"context"
	"fmt"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/runner/publish/same"
)

// Remote is a Registry over HTTP.
type Remote struct{ Client *registry.Client }

// Digest asks for a tag's digest.
func (r Remote) Digest(ctx context.Context, ref Ref) (string, error) {
	tag, err := registry.Name{Text: ref.Name, Insecure: ref.Insecure}.Parse()
	if err != nil {
		return "", err
	}
	d, err := r.Client.Head(ctx, tag)
	if err != nil {
		return "", fmt.Errorf("asking where %s points: %w", ref.Name, err)
	}
	return d, nil
}

// Point reads the manifest of a digest and stores it under a tag.
func (r Remote) Point(ctx context.Context, ref Ref, digest string) error {
	tag, err := registry.Name{Text: ref.Name, Insecure: ref.Insecure}.Parse()
	if err != nil {
		return err
	}
	m, err := r.Client.Manifest(ctx, registry.Ref{Repo: tag.Repo, Tag: digest})
	if err != nil {
		return fmt.Errorf("reading what %s is to point to: %w", ref.Name, err)
	}
	if err := r.Client.Put(ctx, tag, m); err != nil {
		return fmt.Errorf("pointing %s at %s: %w", ref.Name, digest, err)
	}
	return nil
}

// Same says whether two digests of a tag's repository name the same content.
func (r Remote) Same(ctx context.Context, ref Ref, a, b string) (bool, error) {
	tag, err := registry.Name{Text: ref.Name, Insecure: ref.Insecure}.Parse()
	if err != nil {
		return false, err
	}
	return same.Content(ctx, r.Client, tag.Repo, a, b)
}

// Remove deletes a tag.
func (r Remote) Remove(ctx context.Context, ref Ref) error {
	tag, err := registry.Name{Text: ref.Name, Insecure: ref.Insecure}.Parse()
	if err != nil {
		return err
	}
	if err := r.Client.Delete(ctx, tag); err != nil {
		return fmt.Errorf("removing %s, which was not there before: %w", ref.Name, err)
	}
	return nil
}
