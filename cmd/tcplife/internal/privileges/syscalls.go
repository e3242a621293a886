//go:build linux

package privileges

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// allowed are the system calls that a process needs once its devices are open. They do not include running another
// program, connecting to another host, becoming another user, or tracing, mounting or loading anything. Calls that a
// processor does not have are skipped.
var allowed = strings.Fields(`
	mmap munmap mprotect mremap madvise mincore brk membarrier
	clone clone3 exit exit_group futex gettid getpid set_robust_list rseq sched_yield sched_getaffinity set_tid_address
	rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait sigaltstack tgkill tkill restart_syscall
	waitid wait4
	clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time setitimer timer_create timer_settime
	timer_delete
	getrandom uname sysinfo getrusage getrlimit prlimit64 prctl arch_prctl getuid geteuid getgid getegid getppid
	read readv pread64 write writev pwrite64 lseek close fcntl dup dup3 pipe2 eventfd2 ioctl
	poll ppoll select pselect6 epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
	open openat stat lstat fstat newfstatat statx statfs fstatfs access faccessat faccessat2 readlink readlinkat getcwd
	getdents64 ftruncate fallocate fsync fdatasync flock
	rename renameat renameat2 link linkat unlink unlinkat mkdir mkdirat fchmod fchmodat
	accept accept4 bind getsockname getpeername getsockopt setsockopt shutdown recvfrom recvmsg sendto sendmsg
`)

// limitSyscalls limits the process to these system calls, in all its threads, if the kernel has seccomp filters. Other
// calls fail with EPERM, and the kernel's audit log has them.
func limitSyscalls() (said string, err error) {
	processor, err := arch.GetInfo("")
	if err != nil || !seccomp.Supported() {
		return "not the system calls: this kernel has no seccomp filters", nil
	}
	var names []string
	for _, name := range allowed {
		if _, known := processor.SyscallNames[name]; known {
			names = append(names, name)
		}
	}
	filter := seccomp.Filter{Flag: seccomp.FilterFlagTSync | seccomp.FilterFlagLog, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionErrno,
		Syscalls: []seccomp.SyscallGroup{{
			Action: seccomp.ActionAllow,
			Names:  names,
			NamesWithCondtions: []seccomp.NameWithConditions{{ // for queries about devices
				Name:       "socket",
				Conditions: seccomp.ArgumentConditions{{Operation: seccomp.Equal, Value: unix.AF_NETLINK}},
			}},
		}},
	}}
	err = seccomp.LoadFilter(filter)
	if errors.Is(err, syscall.EINVAL) { // the log is there since Linux 4.14
		filter.Flag = seccomp.FilterFlagTSync
		err = seccomp.LoadFilter(filter)
	}
	if err != nil {
		return "", fmt.Errorf("limit the system calls: %w", err)
	}
	return fmt.Sprintf("all system calls but %d (seccomp)", len(names)+1), nil
}
