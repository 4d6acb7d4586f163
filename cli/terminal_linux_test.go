package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stays runs a program on a terminal of its own until it has shown the Web UI's
// link, sees that both stay, presses Ctrl-C and gives what the terminal showed.
// The program has to end well then.
func stays(program string, args []string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	keyboard, terminal, err := openTerminal()
	if err != nil {
		return "", err
	}
	defer keyboard.Close()                          //nolint:errcheck // nothing is kept in it
	c := exec.CommandContext(ctx, program, args...) //nolint:gosec // the script names it
	c.Stdin, c.Stdout, c.Stderr = terminal, terminal, terminal
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		return "", errors.Join(err, terminal.Close())
	}
	if err := terminal.Close(); err != nil {
		return "", err
	}
	var shown screenshot
	go shown.watch(keyboard)
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	link, err := shown.link(ended)
	if err != nil {
		return shown.String(), err
	}
	for range 10 { // a while, in which it must not end
		if err := answers(ctx, link); err != nil {
			return shown.String(), err
		}
		select {
		case err := <-ended:
			return shown.String(), fmt.Errorf("it ended by itself: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
	if _, err := keyboard.WriteString("\x03"); err != nil {
		return shown.String(), err
	}
	return shown.String(), <-ended
}

func openTerminal() (keyboard, terminal *os.File, err error) {
	keyboard, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	fd := int(keyboard.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, errors.Join(err, keyboard.Close())
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, errors.Join(err, keyboard.Close())
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, errors.Join(err, keyboard.Close())
	}
	return keyboard, terminal, nil
}

func answers(ctx context.Context, link string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // nothing is read
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// screenshot is what a terminal has shown so far.
type screenshot struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screenshot) watch(from *os.File) {
	part := make([]byte, 4096)
	for {
		n, err := from.Read(part)
		s.mu.Lock()
		s.text.Write(part[:n])
		s.mu.Unlock()
		if err != nil { // the program is gone
			return
		}
	}
}

func (s *screenshot) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// link waits for the Web UI's.
func (s *screenshot) link(ended <-chan error) (string, error) {
	for {
		if m := regexp.MustCompile(`Web UI +(http://\S+)`).FindStringSubmatch(s.String()); m != nil {
			return m[1], nil
		}
		select {
		case err := <-ended:
			return "", fmt.Errorf("it ended before it showed a link: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
