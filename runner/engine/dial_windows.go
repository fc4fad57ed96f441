package engine

import (
	"context"
	"net"
	"path/filepath"

	"github.com/Microsoft/go-winio"
)

func pipeDialer(path string) (func(context.Context) (net.Conn, error), error) {
	return func(ctx context.Context) (net.Conn, error) {
		return winio.DialPipeContext(ctx, filepath.FromSlash(path))
	}, nil
}
