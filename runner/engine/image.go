package engine

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/distribution/reference"
)

// ImageID is what the engine calls the image that has a whole name; "" if there is none.
func (e *Engine) ImageID(ctx context.Context, name string) (string, error) {
	var said struct{ ID string }
	err := e.call(ctx, http.MethodGet, "/images/"+name+"/json", nil, &said)
	if notFound(err) {
		return "", nil
	}
	return said.ID, err
}

// Tag gives an image that the engine has a whole name, also one that another has.
func (e *Engine) Tag(ctx context.Context, id, name string) error {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return fmt.Errorf("%q is not the name of an image: %w", name, err)
	}
	tagged, ok := reference.TagNameOnly(named).(reference.Tagged)
	if !ok {
		return fmt.Errorf("%q has no tag", name)
	}
	query := url.Values{"repo": {named.Name()}, "tag": {tagged.Tag()}}
	return e.call(ctx, http.MethodPost, "/images/"+id+"/tag?"+query.Encode(), nil, nil)
}
