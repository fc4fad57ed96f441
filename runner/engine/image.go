package engine

import (
	"context"
	"net/http"
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
