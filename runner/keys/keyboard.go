//go:build unix && !aix && !solaris && !illumos

package keys

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Supported says whether keys can be read on this system.
const Supported = true

const (
	// splitTime is how long the rest of a sequence may take to come.
	splitTime = 50 * time.Millisecond
	// lookTime is how often a process in the background looks whether it still is.
	lookTime = 250 * time.Millisecond
)

// Keyboard is a terminal whose keys are read.
type Keyboard struct {
	fd      int
	key     func(Key)
	rest    func()
	resumed func()
	signals chan os.Signal
	wake    *os.File // written to, it ends the reading
	woken   *os.File
	done    chan struct{}
	closing sync.Once
	reading sync.WaitGroup

	mu      sync.Mutex
	saved   *unix.Termios // how the terminal was; nil while it is as it was
	leaving bool          // the process is about to be stopped
	closed  bool
}

// Open begins to read the keys of a terminal. key is called with each, rest before the
// process is suspended, and resumed when it goes on and the screen is to be drawn anew;
// they must return soon. A process in the background leaves the terminal alone
// until it is in the foreground.
func Open(in *os.File, key func(Key), rest, resumed func()) (*Keyboard, error) {
	woken, wake, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	k := &Keyboard{
		fd: int(in.Fd()), key: key, rest: rest, resumed: resumed, wake: wake, woken: woken,
		signals: make(chan os.Signal, 8), done: make(chan struct{}),
	}
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGCONT}
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGTSTP} {
		if !signal.Ignored(s) {
			signals = append(signals, s)
		}
	}
	signal.Notify(k.signals, signals...)
	k.take()
	k.reading.Add(2)
	go k.follow()
	go k.read()
	return k, nil
}

// Close gives the terminal back. No key comes any more when it returns. It may be
// called more than once, also by a goroutine that panics.
func (k *Keyboard) Close() {
	if k == nil {
		return
	}
	k.closing.Do(func() {
		k.mu.Lock()
		k.closed = true
		k.mu.Unlock()
		k.giveBack()
		signal.Stop(k.signals)
		close(k.done)
		_ = k.wake.Close()
		k.reading.Wait()
		_ = k.woken.Close()
	})
}

// take has the terminal hand over each key at once, if the process is in the
// foreground: one in the background that tries is stopped. What has it already takes it
// again: a shell gives it its own ways while a process is stopped.
func (k *Keyboard) take() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.leaving || k.closed || !k.foreground() {
		return
	}
	old, err := unix.IoctlGetTermios(k.fd, getTermios)
	if err != nil {
		return
	}
	single := *old
	single.Lflag &^= unix.ICANON | unix.ECHO | unix.ECHONL
	single.Cc[unix.VMIN], single.Cc[unix.VTIME] = 1, 0
	if unix.IoctlSetTermios(k.fd, setTermios, &single) == nil && k.saved == nil {
		k.saved = old
	}
}

// giveBack makes the terminal as it was.
func (k *Keyboard) giveBack() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.saved != nil {
		if k.foreground() {
			_ = unix.IoctlSetTermios(k.fd, setTermios, k.saved)
		}
		k.saved = nil
	}
}

// foreground says whether the process may use the terminal.
func (k *Keyboard) foreground() bool {
	group, err := unix.IoctlGetInt(k.fd, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// taken says whether keys come one by one.
func (k *Keyboard) taken() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.saved != nil
}

// follow handles signals until the keyboard is closed. Those that end the process
// are acted on by others; after the first, the next one has its usual effect.
func (k *Keyboard) follow() {
	defer k.reading.Done()
	for {
		select {
		case <-k.done:
			return
		case s := <-k.signals:
			switch s {
			case syscall.SIGTSTP:
				k.suspend()
			case syscall.SIGCONT:
				k.mu.Lock()
				k.leaving = false
				k.mu.Unlock()
				k.resume()
			default:
				k.giveBack()
				k.mu.Lock()
				k.closed = true
				k.mu.Unlock()
				signal.Stop(k.signals)
				if s == syscall.SIGQUIT {
					_ = syscall.Kill(os.Getpid(), syscall.SIGQUIT)
				}
			}
		}
	}
}

// suspend gives the terminal back and stops the process, as Ctrl-Z does. In the group
// of the session's first process there is no shell that could have it go on.
func (k *Keyboard) suspend() {
	if session, err := unix.Getsid(0); err != nil || session == unix.Getpgrp() {
		return
	}
	k.mu.Lock()
	k.leaving = true
	k.mu.Unlock()
	k.rest()
	k.giveBack()
	// Go's runtime takes SIGTSTP for itself once it was asked for. The call may return
	// before the process stops: what follows waits for SIGCONT.
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
}

// resume takes the terminal again after the process was stopped.
func (k *Keyboard) resume() {
	k.take()
	if k.taken() {
		k.resumed()
	}
}

// read hands over keys until the keyboard is closed or the terminal is gone.
func (k *Keyboard) read() {
	defer k.reading.Done()
	var pending []byte
	for {
		wait, taken := -1, k.taken()
		switch {
		case !taken:
			wait = int(lookTime / time.Millisecond)
		case len(pending) > 0:
			wait = int(splitTime / time.Millisecond)
		}
		ready, ok := k.wait(wait)
		if !ok {
			return
		}
		if !taken { // what comes is for somebody else
			if ready {
				time.Sleep(lookTime)
			}
			k.resume() // a shell says nothing when it brings what runs to the foreground
			continue
		}
		if ready {
			buf := make([]byte, 256)
			n, err := unix.Read(k.fd, buf)
			if err == unix.EINTR || err == unix.EAGAIN {
				continue
			}
			if n <= 0 {
				return
			}
			pending = append(pending, buf[:n]...)
		}
		pending = k.send(pending, pause(!ready))
	}
}

// wait waits for input, for so many milliseconds; -1 is for ever. ok is false when
// the keyboard is closed or the terminal gone.
func (k *Keyboard) wait(milliseconds int) (ready, ok bool) {
	fds := []unix.PollFd{{Fd: int32(k.fd), Events: unix.POLLIN}, {Fd: int32(k.woken.Fd()), Events: unix.POLLIN}}
	_, err := unix.Poll(fds, milliseconds)
	if err == unix.EINTR {
		return false, true
	}
	if err != nil || fds[1].Revents != 0 || fds[0].Revents&unix.POLLIN == 0 && fds[0].Revents != 0 {
		return false, false
	}
	return fds[0].Revents != 0, true
}

// send hands over the keys in what was read, and returns what is left.
func (k *Keyboard) send(in []byte, idle pause) []byte {
	for len(in) > 0 {
		key, n := decode(in, idle)
		if n == 0 {
			break
		}
		in = in[n:]
		if key != "" {
			k.key(key)
		}
	}
	return in
}
