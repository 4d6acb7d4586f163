package engine_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/syncline-dev/syncline/internal/engine"
)

func TestAddressOfTheEnvironmentIsExternal(t *testing.T) {
	cluster, err := shared()
	require.NoError(t, err)
	state := filepath.Join(t.TempDir(), "state")
	t.Setenv("TEMPORAL_ADDRESS", cluster.Address())
	t.Setenv("TEMPORAL_UI_URL", "https://temporal.example/")
	e := connect(t, engine.Options{State: state})
	require.True(t, e.External())
	require.False(t, e.Embedded())
	require.Equal(t, cluster.Address(), e.Address())
	require.Equal(t, "https://temporal.example/namespaces/default/workflows/people", e.WorkflowURL("people", ""))
	require.NoDirExists(t, state)
}

func TestAddressOfTheOptionsIsExternal(t *testing.T) {
	t.Parallel()
	cluster, err := shared()
	require.NoError(t, err)
	e := connect(t, engine.Options{Address: cluster.Address()})
	require.True(t, e.External())
	require.Empty(t, e.UIURL())
	require.Empty(t, e.WorkflowURL("people", "r"))
}

func TestExternalFailuresSayWhatToDo(t *testing.T) {
	t.Parallel()
	cluster, err := shared()
	require.NoError(t, err)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := l.Addr().String()
	require.NoError(t, l.Close())

	_, err = engine.Connect(t.Context(), engine.Options{Address: nobody})
	require.ErrorIs(t, err, engine.ErrUnreachable)
	require.ErrorContains(t, err, nobody)

	_, err = engine.Connect(t.Context(), engine.Options{Address: cluster.Address(), Namespace: "nowhere"})
	require.ErrorIs(t, err, engine.ErrUnreachable)
	require.ErrorContains(t, err, "temporal operator namespace create --namespace nowhere")

	_, err = engine.Connect(t.Context(), engine.Options{Profile: "nosuch"})
	require.ErrorContains(t, err, "nosuch")
}

// TestProfileWithTLS reaches the cluster through a proxy that ends TLS, by a profile
// of temporal.toml that trusts its certificate, and fails by one that does not.
func TestProfileWithTLS(t *testing.T) {
	cluster, err := shared()
	require.NoError(t, err)
	certificate, ca := selfSigned(t)
	proxy := tlsProxy(t, certificate, cluster.Address())
	config := filepath.Join(t.TempDir(), "temporal.toml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
[profile.trusted]
address = %[1]q
namespace = "default"
[profile.trusted.tls]
server_ca_cert_path = %[2]q
[profile.untrusted]
address = %[1]q
[profile.untrusted.tls]
`, proxy, ca), 0o600))
	t.Setenv("TEMPORAL_CONFIG_FILE", config)

	e := connect(t, engine.Options{Profile: "trusted"})
	require.True(t, e.External())
	require.Equal(t, proxy, e.Address())

	_, err = engine.Connect(t.Context(), engine.Options{Profile: "untrusted"})
	require.ErrorIs(t, err, engine.ErrUnreachable)
}

// TestAPIKey looks at what arrives at a server that lets nobody in.
func TestAPIKey(t *testing.T) {
	certificate, ca := selfSigned(t)
	heard := make(chan []string, 100)
	s := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&certificate)),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			md, _ := metadata.FromIncomingContext(stream.Context())
			heard <- md.Get("authorization")
			return status.Error(codes.PermissionDenied, "no")
		}))
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	t.Setenv("TEMPORAL_ADDRESS", l.Addr().String())
	t.Setenv("TEMPORAL_API_KEY", "k3y")
	t.Setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", ca)
	_, err = engine.Connect(t.Context(), engine.Options{})
	require.ErrorIs(t, err, engine.ErrUnreachable)
	require.NotContains(t, err.Error(), "k3y")
	require.Equal(t, []string{"Bearer k3y"}, <-heard)
}

// selfSigned returns a certificate for 127.0.0.1 and the file of what trusts it.
func selfSigned(t *testing.T) (certificate tls.Certificate, caFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, caFile
}

// tlsProxy hands what arrives by TLS on to an address and returns its own.
func tlsProxy(t *testing.T, certificate tls.Certificate, to string) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := (&net.Dialer{}).DialContext(ctx, "tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			both := func() { _ = in.Close(); _ = out.Close() }
			go func() { defer both(); _, _ = io.Copy(out, in) }()
			go func() { defer both(); _, _ = io.Copy(in, out) }()
		}
	}()
	return l.Addr().String()
}
