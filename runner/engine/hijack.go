package engine

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// BuildKit opens a connection to the BuildKit in the engine.
func (e *Engine) BuildKit(ctx context.Context) (net.Conn, error) {
	return e.hijack(ctx, "/grpc", "h2c", nil, nil)
}

// Session opens a connection on which the engine's BuildKit calls back.
func (e *Engine) Session(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
	return e.hijack(ctx, "/session", proto, meta, nil)
}

// hijack sends a request after which the connection is another protocol's.
func (e *Engine) hijack(ctx context.Context, path, proto string, header map[string][]string, body any) (net.Conn, error) {
	conn, err := e.dial(ctx)
	if err != nil {
		return nil, e.unreachable(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	upgraded, err := e.upgrade(ctx, conn, path, proto, header, body)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return upgraded, nil
}

func (e *Engine) upgrade(ctx context.Context, conn net.Conn, path, proto string, header map[string][]string, body any) (net.Conn, error) {
	req, err := request(ctx, http.MethodPost, path, body)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		for _, v := range values {
			req.Header.Add(name, v)
		}
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", proto)
	if err := req.Write(conn); err != nil {
		return nil, e.unreachable(ctx, err)
	}
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, req)
	if err != nil {
		return nil, e.unreachable(ctx, err)
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		defer res.Body.Close()
		if res.StatusCode < 300 {
			return nil, fmt.Errorf("%s: it does not hand out a connection to %s", e.who(), path)
		}
		return nil, e.refused(res)
	}
	return &upgraded{conn, r}, nil
}

// upgraded is a connection, of which something may have been read already.
type upgraded struct {
	net.Conn
	r *bufio.Reader
}

func (u *upgraded) Read(p []byte) (int, error) { return u.r.Read(p) }

// CloseWrite ends the own side, where the connection can.
func (u *upgraded) CloseWrite() error {
	if half, ok := u.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
