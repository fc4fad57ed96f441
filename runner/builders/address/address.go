// Package address knows the forms that a builder's address has. It reaches
// nobody.
package address

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/orch-build/orch/internal/lazyregexp"
)

// Schemes are the kinds of address.
var Schemes = []string{
	"unix", "tcp", "npipe", "docker", "docker-container", "nerdctl-container",
	"podman-container", "kube-pod", "kube", "ssh", "dns+tcp",
}

// Error is a builder's address that cannot be one.
type Error struct {
	Addr   string
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("builder address %q: %s", e.Addr, e.Reason) }

// Is says whether a builder is named by its address, rather than by a name.
func Is(s string) bool { return strings.Contains(s, "://") }

// Check says whether addr has the form of a builder's address.
func Check(addr string) error {
	scheme, rest, ok := strings.Cut(addr, "://")
	switch {
	case !ok:
		return &Error{addr, "it has no scheme; write unix:///path/to/socket, tcp://host:port, or " +
			"one of docker://, docker-container://, podman-container://, kube-pod://, kube://, dns+tcp://, ssh://"}
	case slices.Contains(Schemes, strings.ToLower(scheme)) && scheme != strings.ToLower(scheme):
		return &Error{addr, "write the scheme in small letters: " + strings.ToLower(scheme) + "://" + rest}
	case !slices.Contains(Schemes, scheme):
		return &Error{addr, "unknown scheme " + scheme + "; known are " + strings.Join(Schemes, ", ")}
	case strings.HasPrefix(rest, "-"):
		// The commands that reach builders would take it for an option.
		return &Error{addr, "what follows the scheme begins with a dash"}
	case password(rest) != "":
		return &Error{scheme + "://…" + rest[strings.LastIndex(rest, "@"):], "it has a password, which would be seen by everybody; leave it out"}
	case rest == "" && scheme != "docker":
		return &Error{addr, "nothing follows the scheme"}
	case scheme == "npipe" && runtime.GOOS != "windows":
		return &Error{addr, "only Windows has named pipes"}
	case scheme == "tcp":
		return port(addr, rest)
	case scheme == "dns+tcp":
		_, _, err := Service(addr)
		return err
	case scheme == "kube" || scheme == "kube-pod":
		_, err := Pods(addr)
		return err
	}
	return nil
}

// port looks at HOST:PORT.
func port(addr, rest string) error {
	host, port, err := net.SplitHostPort(rest)
	n, notNumber := strconv.Atoi(port)
	switch {
	case strings.Contains(rest, ","):
		return &Error{addr, "it is one address; name each of several builders by a flag --builder of its own"}
	case err != nil || port == "":
		return &Error{addr, "write tcp://HOST:PORT"}
	case strings.ContainsAny(rest, "/?#"):
		return &Error{addr, "something follows the port; write tcp://HOST:PORT"}
	case strings.Contains(host, "@"):
		return &Error{addr, "a port knows no users; write tcp://HOST:PORT"}
	case notNumber != nil || n < 1 || n > 65535:
		return &Error{addr, fmt.Sprintf("%q is not a port: write a number from 1 to 65535", port)}
	}
	return nil
}

// password is what USER:PASSWORD@HOST has between the colon and the host.
func password(rest string) string {
	host, _, _ := strings.Cut(rest, "/")
	at := strings.LastIndex(host, "@")
	if at < 0 {
		return ""
	}
	_, password, _ := strings.Cut(host[:at], ":")
	return password
}

// Service reads dns+tcp://NAME:PORT, which are all addresses of a name.
func Service(addr string) (name, port string, err error) {
	name, port, err = net.SplitHostPort(strings.TrimPrefix(addr, "dns+tcp://"))
	if err != nil || name == "" || port == "" {
		return "", "", &Error{addr, "write dns+tcp://NAME:PORT"}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", "", &Error{addr, fmt.Sprintf("%q is not a port: write a number from 1 to 65535", port)}
	}
	return name, port, nil
}

// Cluster says which pods of a Kubernetes cluster are meant.
type Cluster struct {
	// Context and Kubeconfig are kubectl's own if they are "".
	Context, Kubeconfig string
	Namespace           string
	// Selector chooses pods by labels, or Pod names one.
	Selector, Pod string
	// Container is the one in the pod; "" is its own choice.
	Container string
}

// identifier is the form that names in a cluster have.
var identifier = lazyregexp.New(`^[-a-z0-9.]+$`)

// Pods reads kube://NAMESPACE/LABEL=VALUE and kube-pod://POD, with what follows a
// question mark.
func Pods(addr string) (c Cluster, err error) {
	wrong := func(format string, args ...any) (Cluster, error) {
		return Cluster{}, &Error{addr, fmt.Sprintf(format, args...)}
	}
	scheme, rest, _ := strings.Cut(addr, "://")
	rest, query, _ := strings.Cut(rest, "?")
	known := map[string]*string{"context": &c.Context, "kubeconfig": &c.Kubeconfig, "container": &c.Container}
	if scheme == "kube" {
		c.Namespace, c.Selector, _ = strings.Cut(rest, "/")
		if c.Namespace == "" || !strings.Contains(c.Selector, "=") {
			return wrong("write kube://NAMESPACE/LABEL=VALUE")
		}
	} else {
		c.Pod = strings.TrimSuffix(rest, "/")
		known["namespace"] = &c.Namespace
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return wrong("what follows the question mark cannot be read: %v", err)
	}
	for key, all := range values {
		if known[key] == nil {
			return wrong("unknown option %s; known are %s", key, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		*known[key] = all[len(all)-1]
	}
	for _, one := range []struct{ what, name string }{{"namespace", c.Namespace}, {"pod", c.Pod}, {"container", c.Container}} {
		if one.name != "" && (!identifier.MatchString(one.name) || strings.HasPrefix(one.name, "-")) {
			return wrong("%q cannot be the name of a %s", one.name, one.what)
		}
	}
	return c, nil
}
