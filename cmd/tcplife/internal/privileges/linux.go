//go:build linux

package privileges

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	landlocksys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// defaultUser is the user that a process started as root becomes.
const defaultUser = "nobody"

// Drop removes the privileges of the process, in all threads (libcap's psx changes those of C too): it becomes another
// user if it is root, loses all capabilities, and cannot regain any. It returns what was dropped.
func Drop(name string) (said []string, err error) {
	root := os.Geteuid() == 0
	if !root && name != "" {
		return nil, &UserError{"--user " + name + " takes root", "leave it out, or run as root"}
	}
	var uid, gid int
	if root {
		if name == "" {
			name = defaultUser
		}
		if uid, gid, err = lookUpUser(name); err != nil {
			return nil, &UserError{"--user: " + err.Error(), "name a user of this system or a number"}
		}
	}
	held := cap.GetProc()
	if able, _ := held.GetFlag(cap.Permitted, cap.SETUID); root && !able && name == defaultUser { // in a container
		root = false
		said = append(said, "not root: the capability to become another user (CAP_SETUID) is missing")
	}
	// without CAP_SETPCAP it cannot drop them
	if owned, _ := held.GetFlag(cap.Effective, cap.SETPCAP); owned {
		var all []cap.Value
		for v := range cap.MaxBits() {
			all = append(all, v)
		}
		if err := cap.DropBound(all...); err != nil {
			return nil, fmt.Errorf("drop the bounding set of capabilities: %w", err)
		}
	}
	if err := cap.ResetAmbient(); err != nil {
		return nil, fmt.Errorf("drop the ambient capabilities: %w", err)
	}
	if root {
		if err := cap.SetGroups(gid); err != nil {
			return nil, fmt.Errorf("become a member of group %d and no other: %w", gid, err)
		}
		if err := cap.SetUID(uid); err != nil {
			return nil, fmt.Errorf("become user %s: %w", name, err)
		}
		said = append(said, fmt.Sprintf("root, for user %s (uid %d, gid %d)", name, uid, gid))
	}
	if err := cap.NewSet().SetProc(); err != nil {
		return nil, fmt.Errorf("drop the capabilities: %w", err)
	}
	if _, err := cap.Prctlw(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("set no_new_privs: %w", err)
	}
	return append(said, "all capabilities, and the way to new ones (no_new_privs)"), nil
}

// UseRightToCapture makes CAP_NET_RAW effective where it is only permitted, as by setcap cap_net_raw+p. If it is
// missing, opening a device fails.
func UseRightToCapture() {
	held := cap.GetProc()
	if permitted, _ := held.GetFlag(cap.Permitted, cap.NET_RAW); permitted {
		if held.SetFlag(cap.Effective, true, cap.NET_RAW) == nil {
			held.SetProc()
		}
	}
}

// lookUpUser finds a user by name or number.
func lookUpUser(name string) (uid, gid int, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		if n, notNumber := strconv.Atoi(name); notNumber == nil && n >= 0 {
			return n, n, nil
		}
		return 0, 0, fmt.Errorf("no user %q", name)
	}
	if uid, err = strconv.Atoi(u.Uid); err == nil {
		gid, err = strconv.Atoi(u.Gid)
	}
	return uid, gid, err
}

// Confine restricts the process to files below writeDirs and, for reading, below readDirs, to the drop counters of
// devices and, with itself, to the kernel's files about the process; it allows no TCP or UDP ports except those it
// listens on, no signals to other processes (Landlock: Linux 5.13, 6.7, 6.12 and later), and few system calls
// (seccomp). Open files stay open. It returns what was dropped.
func Confine(writeDirs, readDirs []string, itself bool) (said []string, err error) {
	files, err := confineFiles(writeDirs, readDirs, itself)
	if err != nil {
		return nil, err
	}
	calls, err := limitSyscalls()
	return []string{files, calls}, err
}

// Landlock's versions with rules about TCP ports, and about signals and abstract sockets.
const (
	landlockNet   = 4
	landlockScope = 6
)

func confineFiles(writeDirs, readDirs []string, itself bool) (said string, err error) {
	abi, err := landlocksys.LandlockGetABIVersion()
	if errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EOPNOTSUPP) {
		return "not the access to files: this kernel has no Landlock", nil
	}
	if err != nil {
		return "", fmt.Errorf("ask the kernel for Landlock: %w", err)
	}
	rules := []landlock.Rule{
		landlock.RODirs("/sys/class/net", "/sys/devices").IgnoreIfMissing(), // libpcap reads what the devices dropped
		landlock.RODirs(readDirs...).IgnoreIfMissing(),
		landlock.RWFiles("/dev/tty", "/dev/null").IgnoreIfMissing(),
	}
	if itself { // memory and time, for the metrics
		rules = append(rules, landlock.RODirs("/proc/self").IgnoreIfMissing(),
			landlock.ROFiles("/proc/stat").IgnoreIfMissing())
	}
	said = "all files"
	if len(writeDirs) > 0 {
		rules = append(rules, landlock.RWDirs(writeDirs...))
		said += " but those in " + strings.Join(writeDirs, " and ")
	}
	if abi >= landlockNet {
		said += ", other ports"
	}
	if abi >= landlockScope {
		said += ", signals to others"
	}
	if err := landlock.V10.BestEffort().Restrict(rules...); err != nil {
		return "", fmt.Errorf("restrict the access to files and ports by Landlock: %w", err)
	}
	return fmt.Sprintf("%s (Landlock, ABI %d)", said, abi), nil
}
