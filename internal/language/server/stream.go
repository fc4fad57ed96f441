package server

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

const (
	// mostMessage bounds a message, in bytes.
	mostMessage = 64 << 20
	// mostHeader bounds the header of one.
	mostHeader = 4 << 10
)

// stream is a channel of messages, each with a header that says how long it is.
// What is not a message is answered here: package jrpc2 answers it too, but not when
// the editor has gone meanwhile, and ends the process then.
type stream struct {
	in  *bufio.Reader
	out io.WriteCloser
	mu  sync.Mutex // of out
}

func newStream(in io.Reader, out io.WriteCloser) *stream {
	return &stream{in: bufio.NewReaderSize(in, mostHeader), out: out}
}

// Send writes a message.
func (s *stream) Send(message []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.out.Write(append([]byte(fmt.Sprintf("Content-Length: %d\r\n\r\n", len(message))), message...))
	return err
}

// Close closes the stream to the editor.
func (s *stream) Close() error { return s.out.Close() }

// Recv reads the next message.
func (s *stream) Recv() ([]byte, error) {
	for {
		size, err := s.header()
		if err != nil {
			return nil, err
		}
		var data bytes.Buffer // which grows with what arrives, whatever was announced
		if _, err := io.CopyN(&data, s.in, size); err != nil {
			return nil, err
		}
		why := refused(data.Bytes())
		if why == "" {
			return data.Bytes(), nil
		}
		if err := s.Send([]byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":` + strconv.Quote(why) + `}}`)); err != nil {
			return nil, err
		}
	}
}

// header reads the lines before a message, and returns its length.
func (s *stream) header() (size int64, err error) {
	size = -1
	for left := mostHeader; ; {
		line, err := s.in.ReadSlice('\n')
		if left -= len(line); left < 0 || errors.Is(err, bufio.ErrBufferFull) {
			return 0, fmt.Errorf("the header of a message is longer than %d bytes", mostHeader)
		}
		if err != nil {
			return 0, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			return 0, fmt.Errorf("%q is not a line of the header of a message", text)
		}
		if !strings.EqualFold(name, "Content-Length") {
			continue
		}
		if size, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64); err != nil || size < 0 || size > mostMessage {
			return 0, fmt.Errorf("a message is said to have %q bytes; it may have %d", strings.TrimSpace(value), mostMessage)
		}
	}
	if size < 0 {
		return 0, errors.New("the header of a message does not say how long it is")
	}
	return size, nil
}

// refused says why a text is not a message that is answered to somebody, or "". One
// with an ID is answered to that, whatever it is.
func refused(data []byte) string {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(data, &m); err != nil || m == nil {
		return "a message is one JSON object"
	}
	id := m["id"]
	switch {
	case len(id) > 0 && (id[0] == '"' || id[0] == '-' || '0' <= id[0] && id[0] <= '9'):
		return ""
	case len(id) > 0 && string(id) != "null":
		return "the ID of a message is a string or a number"
	}
	var version, method string
	if json.Unmarshal(m["jsonrpc"], &version) != nil || version != "2.0" {
		return "jsonrpc is 2.0"
	}
	if json.Unmarshal(m["method"], &method) != nil || method == "" {
		return "a message without an ID has a method"
	}
	if p := m["params"]; len(p) > 0 && p[0] != '{' && p[0] != '[' && string(p) != "null" {
		return "parameters are an object or an array"
	}
	for key := range m {
		switch key {
		case "jsonrpc", "id", "method", "params":
		default:
			return "a message without an ID has a method and parameters"
		}
	}
	return ""
}
