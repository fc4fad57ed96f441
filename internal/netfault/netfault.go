// Package netfault finds out of an error whether the network between two
// machines is at fault, names the machine, and says what to do. It looks at the
// types of the error first. An error that comes from a builder, from git or from
// the output of a step arrives as text only; the texts are those of Go's net,
// net/http, crypto/tls and crypto/x509 packages, of git and curl, and of the
// C library.
//
// It knows nothing of builds, and nothing of what a server answers once it is
// reached: a name that a registry does not have, or a refusal, is not the
// network's fault.
package netfault

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/orch-build/orch/internal/lazyregexp"
)

// Fault is what is wrong with the network.
type Fault struct {
	// Host is the machine that could not be used, with its port if there is
	// one, or "".
	Host string
	// Reason says what is wrong, and what to do or to look at, as the end of a
	// sentence. It names the host.
	Reason string
	// Transient says that the same may go well another time.
	Transient bool

	proxy bool // at fault
}

// Local says whether the machine is the one that asks, and no proxy: that comes
// from the configuration, which may name a machine that is local elsewhere.
func (f Fault) Local() bool {
	name, _, err := net.SplitHostPort(f.Host)
	if err != nil {
		name = strings.Trim(f.Host, "[]")
	}
	ip := net.ParseIP(name)
	return !f.proxy && (name == "localhost" || ip != nil && (ip.IsLoopback() || ip.IsUnspecified()))
}

// kind is one thing that goes wrong.
type kind int

const (
	none kind = iota
	unknownName
	noAnswerToName // the name service itself is not there
	refused
	unreachable
	timeout
	unknownAuthority
	expired
	otherName
	plainHTTP
	otherTLS
	unreached // for a reason that is not said
	proxyGone
	proxyAuth
	proxyRefuses
	proxyPlain
)

// Of finds a fault of the network in an error.
func Of(err error) (Fault, bool) {
	if err == nil {
		return Fault{}, false
	}
	k, host := byType(err)
	// A proxy that is not there is named in the text alone.
	if text := err.Error(); k == none || strings.Contains(text, "proxyconnect") {
		return InText(text)
	}
	return fault(k, host), true
}

// byType looks at what the error is made of.
func byType(err error) (kind, string) {
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	host := dialled(err)
	switch {
	case errors.As(err, &dns):
		if dns.IsNotFound {
			return unknownName, dns.Name
		}
		return noAnswerToName, dns.Name
	case errors.As(err, &authority):
		return unknownAuthority, host
	case errors.As(err, &name):
		return otherName, host
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return expired, host
	case errors.As(err, &record):
		return plainHTTP, host
	case errors.Is(err, syscall.ECONNREFUSED):
		return refused, host
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return unreachable, host
	}
	return none, ""
}

