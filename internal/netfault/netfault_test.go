package netfault

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestInText(t *testing.T) {
	tests := []struct {
		text      string
		host      string
		says      string // part of the reason
		transient bool
	}{
		{`ab: failed to do request: Head "https://registry-1.docker.io/v2/library/ab/manifests/latest": dial tcp: lookup registry-1.docker.io on 10.255.255.53:53: no such host`,
			"registry-1.docker.io", "registry-1.docker.io cannot be found: is there a network, a proxy?", false},
		{`dial tcp: lookup nohost.invalid on 10.0.0.1:53: no such host`, "nohost.invalid", "is the name right", false},
		{`dial tcp: lookup nohost.invalid: no such host`, "nohost.invalid", "is the name right", false},
		{`dial tcp: lookup ghcr.io on 10.0.0.1:53: server misbehaving`, "ghcr.io", "no name server answers", true},
		{`dial tcp: lookup ghcr.io on 10.0.0.1:53: read udp 10.0.0.2:1->10.0.0.1:53: i/o timeout`, "ghcr.io", "no name server answers", true},
		{`dial tcp: lookup ghcr.io on [::1]:53: read udp [::1]:1->[::1]:53: read: connection refused`, "ghcr.io", "no name server answers", true},
		{`Get "https://r.example:5000/v2/": dial tcp 10.0.0.1:5000: connect: connection refused`, "r.example:5000", "refuses the connection", true},
		{`dial tcp 10.0.0.1:5000: connect: connection refused`, "10.0.0.1:5000", "refuses the connection", true},
		{`dial tcp [::1]:5000: connect: connection refused`, "[::1]:5000", "refuses the connection", true},
		{`Get "https://r.example/v2/": dial tcp 10.0.0.1:443: connect: network is unreachable`, "r.example", "is there a network", true},
		{`Get "https://r.example/v2/": dial tcp 10.0.0.1:443: connect: no route to host`, "r.example", "is there a network", true},
		{`Head "https://r.example/v2/a": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
			"r.example", "signed by an authority that is not known", false},
		{`Head "https://r.example/v2/a": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time`,
			"r.example", "has expired", false},
		{`Head "https://r.example/v2/a": tls: failed to verify certificate: x509: certificate is valid for a.example, not r.example`,
			"r.example", "another name", false},
		{`Head "https://10.0.0.1/v2/a": tls: failed to verify certificate: x509: cannot validate certificate for 10.0.0.1 because it doesn't contain any IP SANs`,
			"10.0.0.1", "another name", false},
		{`Get "https://127.0.0.1:5000/x": http: server gave HTTP response to HTTPS client`, "127.0.0.1:5000", "plain HTTP", false},
		{`Get "https://r.example/x": remote error: tls: handshake failure`, "r.example", "TLS", false},
		{`Get "https://r.example/x": net/http: TLS handshake timeout`, "r.example", "in time", true},
		{`Head "http://r.example/v2/": dial tcp 10.0.0.1:443: i/o timeout`, "r.example", "in time", true},
		{`dial tcp 10.0.0.1:443: connect: connection timed out`, "10.0.0.1:443", "in time", true},
		{`Get "https://r.example/x": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`, "r.example", "in time", true},
		{`Get "https://r.example/x": proxyconnect tcp: dial tcp: lookup proxy.corp on 10.0.0.1:53: no such host`, "proxy.corp", "the proxy proxy.corp cannot", true},
		{`Get "https://r.example/x": proxyconnect tcp: dial tcp 10.0.0.9:3128: connect: connection refused`, "10.0.0.9:3128", "the proxy 10.0.0.9:3128 cannot", true},
		{`Get "https://r.example/x": Proxy Authentication Required`, "", "the proxy wants credentials", false},
		{`fatal: unable to access 'https://nohost.invalid/x.git/': Could not resolve host: nohost.invalid`, "nohost.invalid", "is the name right", false},
		{`fatal: unable to access 'https://github.com/a/b/': Could not resolve host: github.com`, "github.com", "github.com cannot be found: is there", false},
		{`fatal: unable to access 'https://r.example:8443/b/': Failed to connect to r.example port 8443 after 3 ms: Couldn't connect to server`, "r.example", "r.example cannot be reached: does the server run", true},
		{`fatal: unable to access 'https://r.example/b/': server certificate verification failed. CAfile: none CRLfile: none`, "r.example", "signed by", false},
		{`fatal: unable to access 'https://r.example/b/': Could not resolve proxy: proxy.corp`, "proxy.corp", "the proxy proxy.corp", true},
		{`ssh: Could not resolve hostname nohost.invalid: Name or service not known`, "nohost.invalid", "is the name right", false},
		{`ssh: connect to host r.example port 22: Connection refused`, "r.example", "refuses", true},
		{`ssh: connect to host r.example port 22: Connection timed out`, "r.example", "in time", true},
		{`curl: (6) Could not resolve host: deb.debian.org`, "deb.debian.org", "deb.debian.org cannot be found: is there", false},
		{`  Temporary failure resolving 'deb.debian.org'`, "deb.debian.org", "no name server", true},
		{`wget: bad address 'nohost.invalid'`, "nohost.invalid", "is the name right", false},
		{`npm error request to https://registry.npmjs.org/x failed, reason: getaddrinfo EAI_AGAIN registry.npmjs.org`, "registry.npmjs.org", "no name server", true},

		// What package managers print.
		{`Failed to establish a new connection: [Errno -2] Name or service not known')': /simple/x/`, "", "is the name right", false},
		{`NewConnectionError("HTTPSConnection(host='pypi.org', port=443): Failed to establish a new connection: [Errno -3] Temporary failure in name resolution")`,
			"pypi.org", "no name server", true},
		{`urllib3.exceptions.NameResolutionError: [Errno -3] Try again`, "", "no name server", true},
		{`ProxyError('Cannot connect to proxy.', NewConnectionError('<x>: Failed to establish a new connection: [Errno 111] Connection refused'))`, "", "the proxy cannot be reached", true},
		{`ProxyError('Unable to connect to proxy', OSError('Tunnel connection failed: 407 authenticationrequired'))`, "", "the proxy wants credentials", false},
		{`ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 403 Forbidden'))`, "", "does not let", false},
		{`WARNING: fetching https://dl-cdn.alpinelinux.org/alpine/v3.19/main: temporary error (try again later)`, "dl-cdn.alpinelinux.org", "no name server", true},
		{`WARNING: fetching https://dl-cdn.alpinelinux.org/alpine/v3.22/main: DNS: transient error (try again later)`, "dl-cdn.alpinelinux.org", "no name server", true},
		{`WARNING: opening https://apk.example/alpine/v3.22/main: DNS lookup error`, "apk.example", "is the name right", false},
		{`WARNING: fetching https://apk.example/main: TLS: server certificate not trusted`, "apk.example", "signed by", false},
		{`wget: can't connect to remote host (10.0.0.1): Connection refused`, "10.0.0.1", "refuses", true},
		{`ERROR: cannot verify r.example's certificate, issued by 'CN=x':`, "r.example", "signed by", false},
		{`ERROR: The certificate of 'r.example' is not trusted.`, "r.example", "signed by", false},
		{`curl: (60) SSL certificate problem: self signed certificate in certificate chain`, "", "signed by", false},
		{`curl: (60) SSL certificate problem: certificate has expired`, "", "has expired", false},
		{`curl: (7) Failed to connect to r.example port 443 after 0 ms: Could not connect to server`, "r.example", "does the server run", true},
		{`curl: (28) Failed to connect to r.example port 443 after 129 ms: Couldn't connect to server`, "r.example", "in time", true},
		{`curl: (28) Connection timed out after 10001 milliseconds`, "", "in time", true},
		{`curl: (28) Resolving timed out after 5000 milliseconds`, "", "no name server", true},
		{`curl: (56) CONNECT tunnel failed, response 407`, "", "the proxy wants credentials", false},
		{`curl: (56) CONNECT tunnel failed, response 403`, "", "does not let", false},
		{`fatal: unable to access 'https://r.example/b/': Received HTTP code 502 from proxy after CONNECT`, "", "does not let", false},
		{`fatal: unable to access 'https://r.example/b/': Proxy CONNECT aborted`, "", "does not let", false},
		{`npm ERR! connect ECONNREFUSED 10.0.0.1:4873`, "10.0.0.1:4873", "refuses", true},
		{`npm error connect ETIMEDOUT 10.0.0.1:443`, "10.0.0.1:443", "in time", true},
		{`npm error code SELF_SIGNED_CERT_IN_CHAIN`, "", "signed by", false},
		{`npm error code UNABLE_TO_GET_ISSUER_CERT_LOCALLY`, "", "signed by", false},
		{`npm error code CERT_HAS_EXPIRED`, "", "has expired", false},
		{`Error: connect EHOSTUNREACH 10.0.0.1:443`, "10.0.0.1:443", "is there a network", true},
		{`[7] Couldn't connect to server (Failed to connect to index.crates.io port 443)`, "index.crates.io", "does the server run", true},
		{`java.net.UnknownHostException: repo1.example.org`, "repo1.example.org", "is the name right", false},
		{`repo.maven.apache.org: Temporary failure in name resolution: Unknown host repo.maven.apache.org: Temporary failure in name resolution`,
			"repo.maven.apache.org", "no name server", true},
		{`PKIX path building failed: sun.security.provider.certpath.SunCertPathBuilderException`, "", "signed by", false},
		{`error NU1301:   Name or service not known (nuget.example:443)`, "nuget.example:443", "is the name right", false},
		{`error NU1301:   Resource temporarily unavailable (nuget.example:443)`, "nuget.example:443", "no name server", true},
		{`errors in the certificate chain: UntrustedRoot`, "", "signed by", false},
		{`  Could not connect to deb.debian.org:80 (1.2.3.4), connection timed out`, "deb.debian.org:80", "in time", true},
		{`  Could not connect to deb.debian.org:80 (1.2.3.4). - connect (111: Connection refused)`, "deb.debian.org:80", "refuses", true},
		{`  Unable to connect to deb.debian.org:http:`, "deb.debian.org", "does the server run", true},
		{`Certificate verification failed: The certificate is NOT trusted. The certificate issuer is unknown.`, "", "signed by", false},
		{`Failed to open TCP connection to gems.example:443 (getaddrinfo: Name or service not known)`, "gems.example:443", "is the name right", false},

		// Proxies of Go programs: what the text names is the server behind them.
		{`Get "https://r.example/x": proxyconnect tcp: tls: first record does not look like a TLS handshake`, "", "the proxy speaks plain HTTP", false},
		{`Get "https://r.example/x": proxyconnect tcp: tls: failed to verify certificate: x509: certificate signed by unknown authority`, "", "the proxy cannot", true},
		{`Get "https://r.example/x": socks connect tcp 10.0.0.9:1080->r.example:443: dial tcp 10.0.0.9:1080: connect: connection refused`, "10.0.0.9:1080", "the proxy 10.0.0.9:1080", true},
		{`dial tcp: lookup r.example on [::1]:53: dial udp [::1]:53: connect: cannot assign requested address`, "r.example", "no name server", true},
		{`x509: certificate relies on legacy Common Name field, use SANs instead`, "", "another name", false},
	}
	for _, tt := range tests {
		f, ok := InText(tt.text)
		if !ok || f.Host != tt.host || !strings.Contains(f.Reason, tt.says) || f.Transient != tt.transient {
			t.Errorf("%s\n  %+v, %t; want %q, %q, %t", tt.text, f, ok, tt.host, tt.says, tt.transient)
		}
	}
}

