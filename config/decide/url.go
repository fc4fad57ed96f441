package decide

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/internal/urlsecret"
)

// HostOf returns the host of a URL or git reference, with its port, or "".
func HostOf(ref string) string {
	if strings.Contains(ref, "://") {
		u, err := url.Parse(ref)
		if err != nil {
			return ""
		}
		return u.Host
	}
	if attribute.IsSCP(ref) {
		_, rest, _ := strings.Cut(ref, "@")
		host, _, _ := strings.Cut(rest, ":")
		return host
	}
	host, _, _ := strings.Cut(ref, "/")
	return host
}

var sha256Form = lazyregexp.New(`^sha256:[0-9a-f]{64}$`)

// CutChecksum takes "?checksum=sha256:…" out of the URL of a file.
func CutChecksum(ref string) (plain, checksum string, err error) {
	u, err := url.Parse(ref)
	if err != nil {
		return "", "", fmt.Errorf("%s is not a URL: %w", urlsecret.Redacted(ref), errors.Unwrap(err))
	}
	q := u.Query()
	checksum = q.Get("checksum")
	if checksum == "" {
		return ref, "", nil
	}
	if !sha256Form.MatchString(checksum) {
		return "", "", fmt.Errorf("the checksum %q is not of the form sha256: and 64 hexadecimal digits", checksum)
	}
	q.Del("checksum")
	u.RawQuery = q.Encode()
	return u.String(), checksum, nil
}

// IsRemote reports whether a text is a URL or a git reference.
func IsRemote(s string) bool {
	kind, _ := attribute.Classify(s)
	return kind == spec.Git || kind == spec.HTTP
}
