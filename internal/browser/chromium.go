package browser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/orch-build/orch/internal/need"
)

// chromium is a browser that runs, and the pipe to it.
type chromium struct {
	cmd *exec.Cmd
	dir string // its profile
	out io.Closer

	mu       sync.Mutex
	in       io.WriteCloser
	last     int
	asked    map[int]*queue    // who waits for an answer
	sessions map[string]*queue // who listens to a page
	ended    bool
}

// reply is a message of the browser: an answer or an event.
type reply struct {
	ID      int             `json:"id"`
	Session string          `json:"sessionId"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// slot holds a browser once a page has asked for one.
type slot struct {
	mu      sync.Mutex
	browser *chromium
}

// running is the browser that the tests of this program share.
var running = new(slot)

// get gives the browser, started if this is the first call.
func (s *slot) get(program string) (*chromium, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.browser != nil {
		return s.browser, nil
	}
	c, err := start(program)
	s.browser = c
	return c, err
}

// end ends the browser, if there is one.
func (s *slot) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.browser != nil {
		s.browser.end()
	}
}

// Main runs the tests of a package that shows pages, and ends the browser that they
// share: TestMain calls it. Its result is the exit code.
func Main(m *testing.M) int {
	defer running.end()
	return m.Run()
}

// shared is the browser of this program. The test is skipped where there is none.
func shared(t testing.TB) *chromium {
	t.Helper()
	c, err := running.get(need.Browser(t))
	must(t, err)
	return c
}

// start starts a browser without a window.
func start(program string) (c *chromium, err error) {
	dir, err := os.MkdirTemp("", "orch-browser-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	fromUs, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer fromUs.Close()
	out, toUs, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	defer toUs.Close()
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars=false",
		"--no-first-run", "--user-data-dir="+filepath.Join(dir, "profile"), "--remote-debugging-pipe", "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.ExtraFiles = []*os.File{fromUs, toUs}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, in.Close(), out.Close())
	}
	c = &chromium{cmd: cmd, dir: dir, in: in, out: out, asked: map[int]*queue{}, sessions: map[string]*queue{}}
	go c.read(out)
	return c, nil
}

// endTimeout is how long the browser may take to end by itself.
const endTimeout = 30 * time.Second

// end ends the browser: it does so by itself once nobody can ask it for anything. What
// was started may be a script around it, so that to kill that is the last resort.
func (c *chromium) end() {
	c.in.Close()
	late := time.AfterFunc(endTimeout, func() { _ = c.cmd.Process.Kill() })
	_ = c.cmd.Wait()
	late.Stop()
	c.out.Close()
	os.RemoveAll(c.dir)
}

// send asks for something, whose answer goes to a queue.
func (c *chromium) send(session, method string, params any, answers *queue) (id int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return 0, errEnded
	}
	c.last++
	message := map[string]any{"id": c.last, "method": method}
	if params != nil {
		message["params"] = params
	}
	if session != "" {
		message["sessionId"] = session
	}
	data, err := json.Marshal(message)
	if err != nil {
		return 0, err
	}
	c.asked[c.last] = answers
	_, err = c.in.Write(append(data, 0))
	return c.last, err
}

// listen has what a page says go to a queue.
func (c *chromium) listen(session string, q *queue) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions[session] = q
}

// forget has what a page says go nowhere.
func (c *chromium) forget(session string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sessions, session)
}

// read hands on the messages of the browser, until it ends.
func (c *chromium) read(out io.Reader) {
	r := bufio.NewReader(out)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			break
		}
		var m reply
		if json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m) == nil {
			c.deliver(m)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	for _, q := range c.asked {
		q.end()
	}
	for _, q := range c.sessions {
		q.end()
	}
}

func (c *chromium) deliver(m reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.sessions[m.Session]
	if m.ID != 0 {
		q = c.asked[m.ID]
		delete(c.asked, m.ID)
	}
	if q != nil {
		q.add(m)
	}
}

var (
	errEnded  = errors.New("the browser ended")
	errSilent = errors.New("the browser does not answer")
)

// queue holds the messages for one page, however many: the others wait for none.
type queue struct {
	mu       sync.Mutex
	messages []reply
	ended    bool
	more     chan struct{} // has one element when there is something new
}

func newQueue() *queue { return &queue{more: make(chan struct{}, 1)} }

func (q *queue) add(m reply) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages = append(q.messages, m)
	q.wake()
}

func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// next takes the oldest message, and waits for one at most for a time.
func (q *queue) next(limit time.Duration) (reply, error) {
	timeout := time.After(limit)
	for {
		q.mu.Lock()
		if len(q.messages) > 0 {
			m := q.messages[0]
			q.messages = q.messages[1:]
			q.mu.Unlock()
			return m, nil
		}
		ended := q.ended
		q.mu.Unlock()
		if ended {
			return reply{}, errEnded
		}
		select {
		case <-q.more:
		case <-timeout:
			return reply{}, errSilent
		}
	}
}
