// SPDX-License-Identifier: Apache-2.0

// apiproxy stands between the agent and a real API server and does to their talk what outages do:
// nothing, silence, errors, and well-formed lies. mode.go has the table of modes, control.go the HTTP
// API by which a test sets them and reads what was asked.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
)

func newUpstream(address, ca, token string) (*upstream, error) {
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("upstream %q: https://HOST:PORT was expected", address)
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in it", ca)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableCompression: true, MaxIdleConnsPerHost: 64}
	return &upstream{base: base, token: token, client: &http.Client{Transport: transport}}, nil
}

func run() error {
	listen := flag.String("listen", "127.0.0.1:0", "address towards the agent (HTTPS, HTTP/1.1)")
	controlAddress := flag.String("control", "127.0.0.1:0", "address of the control API (HTTP)")
	main := flag.String("upstream", "", "URL of the API server")
	ca := flag.String("upstream-ca", "", "file of the authority that signed its certificate")
	alt := flag.String("alt", "", "URL of the other API server, for mode alt")
	altCA := flag.String("alt-ca", "", "the same for it")
	altToken := flag.String("alt-token", "", "token that replaces the agent's there")
	cert := flag.String("cert", "", "certificate file; without it one is made and written to -cert-out")
	key := flag.String("key", "", "its key")
	certOut := flag.String("cert-out", "", "where the certificate that was made is written")
	modes := flag.Bool("modes", false, "print the modes")
	flag.Parse()
	if *modes {
		for _, name := range slices.Sorted(maps.Keys(kinds)) {
			fmt.Printf("%-14s %s\n", name, kinds[name].help)
		}
		return nil
	}

	certificate, err := certificateOf(*cert, *key, *certOut)
	if err != nil {
		return err
	}
	board := newSwitchboard()
	gate, err := newGate(board, *listen)
	if err != nil {
		return err
	}
	p := &proxy{board: board, gate: gate, streams: streams{open: map[*stream]struct{}{}}, memory: newMemory(), log: &requestLog{}}
	if p.main, err = newUpstream(*main, *ca, ""); err != nil {
		return err
	}
	if *alt != "" {
		if p.alt, err = newUpstream(*alt, *altCA, *altToken); err != nil {
			return err
		}
	}
	controlListener, err := net.Listen("tcp", *controlAddress)
	if err != nil {
		return err
	}
	now, _ := board.present()
	go http.Serve(controlListener, (&control{proxy: p, now: now}).handler())
	fmt.Printf("apiproxy: https://%s, control http://%s\n", gate.Addr(), controlListener.Addr())
	server := &http.Server{Handler: p, ErrorLog: log.New(io.Discard, "", 0), TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}}
	return server.Serve(tls.NewListener(gate, &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}}))
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "apiproxy:", err)
		os.Exit(1)
	}
}