// dialled is the machine that an error is about: the one of the URL that was
// asked for, else the one that was dialled.
func dialled(err error) string {
	var asked *url.Error
	if errors.As(err, &asked) {
		if u, err := url.Parse(asked.URL); err == nil && u.Host != "" {
			return u.Host
		}
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Addr != nil {
		return op.Addr.String()
	}
	return ""
}

// pattern is how a text says that something went wrong. A host in the text is
// its first group; where there is none, it is looked for in what is around.
type pattern struct {
	kind  kind
	match *lazyregexp.Regexp
}

// host matches a name or an address, perhaps with a port.
const host = `([A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9](?::\d+)?|\[[0-9a-fA-F:]+\](?::\d+)?)`

// patterns are tried in their order: what a proxy is at fault for mentions the
// reason too, and a text that names the machine comes before one that does not.
var patterns = sync.OnceValue(func() []pattern {
	return slices.Concat(proxyPatterns(), namePatterns(), certificatePatterns(), connectionPatterns())
})

func proxyPatterns() []pattern {
	re := lazyregexp.New
	return []pattern{
		{proxyAuth, re(`Proxy Authentication Required|HTTP code 407 from proxy|(?:CONNECT tunnel failed, response|Tunnel connection failed:) 407`)},
		{proxyRefuses, re(`HTTP code [45]\d\d from proxy|(?:CONNECT tunnel failed, response|Tunnel connection failed:) [45]\d\d|Proxy CONNECT aborted`)},
		{proxyPlain, re(`proxyconnect tcp: (?:tls: first record does not look like a TLS handshake|http: server gave HTTP response)`)},
		{proxyGone, re(`(?:proxyconnect tcp: dial tcp:?|socks connect tcp \S+ dial tcp:?) (?:lookup )?` + host)},
		{proxyGone, re(`Could not resolve proxy: ` + host)},
		{proxyGone, re(`proxyconnect|socks connect|(?:Cannot|Unable to) connect to proxy`)},
	}
}

func namePatterns() []pattern {
	re := lazyregexp.New
	return []pattern{
		{unknownName, re(`lookup ` + host + `(?: on \S+)?: (?:[^\n]*: )?no such host`)},
		{noAnswerToName, re(`lookup ` + host + `(?: on \S+)?: [^\n]*(?:server misbehaving|i/o timeout|connection refused|` +
			`network is unreachable|cannot assign requested address|[Tt]emporary failure in name resolution)`)},
		{unknownName, re(`Could not resolve host(?:name)?:? '?` + host)},
		{unknownName, re(`Could not resolve '` + host + `'`)},
		{noAnswerToName, re(`Temporary failure resolving '` + host + `'`)},
		{unknownName, re(`(?:unable to resolve host address|bad address|getaddrinfo ENOTFOUND) ['‘"]?` + host)},
		{noAnswerToName, re(`getaddrinfo EAI_AGAIN ` + host)},
		{noAnswerToName, re(host + `: [Tt]emporary failure in name resolution`)},
		{noAnswerToName, re(`Resource temporarily unavailable \(` + host + `\)`)},
		{unknownName, re(`Name or service not known \(` + host + `\)`)},
		{unknownName, re(`(?:Unknown host|UnknownHostException:|Could not reach host) ` + host)},
		{unknownName, re(`no such host|Name or service not known|Name does not resolve|code ENOTFOUND|DNS lookup error|DNS: name does not exist`)},
		{noAnswerToName, re(`[Tt]emporary failure in name resolution|server misbehaving|EAI_AGAIN|\[Errno -3\] Try again|` +
			`DNS: transient error|temporary error \(try again later\)|Resolving timed out`)},
	}
}

func certificatePatterns() []pattern {
	re := lazyregexp.New
	return []pattern{
		{unknownAuthority, re(`(?:cannot verify|certificate of) '?` + host + `'?(?:'s certificate| is not trusted)`)},
		{unknownAuthority, re(`certificate signed by unknown authority|certificate is (?:not|NOT) trusted|certificate not trusted|` +
			`unable to (?:get (?:local )?issuer|verify the first) certificate|[Ss]elf[- ]signed certificate|server certificate verification failed|` +
			`SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|PKIX path building failed|` +
			`certificate chain: (?:UntrustedRoot|PartialChain)|Unable to locally verify the issuer`)},
		{expired, re(`certificate has expired|CERT_HAS_EXPIRED`)},
		{otherName, re(`certificate is (?:not )?valid for|no alternative certificate subject name matches|doesn't contain any IP SANs|` +
			`certificate relies on legacy Common Name|ERR_TLS_CERT_ALTNAME_INVALID`)},
		{plainHTTP, re(`server gave HTTP response to HTTPS client|first record does not look like a TLS handshake|wrong version number`)},
	}
}

func connectionPatterns() []pattern {
	re := lazyregexp.New
	return []pattern{
		{timeout, re(`TLS handshake timeout|dial (?:tcp|udp)[46]? \S+: (?:i/o timeout|connect: (?:connection|operation) timed out)`)},
		{timeout, re(`Client\.Timeout exceeded|timeout awaiting response headers`)},
		{otherTLS, re(`remote error: tls: |tls: (?:failed|handshake|no |server |protocol version )|SSL_ERROR_|SSL certificate problem|gnutls_handshake`)},
		{timeout, re(`(?:Failed to connect to|connect to host) ` + host + ` port \d+[^\n]*[Tt]imed out`)},
		{timeout, re(`curl: \(28\) Failed to connect to ` + host)},
		{timeout, re(`[Cc]ould not connect to ` + host + ` \([^\n)]*\), connection timed out`)},
		{timeout, re(`connect ETIMEDOUT ` + host)},
		{timeout, re(`Connection (?:timed out|timeout) after \d+ `)},
		{refused, re(`(?:Failed to connect to|connect to host) ` + host + ` port \d+[^\n]*[Rr]efused`)},
		{refused, re(`(?:connect ECONNREFUSED|can't connect to remote host) \(?` + host)},
		{unreachable, re(`(?:EHOSTUNREACH|ENETUNREACH) ` + host)},
		{refused, re(`[Cc]onnection refused|code ECONNREFUSED`)},
		{unreachable, re(`[Nn]etwork is unreachable|[Nn]o route to host|[Nn]etwork unreachable`)},
		{unreached, re(`(?:Failed to connect to|connect to host) ` + host + ` port \d+`)},
		{unreached, re(`Unable to connect to ` + host)},
	}
}

// InText finds a fault of the network in what was said of an error.
func InText(text string) (Fault, bool) {
	for _, p := range patterns() {
		at := p.match.FindStringSubmatchIndex(text)
		if at == nil {
			continue
		}
		if len(at) > 2 && at[2] >= 0 {
			return fault(p.kind, text[at[2]:at[3]]), true
		}
		if p.kind.ofProxy() { // what is named is the server behind it
			return fault(p.kind, ""), true
		}
		return fault(p.kind, hostBefore(text[:at[1]])), true
	}
	return Fault{}, false
}

// ofProxy says whether a proxy is at fault, and not the server that was asked for.
func (k kind) ofProxy() bool {
	return k == proxyGone || k == proxyAuth || k == proxyRefuses || k == proxyPlain
}

// around are the ways in which a text names the machine that it is about.
var around = sync.OnceValue(func() []*lazyregexp.Regexp {
	return []*lazyregexp.Regexp{
		lazyregexp.New(`[a-z]+://(?:[^\s/@"']*@)?` + host),
		lazyregexp.New(`dial (?:tcp|udp)[46]? ` + host),
		lazyregexp.New(`connect to host ` + host),
		lazyregexp.New(`(?:[Cc]onnect|connection) to ` + host + `[: ]`),
		lazyregexp.New(`host='` + host + `'`),
	}
})

// hostBefore is the last machine that is named in a text.
func hostBefore(text string) string {
	for _, re := range around() {
		if all := re.FindAllStringSubmatch(text, -1); len(all) > 0 {
			return all[len(all)-1][1]
		}
	}
	return ""
}

// wellKnown are servers whose names are right: it is the network that is not
// there.
var wellKnown = []string{
	"docker.io", "docker.com", "ghcr.io", "quay.io", "gcr.io", "k8s.io", "mcr.microsoft.com", "public.ecr.aws", "nvcr.io",
	"github.com", "githubusercontent.com", "gitlab.com", "bitbucket.org", "debian.org", "ubuntu.com", "alpinelinux.org",
	"golang.org", "npmjs.org", "pypi.org", "pythonhosted.org", "rubygems.org", "crates.io", "maven.org", "fedoraproject.org",
}

func known(host string) bool {
	return slices.ContainsFunc(wellKnown, func(name string) bool { return host == name || strings.HasSuffix(host, "."+name) })
}

// fault puts a fault into words.
func fault(k kind, host string) Fault {
	f := Fault{Host: host, proxy: k.ofProxy()}
	name := host
	if name == "" {
		name = "a server"
	}
	switch k {
	case unknownName:
		f.Reason = name + " cannot be found: is the name right, is there a network, a proxy?"
		if known(host) {
			f.Reason = name + " cannot be found: is there a network, a proxy?"
		}
	case noAnswerToName:
		f.Reason, f.Transient = name+" cannot be found, as no name server answers: is there a network, a proxy?", true
	case refused:
		f.Reason, f.Transient = name+" cannot be reached, it refuses the connection: does the server run, is the port right?", true
	case unreachable:
		f.Reason, f.Transient = name+" cannot be reached: is there a network, a proxy?", true
	case unreached:
		f.Reason, f.Transient = name+" cannot be reached: does the server run, is there a network, a proxy?", true
	case timeout:
		f.Reason, f.Transient = name+" did not answer in time: is there a network, a firewall, a proxy?", true
	case unknownAuthority:
		f.Reason = "the certificate of " + name + " is signed by an authority that is not known here: " +
			"does a proxy intercept TLS, or is the authority's certificate missing in the builder's configuration?"
	case expired:
		f.Reason = "the certificate of " + name + " has expired, or is not valid yet: is the clock right?"
	case otherName:
		f.Reason = "the certificate of " + name + " is for another name: is the address right, or does a proxy answer?"
	case plainHTTP:
		f.Reason = name + " speaks plain HTTP where HTTPS is asked for: write http:// for a file, " +
			"or http = true for a registry in the builder's configuration"
	case otherTLS:
		f.Reason = "no TLS connection to " + name + " came about: is a proxy between, or is a certificate missing?"
	case proxyGone:
		f.Reason, f.Transient = "the proxy cannot be reached: are HTTP_PROXY and HTTPS_PROXY right?", true
		if host != "" {
			f.Reason = "the proxy " + host + " cannot be reached: are HTTP_PROXY and HTTPS_PROXY right?"
		}
	case proxyRefuses:
		f.Reason = "the proxy does not let the request through: does it know the server, or does NO_PROXY have to name it?"
	case proxyPlain:
		f.Reason = "the proxy speaks plain HTTP: write http:// in HTTP_PROXY and HTTPS_PROXY"
	case proxyAuth:
		f.Reason = "the proxy wants credentials: write them into HTTP_PROXY and HTTPS_PROXY"
	}
	return f
}