// What a server answers is not the network's fault, nor is a file of that name.
func TestNotTheNetwork(t *testing.T) {
	for _, text := range []string{
		"", "127.0.0.1:5000/nope:1: not found", "pull access denied, repository does not exist",
		"invalid response status 404", `"/nope": not found`, "exec /hi: exec format error", "unexpected EOF",
		"fatal: repository 'http://127.0.0.1:5877/x.git/' not found", "denied: requested access to the resource is denied",
		"runc run failed: unable to start container process",
	} {
		if f, ok := InText(text); ok {
			t.Errorf("%q: %+v", text, f)
		}
	}
}

// Errors that were made here are known by their types, whatever they say.
func TestOf(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	get := func(url string, transport *http.Transport) error {
		res, err := (&http.Client{Transport: transport}).Get(url)
		if err == nil {
			res.Body.Close()
		}
		return err
	}
	through := func(proxy string) *http.Transport {
		u, err := url.Parse(proxy)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Transport{Proxy: http.ProxyURL(u)}
	}
	host := func(raw string) string { return raw[strings.Index(raw, "//")+2:] }
	pool := secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	tests := map[string]struct {
		err        error
		host, says string
	}{
		"authority": {get(secure.URL, &http.Transport{}), host(secure.URL), "signed by"},
		"name":      {get(secure.URL, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "other.invalid"}}), host(secure.URL), "another name"},
		"plain":     {get("https://"+host(plain.URL), &http.Transport{}), host(plain.URL), "plain HTTP"},
		"refused":   {get(gone.URL, &http.Transport{}), host(gone.URL), "refuses"},
		"proxy":     {get("https://r.invalid", through(gone.URL)), host(gone.URL), "the proxy"},
		"lookup":    {fmt.Errorf("x: %w", &net.DNSError{Err: "anything", Name: "a.invalid", IsNotFound: true}), "a.invalid", "a.invalid cannot be found"},
		"names":     {fmt.Errorf("x: %w", &net.DNSError{Err: "anything", Name: "a.invalid", IsTimeout: true}), "a.invalid", "no name server"},
	}
	for name, tt := range tests {
		f, ok := Of(tt.err)
		if !ok || f.Host != tt.host || !strings.Contains(f.Reason, tt.says) {
			t.Errorf("%s: %v\n  %+v, %t", name, tt.err, f, ok)
		}
	}
	if _, ok := Of(nil); ok {
		t.Error("no error is a fault of the network")
	}
	if _, ok := Of(errors.New("no")); ok {
		t.Error("any error is a fault of the network")
	}
}
