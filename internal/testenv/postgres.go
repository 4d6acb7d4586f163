package testenv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options say how a PostgreSQL server differs from the plain one: everybody on
// 127.0.0.1 is let in as the superuser syncline, without TLS, and a commit does not
// wait for the disk.
type Options struct {
	// Password of the user syncline. When it is set, only it lets anybody in
	// (SCRAM-SHA-256); the URLs carry it.
	Password string
	// TLS refuses connections without TLS. The URLs ask for full verification
	// against Server.CAFile.
	TLS bool
	// Durable keeps fsync, full_page_writes and synchronous_commit on, as
	// benchmarks must.
	Durable bool
	// Settings are further lines of postgresql.conf, such as wal_level=logical.
	Settings map[string]string
}

// Server is a running PostgreSQL server. Its methods may be called concurrently,
// but for Stop, Crash, Start and Close.
type Server struct {
	// URL connects to the server's own database, as a superuser.
	URL string
	// CAFile is the certificate that clients trust; empty without TLS.
	CAFile string
	// Bin is the folder of the server's programs (psql, pg_dump …).
	Bin string

	dir     string
	options Options
	process *process
}

const superuser = "syncline"

// startPatience is how long a server may take from its start to its first answer;
// machines that build and test at once are slow.
const startPatience = 60 * time.Second

// StartPostgres initialises and starts a server of one's own. It is stopped and
// removed by Close, and anyway when this process ends.
func StartPostgres(ctx context.Context, options Options) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "syncline-pg-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for postgres: %w", err)
	}
	s := &Server{Bin: bin, dir: dir, options: options}
	if err := s.initialise(ctx); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	// Between finding a free port and using it somebody else may take it.
	for range 5 {
		if err = s.choosePort(ctx); err != nil {
			break
		}
		if err = s.Start(ctx); err == nil || !strings.Contains(err.Error(), "could not bind") {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// initialise makes the data folder and its configuration.
func (s *Server) initialise(ctx context.Context) error {
	if err := own(s.dir); err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	args := []string{
		"-D", data, "-U", superuser, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
		"--auth=trust", "--no-instructions",
	}
	if s.options.Password != "" {
		file := filepath.Join(s.dir, "password")
		if err := os.WriteFile(file, []byte(s.options.Password+"\n"), 0o600); err != nil {
			return fmt.Errorf("write the password: %w", err)
		}
		if err := own(file); err != nil {
			return err
		}
		args = append(args, "--pwfile="+file)
	}
	out, err := command(ctx, s.dir, filepath.Join(s.Bin, "initdb"), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb in %s: %w\n%s", s.dir, err, out)
	}
	if s.options.TLS {
		if err := writeCertificate(data); err != nil {
			return err
		}
		// The data folder is the server user's alone; clients read this copy.
		s.CAFile = filepath.Join(s.dir, "ca.crt")
		pem, err := os.ReadFile(filepath.Join(data, "server.crt")) //nolint:gosec // our own folder
		if err != nil {
			return fmt.Errorf("read the certificate: %w", err)
		}
		if err := os.WriteFile(s.CAFile, pem, 0o600); err != nil { //nolint:gosec // our own folder
			return fmt.Errorf("write the certificate: %w", err)
		}
	}
	if err := s.configure(data); err != nil {
		return err
	}
	return ctx.Err()
}

// configure writes what is ours into postgresql.conf and pg_hba.conf.
func (s *Server) configure(data string) error {
	settings := map[string]string{ //nolint:gosec // no password here
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "", // their paths may not be longer than 107 bytes
		"max_connections":         "200",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"password_encryption":     "scram-sha-256",
	}
	if !s.options.Durable {
		settings["fsync"] = "off"
		settings["full_page_writes"] = "off"
		settings["synchronous_commit"] = "off"
	}
	if s.options.TLS {
		settings["ssl"] = "on"
	}
	maps.Copy(settings, s.options.Settings)
	var conf strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&conf, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	if err := appendTo(filepath.Join(data, "postgresql.conf"), conf.String()); err != nil {
		return err
	}
	kind, method := "host", "trust"
	if s.options.TLS {
		kind = "hostssl"
	}
	if s.options.Password != "" {
		method = "scram-sha-256"
	}
	hba := fmt.Sprintf("%[1]s all all 127.0.0.1/32 %[2]s\n%[1]s replication all 127.0.0.1/32 %[2]s\n", kind, method)
	if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(hba), 0o600); err != nil {
		return fmt.Errorf("write pg_hba.conf: %w", err)
	}
	return nil
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0) //nolint:gosec // our own folder
	if err != nil {
		return fmt.Errorf("configure postgres: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("configure postgres: %w", err)
	}
	return nil
}

// choosePort finds a free port, sets it and derives the URL.
func (s *Server) choosePort(ctx context.Context) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("find a free port: %w", err)
	}
	address := l.Addr().(*net.TCPAddr) //nolint:forcetypeassert // a TCP listener has no other
	if err := l.Close(); err != nil {
		return fmt.Errorf("find a free port: %w", err)
	}
	port := strconv.Itoa(address.Port)
	if err := appendTo(filepath.Join(s.dir, "data", "postgresql.conf"), "port = "+port+"\n"); err != nil {
		return err
	}
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Host: net.JoinHostPort("127.0.0.1", port), Path: "/postgres"}
	if s.options.Password != "" {
		u.User = url.UserPassword(superuser, s.options.Password)
	}
	query := url.Values{"sslmode": {"disable"}}
	if s.options.TLS {
		query = url.Values{"sslmode": {"verify-full"}, "sslrootcert": {s.CAFile}}
	}
	u.RawQuery = query.Encode()
	s.URL = u.String()
	return nil
}

// Start starts the server again after Stop or Crash, on the same port with the same
// data, and returns when it answers.
func (s *Server) Start(ctx context.Context) error {
	// ctx bounds the start, not the server.
	p, err := startProcess(context.WithoutCancel(ctx), filepath.Join(s.Bin, "postgres"), s.dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.URL)
		if err == nil {
			s.process = p
			_ = conn.Close(ctx)
			return nil
		}
		if p.exited() || ctx.Err() != nil {
			_ = p.end("stop")
			return fmt.Errorf("start postgres: %w\n%s", err, s.log())
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Stop ends the server in order, cutting its clients off. Start brings it back.
func (s *Server) Stop() error { return s.end("stop") }

// Crash ends the server as a power cut does: without a checkpoint. Start brings it
// back.
func (s *Server) Crash() error { return s.end("crash") }

// Close stops the server and removes its folder. It may be called twice.
func (s *Server) Close() error {
	return errors.Join(s.end(""), os.RemoveAll(s.dir))
}

func (s *Server) end(word string) error {
	if s.process == nil {
		return nil
	}
	p := s.process
	s.process = nil
	return p.end(word)
}

// log is the end of what the server wrote, for error messages.
func (s *Server) log() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}
