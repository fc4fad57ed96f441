package doctor

import (
	"context"
	"net/url"
	"strings"
)

// programs looks for the programs that orch uses on this machine.
func (m Machine) programs(context.Context) []Finding {
	if m.LookPath == nil {
		return nil
	}
	if path, err := m.LookPath("git"); err == nil {
		return []Finding{{About: "git", Grade: OK, Says: path}}
	}
	return []Finding{{
		About: "git", Grade: Note, Says: "git is not there: contexts in git, 'orch affected' and what provenance says of the commit need it",
		Do: "Install the package git.",
	}}
}

// proxies looks at the variables that say how the network is reached.
func (m Machine) proxies(context.Context) []Finding {
	if m.Getenv == nil {
		return nil
	}
	var out []Finding
	set := false
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		for _, name := range []string{name, strings.ToLower(name)} {
			value := m.Getenv(name)
			if value == "" {
				continue
			}
			set = true
			if !isProxy(value) {
				out = append(out, Finding{
					About: "proxy", Grade: Warning, Says: name + " is not the address of a proxy",
					Do: "Write it as http://HOST:PORT.",
				})
			}
		}
	}
	if !set {
		return nil
	}
	none := m.Getenv("NO_PROXY") + "," + m.Getenv("no_proxy")
	if !strings.Contains(none, "127.0.0.1") && !strings.Contains(none, "localhost") {
		out = append(out, Finding{
			About: "proxy", Grade: Note, Says: "a proxy is set, and NO_PROXY does not leave out this machine: registries and builders on it may be asked through the proxy",
			Do: "Set NO_PROXY=localhost,127.0.0.1.",
		})
	}
	if len(out) == 0 {
		out = append(out, Finding{About: "proxy", Grade: OK, Says: "a proxy is set for this machine"})
	}
	return out
}

// isProxy takes what Go's net/http takes: a URL, or a host with a port. The value
// may hold a password, so that it is never shown.
func isProxy(value string) bool {
	if !strings.Contains(value, "://") {
		if strings.Contains(value, "/") {
			return false
		}
		value = "http://" + value
	}
	u, err := url.Parse(value)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https" || strings.HasPrefix(u.Scheme, "socks5"))
}
