package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ticks is how many there are in a second of the kernel's accounts on Linux.
const ticks = 100

// CPUSeconds is the processor time of the server and of its sessions that have
// ended, since its start.
func (s *Server) CPUSeconds() (float64, error) {
	id, err := os.ReadFile(filepath.Join(s.dir, "data", "postmaster.pid"))
	if err != nil {
		return 0, fmt.Errorf("find the server's process: %w", err)
	}
	pid, _, _ := strings.Cut(string(id), "\n")
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat")) //nolint:gosec // the kernel's account of our own server
	if err != nil {
		return 0, fmt.Errorf("read the server's processor time: %w", err)
	}
	// After the program's name, which may hold anything, the 12th to 15th are the
	// times of the process itself and of its children that have ended.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return 0, fmt.Errorf("read the server's processor time: %d fields", len(fields))
	}
	total := 0
	for _, field := range fields[11:15] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("read the server's processor time: %w", err)
		}
		total += n
	}
	return float64(total) / ticks, nil
}
