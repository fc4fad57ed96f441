package engine

import (
	"io"
	"net"
	"strings"
	"testing"
)

// What a command writes to its two outputs is taken apart, however it is cut.
func TestExecConn(t *testing.T) {
	frame := func(kind byte, text string) string {
		return string([]byte{kind, 0, 0, 0, 0, 0, 0, byte(len(text))}) + text
	}
	tests := []struct{ name, sent, want, err string }{
		{"output", frame(1, "ab") + frame(1, "") + frame(1, "cd"), "abcd", ""},
		{"errors between", frame(1, "ab") + frame(2, "oh") + frame(1, "cd"), "abcd", "buildctl dial-stdio in the container box ended: oh"},
		{"errors only", frame(2, "no such ") + frame(2, "file\n"), "", "ended: no such file"},
		{"many errors", strings.Repeat(frame(2, strings.Repeat("x", 200)), 100), "", "ended: xxx"},
		{"cut in a frame", frame(1, "abc")[:9], "a", "EOF"},
		{"cut in a head", frame(2, "oh") + "\x01\x00", "", "ended: oh"},
		{"not run", "OCI runtime exec failed: no such file\r\n", "", "running buildctl dial-stdio in the container box: OCI runtime exec failed: no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			here, there := net.Pipe()
			go func() {
				for _, c := range []byte(tt.sent) {
					_, _ = there.Write([]byte{c})
				}
				there.Close()
			}()
			data, err := io.ReadAll(&execConn{Conn: here, what: "buildctl dial-stdio", container: "box"})
			if string(data) != tt.want {
				t.Errorf("read %q, want %q", data, tt.want)
			}
			switch {
			case tt.err == "" && err != nil, tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestPushed(t *testing.T) {
	good := `{"status":"Pushing"}` + "\n" + `{"progressDetail":{},"aux":{"Tag":"v1","Digest":"sha256:1","Size":2}}`
	if digest, err := pushed(strings.NewReader(good)); err != nil || digest != "sha256:1" {
		t.Errorf("got %q, %v", digest, err)
	}
	for _, bad := range []string{`{"errorDetail":{"message":"denied"},"error":"denied"}`, `{"status":`} {
		if _, err := pushed(strings.NewReader(bad)); err == nil {
			t.Errorf("%s is not an error", bad)
		}
	}
}
