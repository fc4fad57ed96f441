//go:build !windows

package engine

import (
	"context"
	"errors"
	"net"
)

func pipeDialer(string) (func(context.Context) (net.Conn, error), error) {
	return nil, errors.New("only Windows has named pipes")
}
